"""A function does something else."""

import re
from dataclasses import replace

from restoredrill.engines.postgres.tocfile import Entry
from restoredrill.sabotage.bench import Bench, Planted, Sabotage, instead


def make(bench: Bench) -> Planted:
    entry = bench.entries("FUNCTION", lambda entry: bool(_costless(entry)))[0]
    return Planted(bench.copy_with(instead(entry, replace(entry, definition=_costless(entry)))))


def _costless(entry: Entry) -> str | None:
    """With another estimate of its cost, which is part of what it is; None if it states one already."""
    text = entry.definition or ""
    language = re.search(r"\n    LANGUAGE \w+", text)
    if language is None or " COST " in text:
        return None
    return f"{text[: language.end()]} COST 4711{text[language.end() :]}"


SABOTAGE = Sabotage("function changed", ("OBJECT_DIFFERS",), make)
