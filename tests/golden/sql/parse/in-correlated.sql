CREATE OR REPLACE STREAM "D" (t VARCHAR(4));
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM ticker_symbol FROM "SOURCE_SQL_STREAM_001" AS s
WHERE (ticker_symbol, 'x') IN (SELECT ticker, company FROM company WHERE company.sector = s.sector) AND sector NOT IN (SELECT sector FROM company WHERE ticker = ticker_symbol);
