-- Comments in every language, on every kind of thing.
CREATE TABLE t (id serial PRIMARY KEY, a text CONSTRAINT short CHECK (length(a) < 99)); CREATE INDEX i ON t (a);
INSERT INTO t (a) VALUES ('Ελληνικά'), ('עברית'), ('العربية'), ('हिन्दी'), ('日本語'), ('한국어'), ('ไทย'), ('Ünïcödé'), ('🐘🏳️‍🌈'), (E'e\u0301'), (U&'\FEFFx');
COMMENT ON TABLE t IS 'テーブル'; COMMENT ON COLUMN t.a IS 'स्तंभ'; COMMENT ON INDEX i IS 'פהרס'; COMMENT ON CONSTRAINT short ON t IS 'تحقق';
COMMENT ON SEQUENCE t_id_seq IS 'μετρητής'; COMMENT ON SCHEMA public IS 'ours now';
CREATE VIEW v AS SELECT 1 AS eins; COMMENT ON VIEW v IS E'two\nlines'; CREATE FUNCTION f() RETURNS integer LANGUAGE sql RETURN 1; COMMENT ON FUNCTION f() IS '函数';
CREATE TYPE e AS ENUM ('a'); COMMENT ON TYPE e IS 'тип'; CREATE DOMAIN d AS text; COMMENT ON DOMAIN d IS 'โดเมน';
