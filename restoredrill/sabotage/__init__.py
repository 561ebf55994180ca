"""The alarm itself is drilled: copies of a good backup, each broken one way, and the rule that must fire."""
