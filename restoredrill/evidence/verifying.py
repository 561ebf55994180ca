"""An archive held against itself and against keys, offline. Every mismatch is named."""

import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from restoredrill.document import Document
from restoredrill.errors import EvidenceUnfit
from restoredrill.evidence import index, statements
from restoredrill.evidence.coverage import Coverage
from restoredrill.evidence.index import Index
from restoredrill.evidence.signing import Trusted, Unproven
from restoredrill.evidence.statements import DrillPredicate
from restoredrill.model import Report

_INDEX_BYTES_MAX = 256 * 1024 * 1024
_OUTSIDE = (index.INDEX, index.SIGNED_INDEX)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
_D = TypeVar("_D", bound=Document)


@dataclass
class Found:
    """What came out. `problems`: something is not as it was. `doubts`: nothing is wrong that can be seen, and
    something is not proven.
    """

    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)  # drills
    files: int = 0
    reports: int = 0
    signed: int = 0  # reports whose signature holds
    keyids: tuple[str, ...] = ()
    given: bool = False  # the keys came from outside the archive
    index: Index | None = None
    coverage: Coverage | None = None


def verify(path: Path, keys: Trusted | None) -> Found:
    """Check every digest and every signature. Without `keys` the archive's own is used: that shows no more
    than that it fits itself.

    Raises `EvidenceUnfit` if there is no such file.
    """
    found = Found(given=keys is not None)
    try:
        with path.open("rb") as raw, zipfile.ZipFile(raw) as file:
            _verify(_Bodies(file, found), keys, found)
    except FileNotFoundError as error:
        raise EvidenceUnfit("read", str(path), "no such file") from error
    except _BROKEN as error:
        found.problems.append(f"the archive is damaged: {error}")
    return found


class _Bodies:
    """The files of an archive, each read in bounded memory, and once only by name."""

    def __init__(self, file: zipfile.ZipFile, found: Found) -> None:
        self._file = file
        self._found = found
        names = file.namelist()
        self.names = frozenset(names)
        for name in sorted(
            {name for name in names if names.count(name) > 1} if len(names) > len(self.names) else ()
        ):
            found.problems.append(f"{name}: is there more than once")

    def read(self, name: str, size_bytes: int) -> bytes | None:
        """A file's bytes; None, and a problem, if it can't be read or is longer."""
        try:
            with self._file.open(name) as body:
                content = body.read(size_bytes + 1)
        except _BROKEN as error:
            self._found.problems.append(f"{name}: damaged: {error}")
            return None
        if len(content) > size_bytes:
            self._found.problems.append(f"{name}: altered: it is longer than it was")
            return None
        return content


def _verify(bodies: _Bodies, keys: Trusted | None, found: Found) -> None:
    body = bodies.read(index.INDEX, _INDEX_BYTES_MAX) if index.INDEX in bodies.names else None
    found.index = None if body is None else _parsed(body, Index)
    if body is None or found.index is None:
        found.problems.append(f"{index.INDEX}: missing, or can't be read: nothing can be held against it")
        return
    for name in sorted(bodies.names - set(found.index.files) - set(_OUTSIDE)):
        found.problems.append(f"{name}: extra: the index does not have it")
    trusted = keys or _own_key(bodies, found)
    found.keyids = () if trusted is None else trusted.keyids
    _verify_index(bodies, body, trusted, found)
    _verify_files(bodies, trusted, found)
    _verify_coverage(found)


def _own_key(bodies: _Bodies, found: Found) -> Trusted | None:
    if index.PUBLIC_KEY not in bodies.names:
        return None
    pem = bodies.read(index.PUBLIC_KEY, 10_000) or b""
    try:
        return Trusted([(pem.decode(errors="replace"), index.PUBLIC_KEY)])
    except EvidenceUnfit as error:
        found.problems.append(f"{index.PUBLIC_KEY}: {error.reason}")
        return None


def _verify_index(bodies: _Bodies, body: bytes, trusted: Trusted | None, found: Found) -> None:
    if index.SIGNED_INDEX not in bodies.names:
        if found.given:
            found.problems.append(f"{index.SIGNED_INDEX}: missing: the archive is not signed")
        else:
            found.doubts.append("the archive is not signed: anybody could have made it")
        return
    envelope = bodies.read(index.SIGNED_INDEX, _INDEX_BYTES_MAX)
    if envelope is None or trusted is None:
        found.doubts.append(f"{index.SIGNED_INDEX}: there is no key to hold it against")
        return
    try:
        statement = trusted.opened(envelope, statements.ARCHIVE)
    except Unproven as error:
        found.problems.append(f"{index.SIGNED_INDEX}: {error}")
        return
    if statement.sha256_of(index.INDEX) != statements.sha256(body):
        found.problems.append(f"{index.INDEX}: altered: the signature is under another one")
    if not found.given:
        found.doubts.append(
            "the only key is the one in the archive: whoever made one could have made both; "
            "give the public key that you got another way (--key)"
        )


def _verify_files(bodies: _Bodies, trusted: Trusted | None, found: Found) -> None:
    assert found.index is not None
    for name, said in sorted(found.index.files.items()):
        if name not in bodies.names:
            found.problems.append(f"{name}: missing")
            continue
        body = bodies.read(name, said.size_bytes)
        if body is None:
            continue
        found.files += 1
        if statements.sha256(body) != said.sha256:
            found.problems.append(f"{name}: altered")
        if name == index.COVERAGE:
            found.coverage = _parsed(body, Coverage)
        if name.startswith("drills/") and name.endswith("/report.json"):
            _verify_report(bodies, name, body, trusted, found)


def _verify_report(bodies: _Bodies, name: str, body: bytes, trusted: Trusted | None, found: Found) -> None:
    found.reports += 1
    drill = name.split("/")[1]
    beside = f"drills/{drill}/report.dsse.json"
    if beside not in bodies.names:
        found.unsigned.append(drill)
        return
    envelope = bodies.read(beside, _INDEX_BYTES_MAX)
    if envelope is None or trusted is None:
        found.doubts.append(f"{beside}: there is no key to hold it against")
        return
    try:
        statement = trusted.opened(envelope, statements.DRILL)
    except Unproven as error:
        found.problems.append(f"{beside}: {error}")
        return
    if wrong := _contradiction(statement, name, body, found.index):
        found.problems.append(f"{beside}: {wrong}")
    else:
        found.signed += 1


def _contradiction(
    statement: statements.Statement, name: str, body: bytes, listed: Index | None
) -> str | None:
    """What a good signature says that is not so."""
    if statement.sha256_of(name) != statements.sha256(body):
        return "wrong: it is the signature of another report, or the report was altered"
    report = _parsed(body, Report)
    if report is None or statement.predicate != DrillPredicate.of(report).model_dump(mode="json"):
        return "wrong: it does not say what the report says"
    for subject in statement.subject:
        there = None if listed is None else listed.files.get(subject.name)
        if subject.name.startswith("backups/") and there is not None and there.sha256 != subject.sha256:
            return f"wrong: {subject.name} is not the manifest of the backup that was drilled"
    return None


def _verify_coverage(found: Found) -> None:
    """The overview names every report that is here, and no other."""
    assert found.index is not None
    if found.coverage is None:
        found.problems.append(f"{index.COVERAGE}: missing, or can't be read")
        return
    unreadable = set(found.coverage.unreadable)
    there = {name for name in found.index.files if name.endswith("/report.json")} - unreadable
    named = {statements.report_name(line.drill) for line in found.coverage.drills}
    found.problems += [f"{name}: {index.COVERAGE} does not name it" for name in sorted(there - named)]
    found.problems += [
        f"{name}: {index.COVERAGE} names it, it is not there" for name in sorted(named - there)
    ]


def _parsed(body: bytes, kind: type[_D]) -> _D | None:
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        return None
