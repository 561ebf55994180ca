-- DATABASE_EMPTY database
DROP EVENT TRIGGER wares_told;
DROP SCHEMA wares CASCADE;
DROP PUBLICATION wares_changes;
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
DROP EXTENSION plpgsql;
CREATE SCHEMA nothing;
