-- A sound database that has one of everything that can be broken.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wares_app') THEN CREATE ROLE wares_app; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wares_owner') THEN CREATE ROLE wares_owner; END IF;
END $$;
CREATE SCHEMA wares AUTHORIZATION wares_owner;
CREATE TABLE wares.supplier (
    id serial PRIMARY KEY,
    name text NOT NULL,
    tax_number text UNIQUE,
    note text
);
CREATE TABLE wares.ware (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    supplier integer NOT NULL REFERENCES wares.supplier,
    title text,
    price numeric(10, 2) CHECK (price >= 0),
    changed timestamptz DEFAULT now()
);
CREATE TABLE wares.movement (ware bigint, day date NOT NULL, amount integer) PARTITION BY RANGE (day);
CREATE TABLE wares.movement_1 PARTITION OF wares.movement FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE wares.movement_2 PARTITION OF wares.movement FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE wares.audit (at timestamptz, what text);
INSERT INTO wares.supplier (name, tax_number)
    SELECT 'supplier ' || i, CASE WHEN i % 7 > 0 THEN 'T' || i END FROM generate_series(1, 40) i;
INSERT INTO wares.ware (supplier, title, price)
    SELECT 1 + i % 40, 'ware ' || md5(i::text), i / 7.0 FROM generate_series(1, 900) i;
INSERT INTO wares.movement SELECT 1 + i % 900, '2026-01-01'::date + i % 59, i % 13 FROM generate_series(1, 1500) i;
INSERT INTO wares.audit SELECT now() - i * interval '1 hour', 'change ' || i FROM generate_series(1, 50) i;
CREATE INDEX ware_title ON wares.ware (title text_pattern_ops);
CREATE INDEX ware_cheap ON wares.ware (price) WHERE price < 10;
CREATE STATISTICS wares.ware_statistics (dependencies) ON supplier, price FROM wares.ware;
CREATE VIEW wares.cheap AS SELECT id, title FROM wares.ware WHERE price < 10;
CREATE MATERIALIZED VIEW wares.by_supplier AS SELECT supplier, count(*) FROM wares.ware GROUP BY 1;
CREATE FUNCTION wares.touch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.changed := now(); RETURN NEW; END $$;
CREATE TRIGGER ware_touch BEFORE UPDATE ON wares.ware FOR EACH ROW EXECUTE FUNCTION wares.touch();
CREATE RULE audit_keeps AS ON DELETE TO wares.audit DO INSTEAD NOTHING;
ALTER TABLE wares.supplier ENABLE ROW LEVEL SECURITY;
CREATE POLICY taxed ON wares.supplier FOR SELECT TO wares_app USING (tax_number IS NOT NULL);
GRANT USAGE ON SCHEMA wares TO wares_app;
GRANT SELECT, INSERT ON wares.ware TO wares_app;
ALTER DEFAULT PRIVILEGES FOR ROLE wares_owner IN SCHEMA wares GRANT SELECT ON TABLES TO wares_app;
ALTER TABLE wares.audit OWNER TO wares_owner;
CREATE PUBLICATION wares_changes FOR TABLE wares.ware;
CREATE FUNCTION wares.told() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER wares_told ON ddl_command_end EXECUTE FUNCTION wares.told();
SELECT lo_from_bytea(0, decode(md5(i::text), 'hex')) FROM generate_series(1, 3) i;
