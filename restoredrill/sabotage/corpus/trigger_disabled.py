"""A trigger is there and does nothing."""

import re
from dataclasses import replace

from restoredrill.engines.postgres.tocfile import Entry
from restoredrill.sabotage.bench import Bench, Planted, Sabotage, instead


def make(bench: Bench) -> Planted:
    entry = bench.entries("TRIGGER", lambda entry: bool(_disabled(entry)))[0]
    return Planted(bench.copy_with(instead(entry, replace(entry, definition=_disabled(entry)))))


_NAME = r'"(?:[^"]|"")+"|\w+'
_TABLE = rf"(?:{_NAME})(?:\.(?:{_NAME}))?"
_CREATES = re.compile(rf"CREATE (?:CONSTRAINT )?TRIGGER ({_NAME}) .*? ON ({_TABLE}) ", re.DOTALL)


def _disabled(entry: Entry) -> str | None:
    found = _CREATES.match(entry.definition or "")
    if found is None or "DISABLE" in (entry.definition or ""):
        return None
    return f"{entry.definition}\nALTER TABLE {found[2]} DISABLE TRIGGER {found[1]};\n"


SABOTAGE = Sabotage("trigger disabled", ("TRIGGER_DISABLED", "OBJECT_DIFFERS"), make)
