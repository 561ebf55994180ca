-- INDEX_INVALID wares.ware_cheap
-- As a CREATE INDEX CONCURRENTLY leaves it that was broken off: a dump leaves it out.
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'wares.ware_cheap'::regclass;
