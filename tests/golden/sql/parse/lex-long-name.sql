CREATE OR REPLACE STREAM "D" (a REAL);
CREATE OR REPLACE PUMP "P" AS INSERT INTO "D"
SELECT STREAM price AS nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn FROM "SOURCE_SQL_STREAM_001";
