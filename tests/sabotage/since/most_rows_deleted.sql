-- ROWS_FELL wares.ware
DELETE FROM wares.ware WHERE id > 300;
