"""Two fingerprints against each other, with no tolerance. Pure.

Definitions can be compared between servers of one major only: another prints the same in other words. There,
objects are compared by name, and a finding says so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from restoredrill.checks.rules import finding
from restoredrill.model import Finding, Fingerprint, TableFingerprint

LISTED_AT_MOST: Final = 20  # findings of one rule; a database with nothing in it has one finding a table

LARGE_OBJECTS: Final = "pg_catalog.pg_largeobject"

# Rules by kind of object: for one that is missing, extra, different. "" is no finding.
_OBJECT = ("OBJECT_MISSING", "OBJECT_EXTRA", "OBJECT_DIFFERS")
_RULES: Final[Mapping[str, tuple[str, str, str]]] = {
    "table": ("TABLE_MISSING", "TABLE_EXTRA", "OBJECT_DIFFERS"),
    "owner": ("OWNER_DIFFERS", "", "OWNER_DIFFERS"),
    "grant": ("GRANT_MISSING", "GRANT_EXTRA", "GRANT_DIFFERS"),
    "default privileges": ("GRANT_MISSING", "GRANT_EXTRA", "GRANT_DIFFERS"),
    "comment": ("COMMENT_DIFFERS", "", "COMMENT_DIFFERS"),
    "extension": ("EXTENSION_MISSING", "OBJECT_EXTRA", "EXTENSION_VERSION"),
    "collation version": ("", "", "COLLATION_VERSION"),
    "invalid index": ("INDEX_INVALID", "", "INDEX_INVALID"),
    "database": ("DATABASE_DIFFERS", "DATABASE_DIFFERS", "DATABASE_DIFFERS"),
    # Of the roles here only those that own something are known; more own something than on the source, whose
    # bootstrap superuser's belongings are recorded nowhere.
    "role": ("OBJECT_MISSING", "", "OBJECT_DIFFERS"),
}
# Kinds whose definitions are told as they are, and mean the same in every major.
_TOLD = ("owner", "database")

# What belongs to a relation has its name as a prefix; what is said of an object has its kind and name.
_PARTS = frozenset({"column", "constraint", "not-null constraint", "trigger", "rule", "policy"})
_SAYINGS = frozenset({"owner", "grant", "comment", "security label"})
_RELATIONS = ("table", "view", "materialized view", "foreign table")


def structure(source: Fingerprint, target: Fingerprint, *, most: int = LISTED_AT_MOST) -> tuple[Finding, ...]:
    """Every object of the source against the restored ones; at most `most` findings of a rule are listed."""
    by_name = not _same_major(source, target)
    gone = _Gone(source, target, by_name)
    found = [
        f
        for kind, there in source.objects.items()
        if kind in target.objects
        for f in _differences(
            kind, _spelt(there, by_name), _spelt(target.objects[kind], by_name), by_name, gone
        )
    ]
    if by_name:
        majors = f"PostgreSQL {source.version_num // 10000} there, {target.version_num // 10000} here"
        found.append(finding("NAMES_ONLY", "database", f"objects were compared by name only: {majors}"))
    return limited(found, most)


def content(source: Fingerprint, target: Fingerprint, *, most: int = LISTED_AT_MOST) -> tuple[Finding, ...]:
    """Every table's rows, as far as both fingerprints tell of them, and where the sequences stand."""
    by_name = not _same_major(source, target)
    here = {_plain(t.table, by_name): t for t in target.tables}
    there = {_plain(t.table, by_name): t for t in source.tables}
    comparable = source.algorithm == target.algorithm
    found = [f for name, table in there.items() for f in _rows(table, here.get(name), comparable)]
    found += [_extra_rows(table) for name, table in here.items() if name not in there and table.rows]
    counters = _spelt(target.sequences, by_name)
    for name, stood in _spelt(source.sequences, by_name).items():
        if name in counters and counters[name] != stood:
            found.append(_moved(name, stood, counters[name]))
    return limited(found, most)


def limited(findings: Iterable[Finding], most: int) -> tuple[Finding, ...]:
    """At most so many of each rule; then one that counts the rest, as severe as they are.

    It bears no object's name, so that no `ignore` for some objects takes away what is not listed.
    """
    everything = list(findings)
    counts = Counter(f.rule for f in everything)
    kept: list[Finding] = []
    seen: Counter[str] = Counter()
    for one in everything:
        seen[one.rule] += 1
        if seen[one.rule] <= most:
            kept.append(one)
        elif seen[one.rule] == counts[one.rule]:
            more = counts[one.rule] - most
            kept.append(finding(one.rule, f"({more} more)", f"and {more} more of the same rule"))
    return tuple(kept)


# Objects --------------------------------------------------------------------------------------------------


class _Gone:
    """Relations and objects that are missing: what belongs to them is missing too, and that is no news."""

    def __init__(self, source: Fingerprint, target: Fingerprint, by_name: bool) -> None:
        missing = [
            (kind, name)
            for kind, there in source.objects.items()
            if kind not in _PARTS | _SAYINGS
            for name in _spelt(there, by_name).keys() - _spelt(target.objects.get(kind, {}), by_name).keys()
        ]
        self._prefixes = tuple(f"{name}." for kind, name in missing if kind in _RELATIONS)
        self._objects = frozenset(f"{kind} {name}" for kind, name in missing)

    def explains(self, kind: str, name: str) -> bool:
        if kind in _PARTS:
            return name.startswith(self._prefixes)
        if kind == "extension schema":
            return f"extension {name}" in self._objects
        if kind not in _SAYINGS:
            return False
        thing = name.rpartition(" to ")[0] if kind == "grant" else name
        return thing in self._objects or thing.removeprefix("column ").startswith(self._prefixes)


def _differences(
    kind: str, there: Mapping[str, str], here: Mapping[str, str], by_name: bool, gone: _Gone
) -> Iterator[Finding]:
    missing, extra, differs = _RULES.get(kind, _OBJECT)
    for name, definition in there.items():
        if name not in here:
            if missing and not (kind == "database" and by_name) and not gone.explains(kind, name):
                yield finding(missing, name, f"{_title(kind, name)} is not there")
        elif here[name] != definition and (not by_name or kind in _TOLD):
            yield finding(differs, name, _difference(kind, name, definition, here[name]))
    if extra and not (kind == "database" and by_name):
        for name in here.keys() - there.keys():
            yield finding(extra, name, f"{_title(kind, name)} is there, but not on the source")


def _title(kind: str, name: str) -> str:
    match kind:
        case "grant":
            return f"a grant on {name}"
        case "default privileges":
            return f"default privileges on {name}"
        case "owner" | "comment":
            return f"the {kind} of {name}"
        case "database":
            return f"the database's {name}"
        case "invalid index":
            return f"index {name} is not valid on the source; a dump leaves it out, and so it"
        case "large objects":
            return "the list of large objects"
    return f"{kind} {name}"


def _difference(kind: str, name: str, there: str, here: str) -> str:
    match kind:
        case "owner":
            return f"{name} belongs to {there} on the source, to {here} here"
        case "extension" | "collation version":
            return f"{kind.removesuffix(' version')} {name} has version {there} on the source, {here} here"
        case "database" | "extension schema":
            return f"{_title(kind, name)} is {there} on the source, {here} here"
        case "role":
            return f"role {name} is a member of other roles than on the source"
    return f"{_title(kind, name)} is not what it is on the source"


# Rows -----------------------------------------------------------------------------------------------------


def _rows(there: TableFingerprint, here: TableFingerprint | None, comparable: bool) -> Iterator[Finding]:
    name = there.table
    if here is None:
        if there.rows:
            yield finding("ROWS_MISSING", name, f"all {_many(there)} are missing: the table is not there")
        return
    if here.rows < there.rows:
        missing = f"{there.rows - here.rows} of {_many(there)} are missing"
        yield finding("ROWS_MISSING", name, missing)
    elif here.rows > there.rows:
        yield finding("ROWS_EXTRA", name, f"{_many(here)} where the source had {there.rows}")
    elif comparable and None not in (there.digest, here.digest) and there.digest != here.digest:
        yield finding("CONTENT_DIFFERS", name, f"{_many(there)} as on the source, but not the same ones")


def _extra_rows(here: TableFingerprint) -> Finding:
    return finding("ROWS_EXTRA", here.table, f"{_many(here)} in a table that the source did not have")


def _many(table: TableFingerprint) -> str:
    noun = "large object" if table.table == LARGE_OBJECTS else "row"
    return f"{table.rows} {noun}" + ("" if table.rows == 1 else "s")


def _moved(name: str, there: str, here: str) -> Finding:
    """Sequences belong to no snapshot: where the source's have moved on, the dump may hold a later value."""
    if _stand(here) > _stand(there):
        return finding("SEQUENCE_AHEAD", name, f"sequence {name} has moved on since the fingerprint")
    return finding("SEQUENCE_DIFFERS", name, f"sequence {name} is behind where it was on the source")


def _stand(text: str) -> tuple[int, bool]:
    last_value, _, called = text.partition(",")
    return int(last_value), called == "true"


# Names ----------------------------------------------------------------------------------------------------


def _same_major(source: Fingerprint, target: Fingerprint) -> bool:
    return source.version_num // 10000 == target.version_num // 10000


def _spelt(named: Mapping[str, str], by_name: bool) -> dict[str, str]:
    return {_plain(name, by_name): value for name, value in named.items()}


def _plain(name: str, by_name: bool) -> str:
    """Majors differ in what they quote, as they have other reserved words."""
    return name.replace('"', "") if by_name else name
