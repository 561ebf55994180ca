-- Names with quotes, spaces, dots, other scripts, 63 bytes, reserved words, upper case, and what looks like options.
CREATE SCHEMA "Sch em.a""x";
CREATE SCHEMA "select";
CREATE TABLE "Sch em.a""x"."Ta ble" ("Co l" integer PRIMARY KEY, "co""l" text, "größe.π" text, "表" text);
CREATE TABLE "select"."from" ("where" serial PRIMARY KEY, "order" text DEFAULT 'it''s', "a.b" integer);
CREATE TABLE "--not an option" (id integer GENERATED ALWAYS AS IDENTITY, "\back\slash" text, "%s %I $1" text);
CREATE TABLE "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123" (id serial PRIMARY KEY);
CREATE TABLE "ααααααααααββββββββββγγγγγγγγγγδ" ("id" bigserial);
CREATE TABLE "emoji 🐘 table" ("🐘" integer, "tab	inside" text, "new
line" text);
CREATE TABLE " leading and trailing " (" " integer);
CREATE TABLE pg_something (oid_like integer);
CREATE INDEX "In dex ""of"" it" ON "Sch em.a""x"."Ta ble" ("größe.π", lower("表"));
CREATE VIEW "select"."View.of it" AS SELECT * FROM "Sch em.a""x"."Ta ble";
CREATE FUNCTION "Sch em.a""x"."fn ""q"""("Arg" "select"."from") RETURNS text LANGUAGE sql RETURN ($1)."order";
CREATE TYPE "select"."enum type" AS ENUM ('a''b', 'c"d', 'é', '');
CREATE SEQUENCE "Sch em.a""x"."s e.q";
INSERT INTO "Sch em.a""x"."Ta ble" SELECT i, 'x' || i, 'ü', '表' FROM generate_series(1, 20) i;
INSERT INTO "select"."from" ("order") VALUES ('a'), (E'tab\tnew\nline\\N'), (NULL), ('\N'), ('\.');
INSERT INTO "--not an option" ("%s %I $1") VALUES ('%');
INSERT INTO "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123" DEFAULT VALUES;
INSERT INTO "ααααααααααββββββββββγγγγγγγγγγδ" DEFAULT VALUES;
INSERT INTO "emoji 🐘 table" VALUES (1, E'\t', E'\n');
COMMENT ON TABLE "select"."from" IS 'it''s "quoted" \ and 🐘';
