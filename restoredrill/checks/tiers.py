"""What a lesser drill compares: everything about the schema, and the rows of what it restored. Pure."""

from collections.abc import Collection

from restoredrill.model import Fingerprint

_NO_PART = ("large objects",)  # of a lesser drill


def part(whole: Fingerprint, tables: Collection[str]) -> Fingerprint:
    """Of a fingerprint what is left where only `tables` (unquoted) were restored, and no large object."""
    kept = tuple(table for table in whole.tables if _plain(table.table) in tables)
    objects = {kind: there for kind, there in whole.objects.items() if kind not in _NO_PART}
    return whole.model_copy(update={"tables": kept, "objects": objects})


def _plain(name: str) -> str:
    return name.replace('""', "\0").replace('"', "").replace("\0", '"')
