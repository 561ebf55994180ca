"""A sequence would hand out numbers again."""

import re
from dataclasses import replace

from restoredrill.engines.postgres.tocfile import Entry
from restoredrill.sabotage.bench import Bench, Planted, Sabotage, instead


def make(bench: Bench) -> Planted:
    entry = bench.entries("SEQUENCE SET", lambda entry: _behind(entry) != entry.definition)[0]
    return Planted(bench.copy_with(instead(entry, replace(entry, definition=_behind(entry)))))


def _behind(entry: Entry) -> str:
    """Where it began: most sequences count from 1."""
    return re.sub(r", ([2-9]|[1-9]\d+), (true|false)\);", ", 1, false);", entry.definition or "")


SABOTAGE = Sabotage("sequence behind", ("SEQUENCE_DIFFERS", "SEQUENCE_BEHIND"), make)
