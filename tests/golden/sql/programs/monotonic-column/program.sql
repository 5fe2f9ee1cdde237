-- A key that the program declares monotonic: only a change closes the group.
CREATE STREAM DEST (K INTEGER, N BIGINT);
CREATE PUMP P1 AS INSERT INTO DEST SELECT STREAM MONOTONIC(V / 4), COUNT(*) FROM S GROUP BY MONOTONIC(V / 4);
