"""Puts roles, memberships and role settings into a throwaway server: pg_dumpall's script, by statements.

Not by psql: a script that somebody put into the bucket could hold `\\!`. What is sent here is SQL only.
"""

import re
from collections.abc import Iterable, Iterator

import psycopg
import zstandard

from restoredrill.engines.postgres.connect import TARGET, as_ours
from restoredrill.engines.postgres.globals import NAME
from restoredrill.errors import ArchiveCorrupt, DiskFull
from restoredrill.model import Finding, Severity
from restoredrill.protocols import Archive

# A role's definition is a line or two; a script beyond this is none (100,000 roles are about 20 MB).
_LARGEST_BYTES = 256 << 20

# PostgreSQL's scan.l with standard_conforming_strings on, as far as pg_dumpall goes. Bytes stay bytes:
# whatever the script's encoding, quotes and semicolons are ASCII.
_TOKEN = re.compile(
    rb"""--[^\n]*
       | /\*.*?\*/
       | [eE]'(?:[^'\\]|\\.|'')*'
       | '(?:[^']|'')*'
       | "(?:[^"]|"")*"
       | \$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$
       | [A-Za-z_]\w*
       | .""",
    re.VERBOSE | re.DOTALL,
)
_META = re.compile(rb"\\[^\n]*\n?")  # \restrict, \connect: psql's, not SQL
_COMMENT = (b"--", b"/*")

_NAMED = re.compile(
    r"\s*(CREATE|ALTER|COMMENT\s+ON|SECURITY\s+LABEL.*?\s+ON)\s+(ROLE|TABLESPACE)\s+(\"(?:[^\"]|\"\")+\"|[^\s;]+)",
    re.IGNORECASE | re.DOTALL,
)
_MEMBERSHIP = re.compile(
    r"\s*GRANT\s+(\"(?:[^\"]|\"\")+\"|\S+)\s+TO\s+(\"(?:[^\"]|\"\")+\"|[^\s;]+)", re.IGNORECASE
)

# As bytes: a role's name is in no encoding.
_NAMES = rb"SELECT replace(rolname::text, '\', '\\')::bytea FROM pg_catalog.pg_roles"

_EXISTS = "42710"
_HINT = "restore globals.sql by hand on a scratch server to see the statement"


def unpacked(chunks: Iterable[bytes]) -> bytes:
    """The script out of `globals.sql.zst`. Raises `ArchiveCorrupt` if it is cut off, too large or no zstd."""
    packed = b"".join(chunks)
    try:
        # The frame says how much it holds (globals.py compresses with a size): look before it unfolds.
        size_bytes = zstandard.get_frame_parameters(packed).content_size
        if _LARGEST_BYTES < size_bytes < zstandard.CONTENTSIZE_UNKNOWN:
            raise ArchiveCorrupt(
                "read", NAME, f"it says it holds {size_bytes} bytes, which is no list of roles"
            )
        reader = zstandard.ZstdDecompressor().decompressobj()
        script = reader.decompress(packed)
    except zstandard.ZstdError as error:
        raise ArchiveCorrupt("read", NAME, "it can't be decompressed") from error
    if not reader.eof:
        raise ArchiveCorrupt("read", NAME, "it is cut off")
    return script


def statements(script: bytes) -> Iterator[bytes]:
    """SQL statements without semicolons and comments; psql's own commands between them are left out."""
    parts: list[bytes] = []
    at = 0
    while at < len(script):
        if not parts and (meta := _META.match(script, at)):
            at = meta.end()
            continue
        token = _TOKEN.match(script, at)
        assert token is not None
        at = token.end()
        if token[0] == b";":
            if parts:
                yield b"".join(parts).strip()
            parts = []
        elif not token[0].startswith(_COMMENT) and (parts or not token[0].isspace()):
            parts.append(token[0])
    if parts:
        yield b"".join(parts).strip()


def restore_from(
    archive: Archive, connection: psycopg.Connection, needed: Iterable[str]
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Run the globals of the archive, if it has any; `needed` roles that are not there then are findings.

    Raises `ArchiveCorrupt`, `ObjectCorrupt` and other `VaultError`, `ServerFailed`, `DiskFull`.
    """
    findings: tuple[Finding, ...] = ()
    harmless: tuple[str, ...] = ()
    if any(file.name == NAME for file in archive.manifest.files):
        findings, harmless = restore(connection, unpacked(archive.open(NAME)))
    there = {bytes(name) for (name,) in connection.execute(_NAMES)}
    # A source in SQL_ASCII has bytes for names, which were read as LATIN1.
    missing = (
        role for role in needed if there.isdisjoint({role.encode(), role.encode("latin-1", "replace")})
    )
    missed = tuple(_missing(role) for role in missing)
    return (*findings, *missed), harmless


def restore(connection: psycopg.Connection, script: bytes) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Run the script on an autocommit connection of a superuser; returns findings and harmless messages.

    No statement is ever quoted: it may hold a password's hash. Raises `ServerFailed`, `DiskFull`.
    """
    findings: list[Finding] = []
    harmless: list[str] = []
    made_by_initdb = _bootstrap(connection)
    for statement in statements(script):
        try:
            connection.execute(statement)
        except psycopg.Error as error:
            said = as_ours(error, TARGET, "restore", subject(statement))
            if connection.closed or isinstance(said, DiskFull):
                raise said from error
            if error.sqlstate == _EXISTS and said.thing == made_by_initdb:
                continue
            if error.sqlstate == _EXISTS or said.thing.startswith("tablespace "):
                harmless.append(str(said))
            else:
                findings.append(_finding(statement, said.thing, str(said)))
    return tuple(findings), tuple(harmless)


def _bootstrap(connection: psycopg.Connection) -> str:
    """The role that was here first, as `subject` calls it: the script makes it, too."""
    query = b"SELECT quote_ident(rolname) FROM pg_catalog.pg_roles WHERE oid = 10"
    row = connection.execute(query).fetchone()
    return f"role {row[0]}" if row else ""


def subject(statement: bytes) -> str:
    """What a statement is about, in words: `role app`, `membership of app in readers`. Never its values."""
    text = statement.decode("utf-8", errors="replace")
    if named := _NAMED.match(text):
        return f"{named[2].lower()} {named[3]}"
    if member := _MEMBERSHIP.match(text):
        return f"membership of {member[2]} in {member[1]}"
    return f"{(text.split() or ['nothing'])[0].upper()} statement"


def _finding(statement: bytes, thing: str, message: str) -> Finding:
    # A setting that this version does not know changes no row; a role that is not there changes who may read.
    setting = re.match(rb"\s*ALTER\s+ROLE\s.*\sSET\s", statement, re.IGNORECASE | re.DOTALL)
    severity = Severity.LOW if setting else Severity.HIGH
    rule = "ROLE_SETTING" if setting else "ROLE_NOT_RESTORED"
    return Finding(rule=rule, severity=severity, object=thing, message=message, hint=_HINT)


def _missing(role: str) -> Finding:
    return Finding(
        rule="ROLE_MISSING",
        severity=Severity.HIGH,
        object=role,
        message=f"the database refers to role {role}, which the backup does not create",
        hint="look at globals.sql.zst of this backup: it should hold every role",
    )
