CREATE OR REPLACE STREAM "D" (a INTEGER);
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))) FROM WEATHER_001;
