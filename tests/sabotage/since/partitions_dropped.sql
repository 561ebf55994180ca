-- TABLE_GONE wares.movement
DROP TABLE wares.movement_1, wares.movement_2;
