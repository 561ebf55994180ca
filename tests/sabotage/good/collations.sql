-- Collations of its own, columns and indexes under others, and ICU where the build has it.
CREATE COLLATION posix (LOCALE = 'POSIX');
CREATE TABLE word (id serial PRIMARY KEY, a text COLLATE "C", b text COLLATE posix, c text);
INSERT INTO word (a, b, c) SELECT chr(64 + i), chr(200 + i), 'ß' || i FROM generate_series(1, 50) i;
CREATE INDEX ON word (a COLLATE posix, c); CREATE UNIQUE INDEX ON word (lower(c) COLLATE "C");
DO $$ BEGIN
    CREATE COLLATION german (PROVIDER = icu, LOCALE = 'de-u-co-phonebk');
    CREATE COLLATION any_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
    ALTER TABLE word ADD COLUMN d text COLLATE german, ADD COLUMN e text COLLATE any_case UNIQUE;
    UPDATE word SET d = a, e = a || id;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
