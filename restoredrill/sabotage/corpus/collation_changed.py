"""A column sorts and compares by another collation."""

import re
from dataclasses import replace

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, instead


def make(bench: Bench) -> Planted:
    entry = bench.entries("TABLE", lambda entry: bool(_TEXT.search(entry.definition or "")))[0]
    changed = _TEXT.sub(r'\1 text COLLATE pg_catalog."POSIX"\2', entry.definition or "", count=1)
    return Planted(bench.copy_with(instead(entry, replace(entry, definition=changed))))


_TEXT = re.compile(r"(\n    \S+) text(,|\n| NOT NULL)")


SABOTAGE = Sabotage("collation changed", ("OBJECT_DIFFERS",), make)
