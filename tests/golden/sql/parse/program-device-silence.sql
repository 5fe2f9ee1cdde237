-- The time since the last message of a device; a long one is an alert.
CREATE OR REPLACE STREAM gaps ("device" VARCHAR(32), gap_ms BIGINT, now_at TIMESTAMP);
CREATE OR REPLACE PUMP gaps_pump AS INSERT INTO gaps
SELECT STREAM "deviceId", gap, at_time FROM (
  SELECT STREAM "deviceId", i.ROWTIME AS at_time,
    TSDIFF(i.ROWTIME, LAG(i.ROWTIME, 1, i.ROWTIME) OVER (PARTITION BY "deviceId" ROWS 1 PRECEDING)) AS gap
  FROM iot_001 AS i) AS g
WHERE gap >= 60000;
