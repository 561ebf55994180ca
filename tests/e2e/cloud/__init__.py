"""Drills and backups on real throwaway machines, with every right judged."""
