CREATE OR REPLACE STREAM "D" (a VARCHAR(4));
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM ticker_symbol FROM "SOURCE_SQL_STREAM_001"
WHERE sector IN ('TECH', 'RETAIL', 'ENERGY') AND (ticker_symbol, price) NOT IN (('A', 1), ('B', 2)) AND (sector, change) = ('X', 0);
