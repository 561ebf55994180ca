-- Sequences in every state there is.
CREATE SEQUENCE never_called; CREATE SEQUENCE called; CREATE SEQUENCE down INCREMENT -1;
CREATE SEQUENCE small AS smallint MINVALUE -10 MAXVALUE 10 START 3 CYCLE CACHE 5;
CREATE SEQUENCE used_up MAXVALUE 3; CREATE SEQUENCE huge START 9223372036854775806;
SELECT nextval('called'), nextval('called'), nextval('down'), nextval('small'), nextval('huge');
SELECT nextval('used_up') FROM generate_series(1, 3);
CREATE TABLE owner (id integer, free integer DEFAULT nextval('called'), back integer DEFAULT nextval('down'));
ALTER SEQUENCE never_called OWNED BY owner.id;
INSERT INTO owner (id) SELECT i FROM generate_series(1, 4) i;
CREATE TABLE shared_a (id integer DEFAULT nextval('called')); CREATE TABLE shared_b (id integer DEFAULT nextval('called'));
INSERT INTO shared_a DEFAULT VALUES; INSERT INTO shared_b DEFAULT VALUES; INSERT INTO shared_a DEFAULT VALUES;
CREATE TABLE text_key (id text DEFAULT 'K' || nextval('called'), name text); INSERT INTO text_key (name) VALUES ('n');
CREATE TABLE never_filled (id bigserial PRIMARY KEY);
CREATE TABLE emptied (id bigserial PRIMARY KEY); INSERT INTO emptied SELECT FROM generate_series(1, 9); DELETE FROM emptied;
