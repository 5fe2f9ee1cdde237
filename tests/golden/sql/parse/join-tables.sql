CREATE OR REPLACE STREAM "D" (t VARCHAR(4), c VARCHAR(64));
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM s.ticker_symbol, c.company FROM "SOURCE_SQL_STREAM_001" AS s JOIN company AS c ON s.ticker_symbol = c.ticker JOIN segments AS g ON g."segment" = c.sector
WHERE c.company LIKE 'A%' AND g."weight" > 1 AND s.change > 0 AND c.ticker < g."user_id" ;
