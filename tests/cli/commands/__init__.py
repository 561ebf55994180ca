"""Commands that stand in for real ones, to see what the frame makes of how they end."""
