"""Roles: what of them is kept, by whom they can be read, and that they come back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from restoredrill.engines.postgres.globals import WITHOUT_PASSWORDS
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import DumpFailed, VaultFull
from tests.engines.keeping import Keeping, nothing_left, quiet
from tests.plugins.postgres import SourceServer

GetServer = Callable[[int], SourceServer]

ROLES = """
DROP ROLE IF EXISTS "g Ünï"; CREATE ROLE "g Ünï" LOGIN PASSWORD 'x' CONNECTION LIMIT 3;
DROP ROLE IF EXISTS g_reader; CREATE ROLE g_reader LOGIN;
GRANT pg_monitor TO "g Ünï"; ALTER ROLE "g Ünï" SET work_mem = '5MB'; COMMENT ON ROLE "g Ünï" IS 'hers';
"""


def dumped(
    server: SourceServer, tools: dict[int, Tools], name: str, role: str, tmp_path: Path
) -> tuple[str, str]:
    """globals.sql, and the notes in one."""
    keep = Keeping(tmp_path / "kept")
    source = PostgresSource(server.url_as(role, name), tuple(tools.values()))
    with source.snapshot() as snapshot:
        notes = snapshot.dump(tmp_path / "spool", keep, 1, quiet).notes
    assert nothing_left(tmp_path / "spool")
    return keep.read("globals.sql.zst").decode(), " ".join(notes)


@pytest.mark.parametrize("major", [14, 17, 18])
def test_roles_memberships_and_settings_are_kept(
    major: int, source_server: GetServer, pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = source_server(major)
    script, notes = dumped(server, pg_tools, server.database(ROLES), "postgres", tmp_path)
    assert 'CREATE ROLE "g Ünï";' in script
    assert "PASSWORD 'SCRAM-SHA-256$" in script
    assert "CONNECTION LIMIT 3" in script
    assert 'GRANT pg_monitor TO "g Ünï"' in script
    assert "work_mem" in script
    assert "TABLESPACE" not in script
    assert notes == ""


def test_where_passwords_cannot_be_read_a_note_says_so(
    source_server: GetServer, pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = source_server(17)
    script, notes = dumped(server, pg_tools, server.database(ROLES), "g_reader", tmp_path)
    assert 'CREATE ROLE "g Ünï";' in script
    assert "PASSWORD" not in script
    assert notes == WITHOUT_PASSWORDS


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_names_keep_their_bytes_whatever_encoding_the_database_has(
    encoding: str, source_server: GetServer, pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = source_server(17)
    server.database(ROLES)
    name = server.database(options=f"ENCODING '{encoding}' LOCALE 'C'")
    script, _ = dumped(server, pg_tools, name, "postgres", tmp_path)
    assert 'CREATE ROLE "g Ünï";' in script
    assert f"SET client_encoding = '{encoding}'" in script


def test_a_vault_that_fails_at_once(
    source_server: GetServer, pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    full = VaultFull("put", "globals", "no room")

    def hook(name: str, number: int) -> None:
        raise full

    source = PostgresSource(source_server(17).url(), tuple(pg_tools.values()))
    with source.snapshot() as snapshot, pytest.raises(VaultFull) as caught:
        snapshot.dump(tmp_path / "spool", Keeping(tmp_path / "kept", hook), 1, quiet)
    assert caught.value is full
    assert nothing_left(tmp_path / "spool")


def test_the_server_is_gone_when_roles_are_dumped(
    server_factory: Callable[..., SourceServer], pg_tools: dict[int, Tools], tmp_path: Path
) -> None:
    server = server_factory(17)
    source = PostgresSource(server.url(), tuple(pg_tools.values()))
    with source.snapshot() as snapshot:
        server.server.stop()
        with pytest.raises(DumpFailed) as caught:
            snapshot.dump(tmp_path / "spool", Keeping(tmp_path / "kept"), 1, quiet)
    assert "lost its snapshot" in caught.value.reason
