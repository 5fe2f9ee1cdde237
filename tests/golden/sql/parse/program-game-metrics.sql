/* Counts of events,
   by minute, with a name made of parts. */
CREATE STREAM "METRIC_STREAM" ("METRIC_NAME" VARCHAR(128), "METRIC_TIMESTAMP" BIGINT, "METRIC_UNIT_VALUE_INT" BIGINT, "OUTPUT_TYPE" VARCHAR(32), "DIMENSION" VARCHAR(64));
CREATE PUMP "LOGINS" AS INSERT INTO "METRIC_STREAM" ("METRIC_NAME", "METRIC_TIMESTAMP", "METRIC_UNIT_VALUE_INT", "OUTPUT_TYPE", "DIMENSION")
SELECT STREAM 'Login Count', UNIX_TIMESTAMP(TS), COUNT(distinct_stream.login_count) AS unique_count, 'metric_data', APPLICATION_ID
FROM (
  SELECT STREAM DISTINCT
    ROWTIME as window_time,
    FLOOR("GAME_001".ROWTIME TO MINUTE) AS TS,
    "application_id" AS APPLICATION_ID,
    "client_id" AS login_count
  FROM "GAME_001" WHERE "event_type" = 'login'
) AS distinct_stream
GROUP BY APPLICATION_ID, TS;
CREATE PUMP "PURCHASES" AS INSERT INTO "METRIC_STREAM" ("METRIC_NAME", "METRIC_UNIT_VALUE_INT", "DIMENSION")
SELECT STREAM 'Spent: ' || "currency", SUM("amount"), "item_id" FROM "GAME_001"
WHERE "event_type" IN ('iap_transaction', 'refund') AND "amount" > 0
GROUP BY "item_id", "currency", FLOOR("GAME_001".ROWTIME TO MINUTE);
