-- What the build brings, in a schema of its own, with columns, indexes and configuration that need it.
CREATE SCHEMA extensions;
CREATE EXTENSION pg_trgm SCHEMA extensions; CREATE EXTENSION hstore SCHEMA extensions; CREATE EXTENSION citext SCHEMA public;
CREATE EXTENSION btree_gist SCHEMA extensions; CREATE EXTENSION pgcrypto;
CREATE TABLE doc (id serial PRIMARY KEY, body text, attributes extensions.hstore, mail citext UNIQUE, during tstzrange, room integer,
    EXCLUDE USING gist (room WITH =, during WITH &&));
CREATE INDEX ON doc USING gin (body extensions.gin_trgm_ops);
INSERT INTO doc (body, attributes, mail, during, room) SELECT md5(i::text), extensions.hstore('k', i::text), 'M' || i || '@x',
    tstzrange(now() + i * interval '1 hour', now() + (i + 1) * interval '1 hour'), i % 3 FROM generate_series(1, 200) i;
