CREATE OR REPLACE STREAM "OUT" (session_id VARCHAR(60), user_id VARCHAR(32), device_id VARCHAR(16), timeagg TIMESTAMP, events BIGINT,
  beginnavigation VARCHAR(32), endnavigation VARCHAR(32), beginsession VARCHAR(25), endsession VARCHAR(25), duration_sec INTEGER);
CREATE OR REPLACE PUMP "WINDOW_PUMP_SEC" AS INSERT INTO "OUT"
SELECT STREAM
  UPPER(cast("user_id" as VARCHAR(3)) || '_' || SUBSTRING("device", 1, 3) || cast(UNIX_TIMESTAMP(STEP("clicktimestamp" by interval '30' second)) / 1000 as VARCHAR(20))) as session_id,
  "user_id", "device",
  STEP("clicktimestamp" by interval '30' second),
  COUNT("event") events,
  first_value("event") as beginnavigation,
  last_value("event") as endnavigation,
  SUBSTRING(cast(min("clicktimestamp") AS VARCHAR(25)), 15, 19) as beginsession,
  SUBSTRING(cast(max("clicktimestamp") AS VARCHAR(25)), 15, 19) as endsession,
  TSDIFF(max("clicktimestamp"), min("clicktimestamp")) / 1000 as duration_sec
FROM "CLICKS_001"
WINDOWED BY STAGGER (PARTITION BY "user_id", "device", STEP("clicktimestamp" by interval '30' second) RANGE INTERVAL '30' SECOND);
