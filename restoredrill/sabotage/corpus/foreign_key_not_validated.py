"""A foreign key is there and was never validated."""

import re
from dataclasses import replace

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, instead


def make(bench: Bench) -> Planted:
    entry = bench.entries("FK CONSTRAINT", lambda entry: "NOT VALID" not in (entry.definition or ""))[0]
    changed = re.sub(r";\s*$", " NOT VALID;\n", entry.definition or "")
    return Planted(bench.copy_with(instead(entry, replace(entry, definition=changed))))


SABOTAGE = Sabotage("foreign key not validated", ("CONSTRAINT_NOT_VALID", "OBJECT_DIFFERS"), make)
