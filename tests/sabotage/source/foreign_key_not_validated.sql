-- CONSTRAINT_NOT_VALID wares.audit.of_a_ware
ALTER TABLE wares.audit ADD COLUMN ware bigint DEFAULT 4711;
ALTER TABLE wares.audit ADD CONSTRAINT of_a_ware FOREIGN KEY (ware) REFERENCES wares.ware NOT VALID;
