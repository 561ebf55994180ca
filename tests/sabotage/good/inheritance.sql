-- Old inheritance, with more columns in the children, and two parents.
CREATE TABLE animal (id serial PRIMARY KEY, name text CHECK (name <> ''));
CREATE TABLE flying (wings integer DEFAULT 2);
CREATE TABLE bird (song text) INHERITS (animal, flying);
CREATE TABLE owl (wise boolean DEFAULT true) INHERITS (bird);
INSERT INTO animal (name) VALUES ('cat'), ('dog');
INSERT INTO bird (name, song) VALUES ('wren', 'tic'), ('lark', 'tirra');
INSERT INTO owl (name) VALUES ('barn owl');
ALTER TABLE bird ADD CONSTRAINT sings CHECK (song <> 'no') NO INHERIT;
