CREATE OR REPLACE STREAM "D" (i VARCHAR(32), w DOUBLE);
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM t.ITEM, s."weight" FROM TABLE(TOP_K_ITEMS_TUMBLING(CURSOR(SELECT STREAM c."user_id" FROM CLICKS_001 c JOIN segments s ON c."user_id" = s."user_id"), 'user_id', 3, 60)) AS t
JOIN segments AS s ON t.ITEM = s."user_id";
