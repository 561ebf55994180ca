"""From a listing to candidates: which objects are one dump together; what is passed over, and why. Pure."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from restoredrill.dumps import names
from restoredrill.model import make_id
from restoredrill.protocols import Entry

HERE = "."  # what a directory archive is called that lies right where the dumps are


@dataclass(frozen=True)
class PassedOver:
    """Something that lies among the dumps and is none."""

    key: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """What may be a dump: one object, or (`folder`) the objects of a directory archive, by their names."""

    key: str
    entries: Mapping[str, Entry]
    folder: bool = False
    sure: bool = True  # its name says so, or was asked for: whatever it holds, it must not be passed over

    @property
    def size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.entries.values())

    @property
    def modified_at(self) -> datetime:
        """When the last of it was written."""
        return max(entry.modified_at for entry in self.entries.values())

    def id(self, zone: ZoneInfo) -> str:
        """What it is called in drills: of its name and of what a listing says, so that another dump under the
        same name is another one, and the same one stays the same.
        """
        told = "".join(
            f"{entry.key}\0{entry.size_bytes}\0{entry.modified_at:%Y%m%dT%H%M%S}\0"
            for _, entry in sorted(self.entries.items())
        )
        named = names.time_in(self.key, zone)
        at = self.modified_at if named is None else named.at
        return make_id(at, hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:12])


@dataclass(frozen=True)
class Grouped:
    """A listing, sorted out."""

    candidates: tuple[Candidate, ...]
    passed_over: tuple[PassedOver, ...]
    entries: Mapping[str, Entry] = field(default_factory=dict)


def grouped(entries: Iterable[Entry], match: str | None) -> Grouped:
    """Sort out what lies there. `match` None: whatever is called like a dump, or holds one."""
    there = {entry.key: entry for entry in entries}
    folders, files = _folders(there.values())
    candidates: list[Candidate] = []
    passed: list[PassedOver] = []
    for folder, members in folders.items():
        if folder != HERE and match is not None and not names.matches(folder, match):
            passed.append(PassedOver(f"{folder}/", f"its name is not like {match}"))
        else:
            candidates.append(Candidate(folder, members, folder=True))
    for key, entry in files.items():
        name = key.rpartition("/")[2]
        looks = names.looks_like_dump(name) if match is None else names.matches(key, match)
        reason = names.beside(name) or ("" if looks or match is None else f"its name is not like {match}")
        if reason:
            passed.append(PassedOver(key, reason))
        else:
            candidates.append(Candidate(key, {name: entry}, sure=looks))
    return Grouped(tuple(candidates), tuple(passed), there)


def _folders(entries: Iterable[Entry]) -> tuple[dict[str, dict[str, Entry]], dict[str, Entry]]:
    """Directory archives (folders with a table of contents, or with nothing but pg_dump's files), and the
    rest.
    """
    by_folder: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        folder, _, name = entry.key.rpartition("/")
        by_folder[folder or HERE][name] = entry
    archives: dict[str, dict[str, Entry]] = {}
    files: dict[str, Entry] = {}
    for folder, inside in by_folder.items():
        members = {name: entry for name, entry in inside.items() if names.MEMBER.fullmatch(name)}
        if members:
            archives[folder] = {name.removesuffix(".age"): entry for name, entry in members.items()}
        files |= {entry.key: entry for name, entry in inside.items() if name not in members}
    return archives, files
