-- Row security, forced and not, grants with options, column grants, default privileges, SECURITY DEFINER without a path.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'good_owner') THEN CREATE ROLE good_owner; CREATE ROLE good_reader; END IF;
END $$;
CREATE SCHEMA app AUTHORIZATION good_owner;
CREATE TABLE app.secret (id serial PRIMARY KEY, who text DEFAULT current_user, what text);
ALTER TABLE app.secret OWNER TO good_owner;
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY; ALTER TABLE app.secret FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON app.secret USING (who = current_user) WITH CHECK (what IS NOT NULL);
CREATE POLICY readers ON app.secret AS RESTRICTIVE FOR SELECT TO good_reader USING (id % 2 = 0);
INSERT INTO app.secret (what) SELECT 'x' || i FROM generate_series(1, 50) i;
GRANT SELECT (id, who), UPDATE (what) ON app.secret TO good_reader WITH GRANT OPTION;
GRANT USAGE ON SCHEMA app TO good_reader; REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE good_owner IN SCHEMA app GRANT SELECT ON TABLES TO good_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE good_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE FUNCTION app.count() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT count(*) FROM app.secret';
REVOKE ALL ON FUNCTION app.count() FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.count() TO good_reader;
CREATE FUNCTION app.check_it() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO '' AS
    $$ BEGIN PERFORM pg_catalog.count(*) FROM app.secret; RETURN NEW; END $$;
CREATE TRIGGER checked BEFORE INSERT ON app.secret FOR EACH ROW EXECUTE FUNCTION app.check_it();
CREATE VIEW app.mine WITH (security_barrier) AS SELECT id FROM app.secret; ALTER VIEW app.mine OWNER TO good_owner;
