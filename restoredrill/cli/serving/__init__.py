"""What `restoredrill serve` is made of: the controller's hands, put together from what the commands do."""
