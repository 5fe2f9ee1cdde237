-- Counts the clicks of every minute per article and segment of the readers.
-- CLICKS_001 is the click stream, SEGMENTS the table of readers in the lake.
-- A row is counted in the minute of its click. The window (${WINDOW} seconds of arrival) only says
-- how often counts are delivered: a late click makes one more row of its minute.
CREATE OR REPLACE STREAM "RANKING" (
    "minute"   TIMESTAMP,
    "segment"  VARCHAR(16),
    "article"  VARCHAR(512),
    "clicks"   BIGINT,
    "bytes"    BIGINT);

CREATE OR REPLACE PUMP "COUNT_CLICKS" AS
INSERT INTO "RANKING" ("minute", "segment", "article", "clicks", "bytes")
SELECT STREAM
    FLOOR(c."clicked_at" TO MINUTE),
    COALESCE(s."segment", 'unknown'),
    c."article",
    COUNT(*),
    SUM(c."bytes")
FROM "CLICKS_001" AS c
LEFT JOIN "SEGMENTS" AS s ON c."reader" = s."reader"
GROUP BY
    STEP(c.ROWTIME BY INTERVAL '${WINDOW}' SECOND),
    FLOOR(c."clicked_at" TO MINUTE),
    COALESCE(s."segment", 'unknown'),
    c."article";
