CREATE OR REPLACE STREAM "D" (t VARCHAR(4), c VARCHAR(64));
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM s.ticker_symbol, c.company FROM company AS c, "SOURCE_SQL_STREAM_001" AS s WHERE c.ticker = s.ticker_symbol AND s.price > 1;
