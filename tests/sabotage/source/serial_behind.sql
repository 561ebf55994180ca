-- SEQUENCE_BEHIND wares.supplier_id_seq
-- As after rows were copied in with their ids.
SELECT setval('wares.supplier_id_seq', 1, false);
