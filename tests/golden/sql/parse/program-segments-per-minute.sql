-- Clicks on articles by the reader's segment, each minute.
CREATE OR REPLACE STREAM "RANKING" (minute_start TIMESTAMP, segment VARCHAR(16), article INTEGER, clicks BIGINT, weight DOUBLE);
CREATE OR REPLACE PUMP "RANKING_PUMP" AS INSERT INTO "RANKING"
SELECT STREAM FLOOR(c.ROWTIME TO MINUTE), COALESCE(s."segment", 'unknown'), c."article", COUNT(*), SUM(s."weight")
FROM "CLICKS_001" AS c LEFT JOIN segments AS s ON c."user_id" = s."user_id"
WHERE c."event" = 'view'
GROUP BY FLOOR(c.ROWTIME TO MINUTE), COALESCE(s."segment", 'unknown'), c."article";
