"""What runs the service: a systemd unit and a Containerfile, printed by `restoredrill deploy`."""
