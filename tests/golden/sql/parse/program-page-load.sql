CREATE OR REPLACE STREAM metrics (MetricType VARCHAR(16), EventTimestamp BIGINT, MetricItem VARCHAR(64), UnitValueInt BIGINT);
CREATE OR REPLACE PUMP "PAGELOAD_PUMP" AS
INSERT INTO metrics (MetricType, EventTimestamp, MetricItem, UnitValueInt)
SELECT 'avg_bytes', UNIX_TIMESTAMP(eventTimestamp), MetricItem, average_bytes
FROM (
  SELECT STREAM 'All Pages' as MetricItem, AVG(weblogs."bytes") as average_bytes,
    STEP (CHAR_TO_TIMESTAMP('dd/MMM/yyyy:HH:mm:ssz', weblogs."datetime") by INTERVAL '60' SECOND) as eventTimestamp
  FROM "WEB_001" weblogs
  WHERE weblogs."response" = 200
  GROUP BY STEP (weblogs.ROWTIME BY INTERVAL '60' SECOND),
    STEP (CHAR_TO_TIMESTAMP('dd/MMM/yyyy:HH:mm:ssz', weblogs."datetime") by INTERVAL '60' SECOND)
);
