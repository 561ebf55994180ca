"""A restored copy has the fingerprint of its original, on every major, whatever is in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restoredrill.checks import compare
from restoredrill.model import Finding, Fingerprint, Severity
from tests.engines.restored import RICH, fingerprint_of, restored
from tests.plugins.postgres import SourceServer

Servers = Callable[[int], SourceServer]

# Chinook makes a database of its own and goes there; pagila makes a language that is there already.
NOT_HERE = (b"DROP DATABASE", b"CREATE DATABASE", b"\\c ", b"CREATE PROCEDURAL LANGUAGE plpgsql")


def differences(there: Fingerprint, here: Fingerprint) -> list[Finding]:
    """Everything that is not the same, but for what has moved on."""
    found = (*compare.structure(there, here), *compare.content(there, here))
    return [f for f in found if f.severity is not Severity.INFO]


@pytest.fixture
def rich(source_server: Servers) -> Iterator[Callable[[int], str]]:
    """`rich(major)`: a database with one of everything there; dropped, with its copy, after the test."""
    made: list[tuple[SourceServer, str]] = []

    def make(major: int) -> str:
        server = source_server(major)
        name = server.database(RICH.read_text(), name=f"rich{major}")
        made.append((server, name))
        return name

    yield make
    for server, name in made:
        server.drop(name)
        server.drop(f"{name}_was")


@pytest.mark.parametrize("major", [14, 17, 18])
def test_a_copy_of_everything_is_the_same(
    major: int, rich: Callable[[int], str], source_server: Servers, tmp_path: Path
) -> None:
    server = source_server(major)
    name = rich(major)
    original = restored(server, name, tmp_path)
    there, here = fingerprint_of(server, original), fingerprint_of(server, name)
    assert differences(there, here) == []
    assert sum(table.rows for table in there.tables) > 9000
    empty = {kind for kind, objects in there.objects.items() if not objects}
    assert empty <= {"security label", "collation version", "invalid index"}


def test_a_role_that_may_only_read_sees_all_that_a_superuser_sees(
    rich: Callable[[int], str], source_server: Servers
) -> None:
    server = source_server(14)
    name = rich(14)
    with server.connect(name) as connection:
        connection.execute(
            "DO $$ BEGIN CREATE ROLE rich_dumper LOGIN BYPASSRLS;"
            " EXCEPTION WHEN duplicate_object THEN END $$;"
            f"GRANT pg_read_all_data TO rich_dumper; GRANT CONNECT ON DATABASE {name} TO rich_dumper".encode()
        )
    assert fingerprint_of(server, name) == fingerprint_of(server, name, role="rich_dumper")


@pytest.mark.parametrize(("major", "newer"), [(14, 17), (17, 18)])
def test_a_copy_on_a_newer_major_has_the_same_content_and_names(
    major: int, newer: int, rich: Callable[[int], str], source_server: Servers, tmp_path: Path
) -> None:
    server, target = source_server(major), source_server(newer)
    name = rich(major)
    with target.connect() as connection:  # roles come from globals, which are not this test's
        roles = "rich_owner", "rich_reader", "rich_writer", '"Rich ""odd"" Role"'
        for role in roles:
            connection.execute(f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN END $$")
        connection.execute("GRANT rich_reader TO rich_writer")
    original = restored(server, name, tmp_path, target)
    try:
        there, here = fingerprint_of(server, original), fingerprint_of(target, name)
    finally:
        target.drop(name)
    assert differences(there, here) == []
    assert {f.rule for f in compare.structure(there, here)} == {"NAMES_ONLY"}


@pytest.mark.parametrize(
    "files", [("chinook.sql",), ("northwind.sql",), ("world.sql",), ("pagila-schema.sql", "pagila-data.sql")]
)
def test_copies_of_other_peoples_databases_are_the_same(
    files: tuple[str, ...], shared_data: Path, source_server: Servers, tmp_path: Path
) -> None:
    server = source_server(17)
    script = b"".join((shared_data / file).read_bytes() for file in files)
    lines = [s for s in script.split(b"\n") if not s.startswith(NOT_HERE)]
    (tmp_path / "script.sql").write_bytes(b"\n".join(lines))
    name = server.load(tmp_path / "script.sql")
    original = restored(server, name, tmp_path)
    there, here = fingerprint_of(server, original), fingerprint_of(server, name)
    assert differences(there, here) == []
    assert sum(table.rows for table in there.tables) > 1000


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_other_encodings(encoding: str, source_server: Servers, tmp_path: Path) -> None:
    server = source_server(17)
    name = server.database(options=f"ENCODING '{encoding}' LOCALE 'C'")
    with server.connect(name) as connection:
        connection.execute("SET client_encoding = 'LATIN1'")
        connection.execute(
            'CREATE TABLE "größe" ("maß" text); INSERT INTO "größe" VALUES (\'Überlänge\'), (\'x\');'
            "COMMENT ON TABLE \"größe\" IS 'Maße'"
        )
    original = restored(server, name, tmp_path)
    there, here = fingerprint_of(server, original), fingerprint_of(server, name)
    assert differences(there, here) == []
    assert 'public."größe"' in [table.table for table in there.tables]
