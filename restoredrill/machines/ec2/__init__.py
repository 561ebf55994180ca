"""Throwaway machines of Amazon EC2: planned, started, watched, ended, and looked for afterwards."""
