-- Fields of a log parser, by alias.r.COLUMN and under alias(names); what does not match gives no row.
CREATE STREAM D (HOST VARCHAR(32), CODE INTEGER, WHOLE VARCHAR(64));
CREATE PUMP P AS INSERT INTO D
SELECT STREAM t.r.COLUMN1, CAST(r.COLUMN2 AS INTEGER), t.whole
FROM (SELECT STREAM REGEX_LOG_PARSE("line", '([a-z.]+) - ([0-9]+)'), "line" FROM LOGS) AS t (r, whole)
WHERE t.r.COLUMN1 IS NOT NULL;
