-- One of everything a database can have, for PostgreSQL 13 and newer. Roles are shared by a server's databases.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['rich_owner', 'rich_reader', 'rich_writer', 'Rich "odd" Role'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
    EXECUTE 'GRANT rich_reader TO rich_writer';
    EXECUTE format('ALTER DATABASE %I SET work_mem = ''8MB''', current_database());
    EXECUTE format('ALTER DATABASE %I SET "rich.setting" = ''a, b = c''', current_database());
    -- What a database sets for itself must not change what its values look like.
    EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Kathmandu''', current_database());
    EXECUTE format('ALTER DATABASE %I SET datestyle = ''SQL, DMY''', current_database());
    EXECUTE format('ALTER DATABASE %I SET intervalstyle = ''iso_8601''', current_database());
    EXECUTE format('ALTER DATABASE %I SET extra_float_digits = ''-3''', current_database());
    EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database());
    EXECUTE format('ALTER ROLE rich_reader IN DATABASE %I SET search_path = ''app, public''', current_database());
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 77', current_database());
    EXECUTE format('COMMENT ON DATABASE %I IS ''one of everything''', current_database());
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO rich_reader, rich_writer WITH GRANT OPTION', current_database());
END $$;

CREATE SCHEMA app AUTHORIZATION rich_owner;
CREATE SCHEMA "Odd ""schema"". name";
CREATE SCHEMA ext;
GRANT USAGE ON SCHEMA app TO rich_reader;
GRANT CREATE ON SCHEMA public TO rich_writer;
COMMENT ON SCHEMA public IS 'not the standard words';
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION file_fdw SCHEMA ext;
CREATE EXTENSION postgres_fdw SCHEMA ext;
-- Its members are not dumped, what was granted on them is.
REVOKE EXECUTE ON FUNCTION ext.hstore_to_json(ext.hstore) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ext.hstore_to_json(ext.hstore) TO rich_reader;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO rich_reader;

-- Types
CREATE TYPE app.mood AS ENUM ('sad', 'it''s ok', 'happy');
ALTER TYPE app.mood ADD VALUE 'so-so' BEFORE 'happy';
CREATE TYPE app.point3 AS (x double precision, y double precision, "Z z" numeric(10, 2));
CREATE TYPE app.pair AS (a app.point3, b text[]);
CREATE DOMAIN app.positive AS integer DEFAULT 1 NOT NULL CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE DOMAIN app.near AS app.point3 CHECK ((VALUE).x < 100);
CREATE DOMAIN app.code AS varchar(10) COLLATE "C" CHECK (VALUE IN ('a', 'b', 'c'));
CREATE TYPE app.span AS RANGE (subtype = double precision, subtype_diff = float8mi);
CREATE COLLATION app.german (provider = libc, locale = 'C.UTF-8');
CREATE TYPE app.label;
CREATE FUNCTION app.label_in(cstring) RETURNS app.label LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION app.label_out(app.label) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE app.label (INPUT = app.label_in, OUTPUT = app.label_out, LIKE = text, CATEGORY = 'S');
-- A cast that says less than the value does: a digest must not use it.
CREATE FUNCTION app.label_text(app.label) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT 'secret' $$;
CREATE CAST (app.label AS text) WITH FUNCTION app.label_text(app.label) AS ASSIGNMENT;
GRANT USAGE ON TYPE app.mood TO rich_reader;
REVOKE USAGE ON TYPE app.positive FROM PUBLIC;
COMMENT ON TYPE app.mood IS 'wie geht''s?';

-- Functions
CREATE FUNCTION app.double(a integer, b integer DEFAULT 2, VARIADIC rest integer[] DEFAULT '{}') RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 7 AS 'SELECT a * b';
CREATE FUNCTION app.careful(name text, OUT found text, OUT n integer) LANGUAGE plpgsql SECURITY DEFINER STABLE STRICT
    SET search_path TO '' SET work_mem TO '1MB'
    AS $$ BEGIN found := pg_catalog.upper(name); n := (ARRAY[1::int, 2])[1]; END $$;
ALTER FUNCTION app.careful(text) OWNER TO rich_owner;
REVOKE EXECUTE ON FUNCTION app.careful(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.careful(text) TO rich_reader WITH GRANT OPTION;
CREATE FUNCTION app.rows_of(integer) RETURNS TABLE (a integer, b text) LANGUAGE sql ROWS 5
    AS 'SELECT $1, ''x''::text';
CREATE PROCEDURE app.tidy(INOUT done boolean DEFAULT false) LANGUAGE plpgsql AS 'BEGIN done := true; END';
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(NEW, OLD); END';
CREATE FUNCTION app.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE AGGREGATE app.product(double precision) (SFUNC = float8mul, STYPE = double precision, INITCOND = '1');
CREATE AGGREGATE app.first_of(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal,
    FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 140000 THEN
        EXECUTE 'CREATE FUNCTION app.modern(n integer) RETURNS integer LANGUAGE sql IMMUTABLE
            BEGIN ATOMIC SELECT n + (ARRAY[1, 2])[1]; END';
    END IF;
END $$;
CREATE FUNCTION app.same(a app.label, b app.label) RETURNS boolean LANGUAGE sql IMMUTABLE
    AS $$ SELECT app.label_out(a)::text = app.label_out(b)::text $$;
CREATE OPERATOR app.=== (LEFTARG = app.label, RIGHTARG = app.label, FUNCTION = app.same, COMMUTATOR = OPERATOR(app.===));
CREATE OPERATOR FAMILY app.int_ops USING btree;
CREATE OPERATOR CLASS app.int_by_abs FOR TYPE integer USING btree FAMILY app.int_ops AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE CONVERSION app.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE FUNCTION app.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE rich_language HANDLER app.handler;
CREATE TRANSFORM FOR integer LANGUAGE rich_language (FROM SQL WITH FUNCTION varchar_support(internal));
CREATE ACCESS METHOD rich_heap TYPE TABLE HANDLER heap_tableam_handler;

-- Text search
CREATE TEXT SEARCH TEMPLATE app.plain (LEXIZE = dsimple_lexize, INIT = dsimple_init);
CREATE TEXT SEARCH PARSER app.words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
    LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH DICTIONARY app.short (TEMPLATE = pg_catalog.simple, STOPWORDS = english, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION app.english (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION app.english ALTER MAPPING FOR word, asciiword WITH app.short, english_stem;

-- Tables: every kind of column
CREATE SEQUENCE app.tickets AS bigint START 100 INCREMENT 10 MINVALUE 5 MAXVALUE 100000 CACHE 3 CYCLE;
SELECT nextval('app.tickets'), nextval('app.tickets');
CREATE SEQUENCE app.untouched;
CREATE SEQUENCE app.downward INCREMENT -1 MINVALUE -100 MAXVALUE -1 START -5;
SELECT setval('app.downward', -17, false);
CREATE TABLE app.everything (
    id integer GENERATED BY DEFAULT AS IDENTITY (START 7 INCREMENT 3) PRIMARY KEY,
    ticket bigint DEFAULT nextval('app.tickets') NOT NULL,
    "Odd ""col"" {name} %s" text COLLATE "C" DEFAULT 'it''s',
    "select" smallint, "Übergröße" real, real8 double precision, amount numeric, cents numeric(12, 2), price money,
    flag boolean, letter "char", fixed char(5), loose bpchar, short varchar(20), named name, bytes bytea,
    day date, clock time(3), zoned timetz, moment timestamp, instant timestamptz, lasting interval,
    ip inet, net cidr, mac macaddr, mac8 macaddr8, bits bit(5), many_bits varbit, id4 uuid, doc json, docb jsonb,
    tree xml, words tsvector, query tsquery, spot point, shape polygon, round circle, straight line,
    ints integer[], texts text[], moods app.mood[], matrix integer[][], pairs app.pair[],
    mood app.mood, point3 app.point3, pair app.pair, positive app.positive, near app.near, code app.code,
    span app.span, days daterange, slots tstzrange, label app.label, pairs_of ext.hstore, ci ext.citext,
    place pg_lsn, snap txid_snapshot, class regclass, proc regprocedure, type regtype, role regrole, space regnamespace,
    relation oid, twice numeric GENERATED ALWAYS AS (coalesce(amount, 0) * 2) STORED,
    upper_text text GENERATED ALWAYS AS (upper("Odd ""col"" {name} %s")) STORED,
    dropped integer,
    CONSTRAINT amount_ok CHECK (amount <> 'NaN' OR short IN ('x', 'y', 'NaN')),
    CONSTRAINT short_ok CHECK (short IN ('x', 'y', 'z', '') OR short IS NULL OR short = ANY (ARRAY['NaN', 'b'])) NO INHERIT
);
ALTER TABLE app.everything DROP COLUMN dropped;
ALTER TABLE app.everything ADD COLUMN added_later text DEFAULT 'default' NOT NULL;
ALTER TABLE app.everything ALTER COLUMN bytes SET STORAGE EXTERNAL, ALTER COLUMN short SET STATISTICS 500,
    ALTER COLUMN amount SET (n_distinct = -0.5);
ALTER TABLE app.everything SET (fillfactor = 80, autovacuum_enabled = off, toast.autovacuum_enabled = off);
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 140000 THEN
        EXECUTE 'ALTER TABLE app.everything ALTER COLUMN doc SET COMPRESSION pglz';
        EXECUTE 'ALTER TABLE app.everything ADD COLUMN spans app.spanmultirange' ;
    END IF;
EXCEPTION WHEN undefined_object THEN
    EXECUTE 'ALTER TABLE app.everything ADD COLUMN spans int4multirange';
END $$;
INSERT INTO app.everything ("select", "Übergröße", real8, amount, cents, price, flag, letter, fixed, loose, short, named,
    bytes, day, clock, zoned, moment, instant, lasting, ip, net, mac, mac8, bits, many_bits, id4, doc, docb, tree, words,
    query, spot, shape, round, straight, ints, texts, moods, matrix, pairs, mood, point3, pair, positive, near, code, span,
    days, slots, label, pairs_of, ci, place, snap, class, proc, type, role, space, relation)
VALUES (1, 1.1, 0.1, 1.10, 1.1, 12.34, true, 'c', 'ab', 'ab  ', 'x', 'n', '\x00ff5c0a', '2024-02-29', '23:59:59.999',
    '12:00+05:45', '2024-01-01 12:00:00.123456', '2024-01-01 12:00+02', '1 year 2 mons 3 days 04:05:06.7', '10.0.0.1/8',
    '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '10101', '1', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    '{"b" : 1,  "a":[1,{"x":null}]}', '{"b": 1.10, "a": [1, {"x": null}]}', '<a b="c">d</a>', 'fat cats'::tsvector,
    'fat & (rat | cat)', '(1,2)', '((0,0),(1,1),(1,0))', '<(0,0),1>', '{1,2,3}', '{1,NULL,3}', '{"a b",NULL,"",null,"\"q\""}',
    '{sad,happy}', '{{1,2},{3,4}}', ARRAY[ROW(ROW(1, 2, 3.00), '{a,b}')::app.pair], 'it''s ok', ROW(1.5, NULL, 2.50),
    ROW(ROW(1, 2, 3), '{x}'), 5, ROW(1, 2, 3), 'a', '[1,2.5)', '[2024-01-01,2024-02-01)', '(,2024-01-01 00:00+00]', 'lbl',
    'a=>1, b=>NULL', 'CiText', '16/B374D848', '10:20:10,14,15', 'app.everything', 'app.double(integer,integer,integer[])',
    'app.mood', 'rich_owner', 'app', 42),
    (-32768, 'NaN', '-0', 'NaN', 0, -0.01, false, '', '', '', 'NaN', '', '', '-infinity', '24:00', '00:00-12', 'infinity',
    '-infinity', '-1 mons +1 day -00:00:00.000001', '::1', '2001:db8::/32', NULL, NULL, '00000', '', NULL, '[]', '{}', '',
    '', '', '(0,-0)', NULL, NULL, NULL, '{}', '{}', '{}', '{}', '{}', 'sad', ROW(NULL, NULL, NULL), ROW(NULL, NULL), 2147483647,
    NULL, 'b', 'empty', 'empty', '(,)', '', '', '', '0/0', '1:1:', NULL, NULL, 'int4[]', NULL, 'public', 0);
INSERT INTO app.everything ("Übergröße", real8, instant, moment, day, amount, docb)
SELECT i / 3.0, exp(i / 10.0), 'epoch'::timestamptz + i * interval '37 hours', '4700-01-01 BC'::timestamp + i * interval '99 years',
    'epoch'::date + i, i::numeric / 7, jsonb_build_object('n', i, 'big', 1e20::numeric + i) FROM generate_series(1, 200) i;
INSERT INTO app.everything DEFAULT VALUES;
COMMENT ON TABLE app.everything IS E'многое\nund "mehr" \\ 多言語';
COMMENT ON COLUMN app.everything.mood IS '';
COMMENT ON COLUMN app.everything.amount IS 'en €';
COMMENT ON CONSTRAINT amount_ok ON app.everything IS 'why';

-- Zero columns, zero rows, many columns, names that differ only in case, names at their limit
CREATE TABLE app.no_columns ();
INSERT INTO app.no_columns SELECT FROM generate_series(1, 3);
CREATE TABLE app.no_rows (a integer);
CREATE TABLE app.names (a integer);
CREATE TABLE app."Names" (a integer);
CREATE TABLE "Odd ""schema"". name"."Tab.le ""x"" $1 {y} %s ; -- é" ("a.b" integer, "A.B" text);
INSERT INTO "Odd ""schema"". name"."Tab.le ""x"" $1 {y} %s ; -- é" VALUES (1, 'x'), (NULL, NULL);
CREATE TABLE public."order" ("user" integer, "table" text);
CREATE TABLE public.sixty_three_bytes_is_what_a_name_may_have_and_this_is_it_exactly (a text);
DO $$ BEGIN
    EXECUTE (SELECT 'CREATE TABLE app.wide (' || string_agg(format('c%s integer', i), ', ') || ')'
               FROM generate_series(1, 300) i);
    EXECUTE 'INSERT INTO app.wide (c1, c150, c300) VALUES (1, 2, 3), (4, NULL, 6)';
END $$;
CREATE UNLOGGED TABLE app.unlogged (id serial PRIMARY KEY, t text);
INSERT INTO app.unlogged (t) VALUES ('u');
CREATE TEMPORARY TABLE gone_soon (id serial, a integer);
CREATE TABLE app.of_type OF app.point3 (PRIMARY KEY (x));
INSERT INTO app.of_type VALUES (1, 2, 3);
CREATE TABLE app.in_rich_heap (a integer) USING rich_heap;

-- Inheritance: columns of the child are in another order after a restore
CREATE TABLE app.animal (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE app.dog (breed text, CHECK (breed <> '')) INHERITS (app.animal);
ALTER TABLE app.animal ADD COLUMN born date DEFAULT '2020-01-01' CHECK (born > '1900-01-01');
CREATE TABLE app.puppy (teeth integer) INHERITS (app.dog);
CREATE TABLE app.cat (lives integer DEFAULT 9, name text NOT NULL, id integer NOT NULL, born date CHECK (born > '1900-01-01'));
ALTER TABLE app.cat ADD CONSTRAINT animal_born_check CHECK (born > '1900-01-01');
ALTER TABLE app.cat INHERIT app.animal;
INSERT INTO app.animal VALUES (1, 'some');
INSERT INTO app.dog VALUES (2, 'rex', 'mutt', '2021-01-01');
INSERT INTO app.puppy VALUES (3, 'tiny', 'mutt', '2024-01-01', 12);
INSERT INTO app.cat (name, id) VALUES ('tom', 4);

-- Partitions, three deep
CREATE TABLE app.hits (at timestamptz NOT NULL, site text NOT NULL, n integer, extra text) PARTITION BY RANGE (at);
CREATE TABLE app.hits_2024 PARTITION OF app.hits FOR VALUES FROM ('2024-01-01+00') TO ('2025-01-01+00')
    PARTITION BY LIST (site);
CREATE TABLE app.hits_2024_a PARTITION OF app.hits_2024 FOR VALUES IN ('a', 'b') PARTITION BY HASH (n);
CREATE TABLE app.hits_2024_a0 PARTITION OF app.hits_2024_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hits_2024_a1 (extra text, n integer, at timestamptz NOT NULL, site text NOT NULL);
ALTER TABLE app.hits_2024_a ATTACH PARTITION app.hits_2024_a1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE app.hits_2024_rest PARTITION OF app.hits_2024 DEFAULT;
CREATE TABLE app.hits_rest PARTITION OF app.hits DEFAULT;
CREATE TABLE app.hits_none PARTITION OF app.hits FOR VALUES FROM ('2030-01-01+00') TO ('2031-01-01+00')
    PARTITION BY RANGE (n);
INSERT INTO app.hits SELECT '2023-12-30 00:00+00'::timestamptz + i * interval '1 hour', (ARRAY['a', 'b', 'c'])[i % 3 + 1], i, NULL
    FROM generate_series(1, 9000) i;
CREATE INDEX hits_site ON app.hits (site, at DESC NULLS LAST);
CREATE INDEX hits_only ON ONLY app.hits (n);
ALTER TABLE app.hits ADD CONSTRAINT n_positive CHECK (n > 0);
CREATE TRIGGER hits_touch AFTER INSERT ON app.hits FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.hits_rest DISABLE TRIGGER hits_touch;
CREATE TABLE app.keyed (id integer, part integer, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE app.keyed_1 PARTITION OF app.keyed FOR VALUES IN (1);
CREATE TABLE app.keyed_2 PARTITION OF app.keyed FOR VALUES IN (2);
INSERT INTO app.keyed VALUES (1, 1), (2, 2);
CREATE TABLE app.keyed_user (id integer, part integer, FOREIGN KEY (id, part) REFERENCES app.keyed) PARTITION BY LIST (part);
CREATE TABLE app.keyed_user_1 PARTITION OF app.keyed_user FOR VALUES IN (1);
CREATE TABLE app.keyed_user_2 PARTITION OF app.keyed_user FOR VALUES IN (2, 3);
INSERT INTO app.keyed_user VALUES (1, 1), (2, 2);

-- Keys: cyclic, deferred, not validated, excluding; indexes of every kind
CREATE TABLE app.chicken (id integer PRIMARY KEY, egg integer);
CREATE TABLE app.egg (id integer PRIMARY KEY, chicken integer REFERENCES app.chicken DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE app.chicken ADD CONSTRAINT laid FOREIGN KEY (egg) REFERENCES app.egg ON DELETE SET NULL ON UPDATE CASCADE
    DEFERRABLE INITIALLY DEFERRED;
INSERT INTO app.chicken VALUES (1, 1);
INSERT INTO app.egg VALUES (1, 1);
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TABLE app.booking (room integer, slot tstzrange, note text, parent integer,
    EXCLUDE USING gist (room WITH =, slot WITH &&) WHERE (room > 0),
    CONSTRAINT noted UNIQUE (note) DEFERRABLE);
ALTER TABLE app.booking ADD CONSTRAINT not_checked CHECK (room < 1000) NOT VALID;
ALTER TABLE app.booking ADD CONSTRAINT parent_known FOREIGN KEY (parent) REFERENCES app.animal NOT VALID;
INSERT INTO app.booking VALUES (1, '[2024-01-01,2024-01-02)', 'a', NULL), (1, '[2024-01-03,2024-01-04)', 'b', NULL);
CREATE INDEX booking_note ON app.booking USING gin (note ext.gin_trgm_ops) WHERE note IS NOT NULL;
CREATE UNIQUE INDEX booking_lower ON app.booking (lower(note)) INCLUDE (room) WITH (fillfactor = 70);
CREATE INDEX booking_room ON app.booking USING brin (room);
CREATE INDEX booking_hash ON app.booking USING hash (room);
CREATE INDEX booking_abs ON app.booking (room app.int_by_abs);
CREATE INDEX booking_in ON app.booking (room) WHERE note IN ('a', 'b');
ALTER INDEX app.booking_lower ALTER COLUMN 1 SET STATISTICS 300;
ALTER TABLE app.animal CLUSTER ON animal_pkey;
ALTER TABLE app.chicken REPLICA IDENTITY FULL;
CREATE UNIQUE INDEX egg_identity ON app.egg (id);
ALTER TABLE app.egg REPLICA IDENTITY USING INDEX egg_identity;
CREATE STATISTICS app.hits_stats (dependencies, ndistinct, mcv) ON site, n FROM app.hits_rest;
ALTER STATISTICS app.hits_stats SET STATISTICS 50;

-- Views, rules, triggers, policies
CREATE VIEW app.hits_view WITH (security_barrier) AS
    SELECT h.site AS "Site", count(*) AS n, array_agg(DISTINCT h.n) FILTER (WHERE h.n > 5) AS ns,
           bool_or(h.extra::varchar IN ('a', 'b', 'c')) AS some
      FROM app.hits h LEFT JOIN LATERAL (SELECT 1 AS one) l ON true
     WHERE h.site LIKE 'a%' AND h.at BETWEEN '2024-01-01' AND now() AND h.extra::varchar(3) NOT IN ('x', 'y')
     GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC;
CREATE VIEW app.animals_view AS SELECT * FROM app.animal WHERE id > 0 WITH CASCADED CHECK OPTION;
ALTER VIEW app.animals_view ALTER COLUMN name SET DEFAULT 'nameless';
CREATE RECURSIVE VIEW app.counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 10;
CREATE MATERIALIZED VIEW app.hits_sum AS SELECT site, count(*) AS n FROM app.hits GROUP BY site;
CREATE UNIQUE INDEX hits_sum_site ON app.hits_sum (site);
CREATE MATERIALIZED VIEW app.empty_sum AS SELECT 1 AS one WITH NO DATA;
CREATE RULE booking_no_delete AS ON DELETE TO app.booking WHERE OLD.room = 1 DO INSTEAD NOTHING;
CREATE RULE booking_note_only AS ON UPDATE TO app.booking DO ALSO SELECT 1;
ALTER TABLE app.booking DISABLE RULE booking_note_only;
CREATE TRIGGER booking_touch BEFORE UPDATE OF note ON app.booking FOR EACH ROW
    WHEN (OLD.note IS DISTINCT FROM NEW.note) EXECUTE FUNCTION app.touch();
CREATE TRIGGER booking_off AFTER DELETE ON app.booking FOR EACH STATEMENT EXECUTE FUNCTION app.touch();
ALTER TABLE app.booking DISABLE TRIGGER booking_off;
CREATE TRIGGER booking_always AFTER INSERT ON app.booking REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION app.touch();
ALTER TABLE app.booking ENABLE ALWAYS TRIGGER booking_always;
CREATE CONSTRAINT TRIGGER booking_later AFTER INSERT ON app.booking DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TRIGGER view_insert INSTEAD OF INSERT ON app.animals_view FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.booking ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.booking FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.booking AS RESTRICTIVE FOR UPDATE TO rich_writer, rich_reader
    USING (room IN (SELECT a FROM app.no_rows)) WITH CHECK (note = current_user OR note::varchar IN ('x', 'y'));
CREATE POLICY everybody ON app.booking FOR SELECT USING (true);
CREATE EVENT TRIGGER rich_ddl ON ddl_command_end WHEN TAG IN ('DROP TABLE', 'CREATE TABLE') EXECUTE FUNCTION app.on_ddl();
ALTER EVENT TRIGGER rich_ddl DISABLE;

-- Others' data, publications
CREATE FOREIGN DATA WRAPPER rich_wrapper OPTIONS (debug 'true', password 'hidden');
CREATE SERVER elsewhere TYPE 'pg' VERSION '15' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.invalid', dbname 'x');
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE USER MAPPING FOR rich_reader SERVER elsewhere OPTIONS (user 'u', password 'p');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'everybody');
CREATE FOREIGN TABLE app.remote (a integer OPTIONS (column_name 'b'), t text NOT NULL) SERVER elsewhere
    OPTIONS (table_name 'other', schema_name 'public');
GRANT USAGE ON FOREIGN SERVER elsewhere TO rich_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER rich_wrapper TO rich_writer;
CREATE PUBLICATION some_tables FOR TABLE app.chicken, app.egg WITH (publish = 'insert, update');
CREATE PUBLICATION all_tables FOR ALL TABLES;
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'CREATE PUBLICATION filtered FOR TABLE ONLY app.animal (id, name) WHERE (id > 0)';
        EXECUTE 'CREATE PUBLICATION whole_schema FOR TABLES IN SCHEMA public';
        EXECUTE 'CREATE UNIQUE INDEX booking_nulls ON app.booking (room, note) NULLS NOT DISTINCT';
    END IF;
    IF current_setting('server_version_num')::int >= 180000 THEN
        EXECUTE 'ALTER TABLE app.animal ADD COLUMN shout text GENERATED ALWAYS AS (upper(name)) VIRTUAL';
        EXECUTE 'ALTER TABLE app.booking ADD CONSTRAINT unenforced CHECK (room > 5) NOT ENFORCED';
        EXECUTE 'ALTER TABLE app.booking ADD CONSTRAINT note_there NOT NULL note NOT VALID';
        EXECUTE 'CREATE TABLE app.period (id int, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS))';
    END IF;
END $$;

-- Large objects: small, several pages, with a hole, empty
SELECT lo_from_bytea(70001, '\xdeadbeef');
SELECT lo_from_bytea(70002, convert_to(repeat('0123456789', 700), 'UTF8'));
SELECT lo_create(70003);
SELECT lo_put(70003, 10000, 'far away'), lo_put(70003, 5, 'near');
SELECT lo_create(70004);
ALTER LARGE OBJECT 70001 OWNER TO rich_owner;
GRANT SELECT ON LARGE OBJECT 70002 TO rich_reader;
COMMENT ON LARGE OBJECT 70001 IS 'a picture';

-- Who owns what and may do what
ALTER TABLE app.everything OWNER TO rich_owner;
ALTER TABLE app.animal OWNER TO "Rich ""odd"" Role";
ALTER VIEW app.hits_view OWNER TO rich_owner;
ALTER SEQUENCE app.tickets OWNER TO rich_owner;
ALTER TYPE app.mood OWNER TO rich_owner;
GRANT SELECT, INSERT ON app.everything TO rich_reader;
GRANT ALL ON app.everything TO rich_writer WITH GRANT OPTION;
GRANT SELECT (id, mood), UPDATE (mood) ON app.everything TO PUBLIC;
SET ROLE rich_writer;
GRANT DELETE ON app.everything TO rich_reader;
RESET ROLE;
REVOKE INSERT ON app.animal FROM "Rich ""odd"" Role";
GRANT SELECT ON app.hits_view, app.hits_sum TO "Rich ""odd"" Role";
GRANT USAGE, SELECT ON SEQUENCE app.tickets TO rich_reader;
GRANT SELECT ON app.no_rows TO PUBLIC;
REVOKE ALL ON app.no_rows FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE rich_owner IN SCHEMA app GRANT SELECT ON TABLES TO rich_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE rich_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE rich_writer GRANT USAGE ON TYPES TO "Rich ""odd"" Role";
