-- Tables without rows, one without columns, one with rows and no columns.
CREATE TABLE no_rows (id serial PRIMARY KEY, at timestamptz);
CREATE TABLE no_columns ();
CREATE TABLE rows_without_columns ();
INSERT INTO rows_without_columns SELECT FROM generate_series(1, 7);
CREATE TABLE dropped_columns (a integer, b text, c integer);
INSERT INTO dropped_columns VALUES (1, 'x', 2);
ALTER TABLE dropped_columns DROP COLUMN a; ALTER TABLE dropped_columns DROP COLUMN b;
ALTER TABLE dropped_columns ADD COLUMN d integer DEFAULT 4;
CREATE TABLE all_dropped (a integer); INSERT INTO all_dropped VALUES (1); ALTER TABLE all_dropped DROP COLUMN a;
