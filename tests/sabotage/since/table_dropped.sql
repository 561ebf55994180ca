-- TABLE_GONE wares.audit
DROP TABLE wares.audit;
