CREATE OR REPLACE STREAM "D" (s VARCHAR(16), a INTEGER, n BIGINT);
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM s."segment", c."article", COUNT(*) FROM CLICKS_001 AS c JOIN segments AS s ON c."user_id" = s."user_id" AND c."value" > 0
WHERE c."event" = 'view' GROUP BY STEP(c.ROWTIME BY INTERVAL '60' SECOND), s."segment", c."article";
