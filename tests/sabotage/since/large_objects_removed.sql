-- TABLE_EMPTIED pg_catalog.pg_largeobject
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
