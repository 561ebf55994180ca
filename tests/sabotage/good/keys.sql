-- Cyclic, self-referring, deferred, composite, MATCH FULL foreign keys, actions, exclusion and partial unique keys.
CREATE TABLE hen (id serial PRIMARY KEY, egg integer); CREATE TABLE egg (id serial PRIMARY KEY, hen integer);
INSERT INTO hen (egg) SELECT i FROM generate_series(1, 30) i; INSERT INTO egg (hen) SELECT 31 - i FROM generate_series(1, 30) i;
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen ON DELETE CASCADE;
CREATE TABLE tree (id integer PRIMARY KEY, parent integer REFERENCES tree ON DELETE SET NULL);
INSERT INTO tree SELECT i, nullif(i / 2, 0) FROM generate_series(1, 60) i;
CREATE TABLE pair (a integer, b integer, PRIMARY KEY (b, a)); INSERT INTO pair SELECT i, -i FROM generate_series(1, 9) i;
CREATE TABLE of_pair (x integer, y integer, z integer,
    FOREIGN KEY (y, x) REFERENCES pair (b, a) MATCH FULL, FOREIGN KEY (z, x) REFERENCES pair (b, a));
INSERT INTO of_pair VALUES (1, -1, NULL), (NULL, NULL, 7), (2, -2, -2);
CREATE TABLE booking (room integer, during int4range, EXCLUDE USING gist (during WITH &&) WHERE (room = 1));
INSERT INTO booking SELECT 1, int4range(i * 10, i * 10 + 10) FROM generate_series(1, 9) i;
CREATE TABLE account (id serial PRIMARY KEY, mail text, closed boolean); CREATE UNIQUE INDEX ON account (lower(mail)) WHERE NOT closed;
INSERT INTO account (mail, closed) VALUES ('a@x', false), ('A@X', true), ('a@x', true), (NULL, false), (NULL, false);
ALTER TABLE account ADD UNIQUE (mail, id) DEFERRABLE;
