"""The index of what the vaults hold, and what the service is about to do: SQLite, or PostgreSQL by URL.

`opening.open_history` is the door. What a vault knows too can be made again (`sync.rebuild`); with the
database are lost: tasks that wait, notices not yet delivered, when an alarm began, and who did what by hand.
"""
