-- Tables, columns and indexes that differ only in case.
CREATE TABLE orders (id serial PRIMARY KEY, "ID" integer, "Id" text);
CREATE TABLE "Orders" (id serial PRIMARY KEY);
CREATE TABLE "ORDERS" (id serial PRIMARY KEY, other integer REFERENCES "Orders");
INSERT INTO orders ("ID", "Id") SELECT i, 'x' FROM generate_series(1, 5) i;
INSERT INTO "Orders" SELECT FROM generate_series(1, 6);
INSERT INTO "ORDERS" (other) SELECT i FROM generate_series(1, 6) i;
CREATE INDEX by_id ON orders ("ID"); CREATE INDEX "By_Id" ON orders ("Id");
CREATE VIEW "oRDERS" AS SELECT * FROM "Orders";
