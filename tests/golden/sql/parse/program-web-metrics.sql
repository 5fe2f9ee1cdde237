-- Several metrics go into one stream, one pump each.
CREATE OR REPLACE STREAM "METRICS" ("metric_type" VARCHAR(16), "item" VARCHAR(256), "units" VARCHAR(16), "n" BIGINT);
CREATE OR REPLACE PUMP "EVENTS" AS INSERT INTO "METRICS" ("metric_type", "item", "units", "n")
SELECT STREAM 'status', CAST("response" AS VARCHAR(8)), 'count', COUNT(*) FROM "WEB_001"
GROUP BY "response", STEP("WEB_001".ROWTIME BY INTERVAL '10' SECOND);
CREATE OR REPLACE PUMP "REFERRERS" AS INSERT INTO "METRICS" ("metric_type", "item", "units", "n")
SELECT STREAM 'referrer', "referrer", 'count', COUNT(*) FROM "WEB_001" WHERE "referrer" IS NOT NULL AND CHAR_LENGTH("referrer") > 0
GROUP BY "referrer", STEP("WEB_001".ROWTIME BY INTERVAL '10' SECOND) HAVING COUNT(*) >= 5;
CREATE OR REPLACE PUMP "SIZES" AS INSERT INTO "METRICS" ("metric_type", "units", "n")
SELECT STREAM 'bytes', 'byte', SUM("bytes") FROM "WEB_001" GROUP BY STEP("WEB_001".ROWTIME BY INTERVAL '10' SECOND);
