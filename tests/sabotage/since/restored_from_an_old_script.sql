-- OTHER_DATABASE wares
-- The name is right and nothing else: as after somebody restored the wrong dump into production.
DROP EVENT TRIGGER wares_told;
DROP SCHEMA wares CASCADE;
CREATE TABLE page AS SELECT i AS id, 'text' AS body FROM generate_series(1, 5) i;
