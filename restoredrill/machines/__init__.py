"""Where a drill's work runs, and the leases that end it."""
