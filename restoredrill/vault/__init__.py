"""Where backups live: object storage or a folder, sealed and listed by manifest."""
