"""A statement of the dump fails, and pg_restore goes on to its end."""

from dataclasses import replace

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, instead


def make(bench: Bench) -> Planted:
    entry = bench.entries("TABLE")[-1]
    changed = f"{entry.definition}\nSELECT 1 / 0;\n"
    return Planted(bench.copy_with(instead(entry, replace(entry, definition=changed))))


SABOTAGE = Sabotage("statement refused", ("RESTORE_ERROR",), make)
