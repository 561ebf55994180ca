"""For whoever watches from outside: metrics, alert rules and a dashboard."""
