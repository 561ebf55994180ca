"""Every form of the report, made from one Report value."""
