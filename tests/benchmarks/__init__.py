"""What the figures in README rest on: both sides measured in one run, by the same meter."""
