-- Large objects: empty ones, sparse ones, owned and granted ones, with comments.
SELECT lo_create(4711); SELECT lo_from_bytea(4712, decode(repeat('ff', 5000), 'hex'));
SELECT lo_from_bytea(0, '\x00'::bytea) FROM generate_series(1, 40);
DO $$ DECLARE f integer; BEGIN f := lo_open(4711, 131072); PERFORM lo_lseek64(f, 100000, 0); PERFORM lowrite(f, '\x41'); END $$;
GRANT SELECT ON LARGE OBJECT 4712 TO PUBLIC; COMMENT ON LARGE OBJECT 4712 IS 'a picture';
CREATE TABLE picture (id serial PRIMARY KEY, content oid); INSERT INTO picture (content) VALUES (4711), (4712);
