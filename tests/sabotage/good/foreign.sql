-- Foreign data: wrappers, servers with options, mappings, tables. Nothing of it may be reached from a drill.
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.invalid', dbname 'x', fetch_size '100');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'u', password 'not-told');
CREATE FOREIGN TABLE far (id integer, name text COLLATE "C") SERVER elsewhere OPTIONS (table_name 't');
CREATE TABLE near (id serial PRIMARY KEY); INSERT INTO near SELECT FROM generate_series(1, 5);
CREATE VIEW both_sides AS SELECT near.id FROM near LEFT JOIN far USING (id);
