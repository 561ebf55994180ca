-- SEQUENCE_BEHIND wares.numbers
CREATE SEQUENCE wares.numbers;
CREATE TABLE wares.numbered (number bigint DEFAULT nextval('wares.numbers'), what text);
INSERT INTO wares.numbered VALUES (17, 'by hand');
