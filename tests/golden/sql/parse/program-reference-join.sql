CREATE OR REPLACE STREAM "OUT" (ticker_symbol VARCHAR(4), "Company" VARCHAR(20), sector VARCHAR(12), change DOUBLE, price DOUBLE);
CREATE OR REPLACE PUMP "P" AS INSERT INTO "OUT"
SELECT STREAM s.ticker_symbol, c.company, s.sector, change, price
FROM "SOURCE_SQL_STREAM_001" AS s LEFT JOIN "COMPANY" AS c ON s.ticker_symbol = c.ticker;
