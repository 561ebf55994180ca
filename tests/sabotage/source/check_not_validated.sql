-- CONSTRAINT_NOT_VALID wares.audit.said
ALTER TABLE wares.audit ADD CONSTRAINT said CHECK (what <> 'change 7') NOT VALID;
