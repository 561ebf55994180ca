-- A table of 1,500 columns, a row that fills a page, an index over many columns.
DO $$ BEGIN EXECUTE 'CREATE TABLE wide (' || (SELECT string_agg(format('c%s smallint', i), ', ') FROM generate_series(1, 1500) i) || ')'; END $$;
INSERT INTO wide (c1, c750, c1500) SELECT i, i * 2, NULL FROM generate_series(1, 20) i;
CREATE TABLE thirty_two (id serial); DO $$ BEGIN FOR i IN 1..31 LOOP EXECUTE format('ALTER TABLE thirty_two ADD COLUMN k%s integer DEFAULT %s', i, i); END LOOP;
    EXECUTE 'CREATE UNIQUE INDEX ON thirty_two (id, ' || (SELECT string_agg('k' || i, ', ') FROM generate_series(1, 31) i) || ')'; END $$;
INSERT INTO thirty_two SELECT FROM generate_series(1, 40);
