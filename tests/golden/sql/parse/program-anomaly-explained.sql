CREATE OR REPLACE STREAM scores (trip_count INTEGER, total_amount REAL, anomaly_score DOUBLE, anomaly_explanation VARCHAR(20480), resolution VARCHAR(8));
CREATE OR REPLACE STREAM trip_statistics (trip_count INTEGER, passenger_count INTEGER, total_amount REAL);
CREATE OR REPLACE PUMP statistics_pump AS INSERT INTO trip_statistics
SELECT STREAM COUNT(1) AS trip_count, SUM("passenger_count") AS passenger_count, SUM("total_amount")
FROM trips_001 AS t
WHERE "type" LIKE 'trip' AND ("pickup_latitude" <> 0 AND "pickup_longitude" <> 0)
GROUP BY STEP(t.ROWTIME BY INTERVAL '2' SECOND);
CREATE OR REPLACE PUMP score_pump AS INSERT INTO scores
SELECT STREAM trip_count, total_amount, anomaly_score, anomaly_explanation, '60min'
FROM TABLE(RANDOM_CUT_FOREST_WITH_EXPLANATION(
  CURSOR(SELECT STREAM trip_count, passenger_count, total_amount FROM trip_statistics),
  100, 256, 100000, 24, false));
