-- TRIGGER_DISABLED wares.ware.ware_touch
ALTER TABLE wares.ware DISABLE TRIGGER ware_touch;
