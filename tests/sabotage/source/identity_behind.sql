-- SEQUENCE_BEHIND wares.ware_id_seq
ALTER TABLE wares.ware ALTER id RESTART WITH 5;
