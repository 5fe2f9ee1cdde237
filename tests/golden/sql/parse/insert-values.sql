CREATE STREAM d (a INTEGER, b VARCHAR(8));
INSERT INTO d (a, b) VALUES (1, 'one'), (2, NULL), (3.5, 'three');
