CREATE OR REPLACE STREAM "D" (u VARCHAR(32), m TIMESTAMP, n BIGINT, a VARCHAR(32), b VARCHAR(32), s BIGINT);
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM "user_id", FLOOR("clicktimestamp" TO MINUTE), COUNT("event") events, FIRST_VALUE("event") AS beginnavigation, LAST_VALUE("event"),
  TSDIFF(MAX("clicktimestamp"), MIN("clicktimestamp")) / 1000 AS duration_sec
FROM "CLICKS_001" WHERE "device" = 'web'
WINDOWED BY STAGGER (PARTITION BY "user_id", FLOOR("clicktimestamp" TO MINUTE) RANGE INTERVAL '1' MINUTE)
HAVING COUNT(*) > 2;
