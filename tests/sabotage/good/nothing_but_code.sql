-- A database that has functions and types and not one table.
CREATE TYPE state AS ENUM ('on', 'off');
CREATE FUNCTION half(x numeric) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN x / 2;
CREATE PROCEDURE nothing() LANGUAGE plpgsql AS 'BEGIN NULL; END';
