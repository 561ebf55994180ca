"""A table belongs to a role that does not exist."""

from dataclasses import replace

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, instead


def make(bench: Bench) -> Planted:
    entry = bench.entries("TABLE", lambda entry: bool(entry.owner))[0]
    changed = replace(entry, owner="restoredrill_nobody")
    return Planted(bench.copy_with(instead(entry, changed)))


SABOTAGE = Sabotage("owner unknown", ("ROLE_MISSING", "OWNER_DIFFERS"), make)
