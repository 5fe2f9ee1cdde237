CREATE OR REPLACE STREAM alerts ("id" VARCHAR(32), "level" VARCHAR(8), "temperature" DOUBLE, n BIGINT);
CREATE OR REPLACE PUMP alerts_pump AS INSERT INTO alerts
SELECT STREAM c."id", c."level", MAX(i."temperature"), COUNT(*)
FROM "IOT_001" AS i INNER JOIN customers AS c ON i."deviceId" = c."id"
WHERE i."temperature" > c."threshold"
GROUP BY c."id", c."level", FLOOR(i.ROWTIME TO MINUTE);
