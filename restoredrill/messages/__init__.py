"""Telling people and machines: notices to any address that Apprise knows, tickets, and pings to whoever
notices that the service is dead.

What is told is pure (`notices`), to whom is pure (`addresses`); `postman` carries it there from the outbox,
so that nothing is lost while the other side is down. `telling` is all of it as the service uses it.
"""
