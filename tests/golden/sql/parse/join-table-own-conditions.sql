CREATE OR REPLACE STREAM "D" (t VARCHAR(4), c VARCHAR(64));
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM s.ticker_symbol, c.company FROM "SOURCE_SQL_STREAM_001" AS s LEFT JOIN company AS c ON s.ticker_symbol = c.ticker AND c.sector <> 'X' AND s.price > 1
WHERE c.company IS NULL OR s.change > 0;
