CREATE OR REPLACE STREAM "OUT" ("animal" varchar(40), avg_change double);
CREATE OR REPLACE PUMP "P" AS INSERT INTO "OUT"
SELECT STREAM "browser", avg_change
FROM (SELECT STREAM "browser", count("value") OVER W1 as avg_change FROM "CLICKS_001" WINDOW W1 AS (PARTITION BY "browser" RANGE INTERVAL '60' SECOND PRECEDING))
WHERE ABS(avg_change) > 1;
