-- Domains over composites, arrays of composites, enums, ranges, every odd value.
CREATE TYPE address AS (street text, "zip code" integer);
CREATE DOMAIN home AS address CHECK ((VALUE)."zip code" > 0);
CREATE DOMAIN short AS text COLLATE "C" NOT NULL DEFAULT '' CHECK (length(VALUE) < 9);
CREATE TYPE mood AS ENUM ('sad', 'ok'); ALTER TYPE mood ADD VALUE 'fine' BEFORE 'ok';
CREATE TYPE float_range AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi);
CREATE TABLE person (id serial PRIMARY KEY, lives home, was address[], said short, moods mood[], r float_range,
    spans tstzrange, ranges int4range[], j json, jb jsonb, x xml, b bytea, bits bit varying(9), u uuid, i inet, m macaddr8,
    f float4, d double precision, n numeric, money_ money, t timetz, iv interval, ts timestamp, p point, lsn pg_lsn, v tsvector);
INSERT INTO person (lives, was, said, moods, r, spans, ranges, j, jb, b, bits, f, d, n, iv, ts, t, p, v) VALUES
    (ROW('a ''b', 5), ARRAY[ROW('x', NULL), ROW(NULL, 2)]::address[], 'é', '{sad,fine}', '[1.5,2)', '(,now)', '{empty,"[1,2)"}',
     '{"a":  1, "a": 2}', '{"b": [1e400, null]}', '\x00ff', B'101', 'NaN', '-Infinity', 'NaN', '1 year -2 days 00:00:00.000001', 'infinity',
     '12:00:00.5+05:30', '(1,2)', 'a:1 b:2'),
    (NULL, '{}', '', NULL, 'empty', NULL, NULL, 'null', '"x"', '', B'', 1e-38, 5e-324,
     12345678901234567890123456789.000000000000000000000001, '-178000000 years', '-infinity', NULL, NULL, NULL);
