-- TABLE_EMPTIED wares.audit
TRUNCATE wares.audit;
