CREATE STREAM sales.d (a REAL);
