-- TABLE_EMPTIED wares.supplier
DELETE FROM wares.ware; DELETE FROM wares.supplier;
