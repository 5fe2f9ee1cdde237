-- The newest rows of each side; what is pushed out unmatched leaves then. NULL equals nothing.
CREATE STREAM DEST (P VARCHAR(2), Q VARCHAR(2));
CREATE PUMP P1 AS INSERT INTO DEST
SELECT STREAM a.P, b.Q FROM A OVER (ROWS 1 PRECEDING) AS a FULL JOIN B OVER (ROWS 1 PRECEDING) AS b ON a.K = b.K;
