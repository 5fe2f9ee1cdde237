CREATE OR REPLACE STREAM "D" (a INTEGER);
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM temp FROM WEATHER_001 WHERE temp = 0 OR temp = 1 OR temp = 2 OR temp = 3 OR temp = 4 OR temp = 5 OR temp = 6 OR temp = 7 OR temp = 8 OR temp = 9 OR temp = 10 OR temp = 11 OR temp = 12 OR temp = 13 OR temp = 14 OR temp = 15 OR temp = 16 OR temp = 17 OR temp = 18 OR temp = 19;
