CREATE OR REPLACE STREAM "D" (t VARCHAR(4));
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM ticker_symbol FROM "SOURCE_SQL_STREAM_001" AS s
WHERE EXISTS (SELECT * FROM company AS c WHERE c.ticker = s.ticker_symbol AND s.price > 1 AND sector = 'TECH')
  AND NOT EXISTS (SELECT 1 FROM segments WHERE "user_id" = ticker_symbol);
