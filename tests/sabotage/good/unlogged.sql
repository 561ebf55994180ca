-- Unlogged tables and sequences; temporary ones belong to a session and to no dump.
CREATE UNLOGGED TABLE cache (key text PRIMARY KEY, value jsonb);
INSERT INTO cache SELECT 'k' || i, jsonb_build_object('i', i) FROM generate_series(1, 90) i;
CREATE TEMPORARY TABLE gone (a integer); INSERT INTO gone VALUES (1);
CREATE TABLE loaded (a integer) WITH (fillfactor = 50, autovacuum_enabled = false, toast_tuple_target = 256);
INSERT INTO loaded SELECT i FROM generate_series(1, 50) i;
CREATE TABLE stored (a text, b text, c text); ALTER TABLE stored ALTER a SET STORAGE EXTERNAL, ALTER c SET STORAGE MAIN;
INSERT INTO stored VALUES (repeat('x', 9000), 'b', repeat('c', 3000));
