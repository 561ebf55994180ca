-- Partitioned three deep: by range, list and hash, with defaults, keys, indexes, and a foreign key to it.
CREATE TABLE event (id bigserial, day date NOT NULL, kind text NOT NULL, body text, PRIMARY KEY (id, day, kind))
    PARTITION BY RANGE (day);
CREATE TABLE event_26 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind);
CREATE TABLE event_26_a PARTITION OF event_26 FOR VALUES IN ('a') PARTITION BY HASH (id);
CREATE TABLE event_26_a_0 PARTITION OF event_26_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE event_26_a_1 PARTITION OF event_26_a FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE event_26_rest PARTITION OF event_26 DEFAULT;
CREATE TABLE event_rest PARTITION OF event DEFAULT;
CREATE TABLE event_none PARTITION OF event FOR VALUES FROM ('2030-01-01') TO ('2031-01-01') PARTITION BY LIST (kind);
CREATE INDEX ON event (kind, day); CREATE INDEX ON ONLY event (body);
INSERT INTO event (day, kind, body)
    SELECT '2025-12-01'::date + i, chr(97 + i % 3), md5(i::text) FROM generate_series(1, 600) i;
CREATE TABLE note (event bigint, day date, kind text, FOREIGN KEY (event, day, kind) REFERENCES event);
INSERT INTO note SELECT id, day, kind FROM event WHERE id % 5 = 0;
CREATE TABLE attached (LIKE event INCLUDING ALL);
ALTER TABLE event ATTACH PARTITION attached FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
INSERT INTO event (day, kind) VALUES ('2024-01-05', 'z');
