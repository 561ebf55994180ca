"""The S3 server that comes with the demo and the tests."""

import socket
import stat
from pathlib import Path

import psutil
import pytest

from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.errors import ServerFailed, VaultDenied
from restoredrill.vault.s3 import S3Store
from restoredrill.vault.s3_client import bucket_of
from tests.plugins.s3 import S3Vault, vault_on


def store_of(vault: S3Vault, access_key: str, secret_key: str) -> S3Store:
    """The vault, opened with these keys."""
    return S3Store(bucket_of(vault.spec, "restoredrill", access_key, secret_key, attempts=3), "a")


def listening(others: set[int]) -> set[tuple[str, int]]:
    """Where the processes listen that we started, but for `others` (servers of other tests')."""
    children = [c for c in psutil.Process().children(recursive=True) if c.pid not in others]
    found = [c.laddr for child in children for c in child.net_connections("tcp") if c.status == "LISTEN"]
    return {(address.ip, address.port) for address in found}


def test_two_servers_are_strangers_and_leave_nothing_running(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with SeaweedFS(tmp_path / "one") as one, SeaweedFS(tmp_path / "two") as two:
        assert one.endpoint_url != two.endpoint_url
        mine = store_of(vault_on(one), one.access_key, one.secret_key)
        mine.put("key", [b"x"])
        assert [e.key for e in mine.list()] == ["key"]
        assert list(store_of(vault_on(two), two.access_key, two.secret_key).list()) == []
        with pytest.raises(VaultDenied):
            list(store_of(vault_on(two), one.access_key, one.secret_key).list())
        assert {address for address, _ in listening(before)} == {"127.0.0.1"}
        assert all(port < 32_768 for _, port in listening(before))
        for folder in ("one", "one/data", "one/tmp"):
            assert stat.filemode((tmp_path / folder).stat().st_mode) == "drwx------"
        assert stat.filemode((tmp_path / "one/identities.json").stat().st_mode) == "-rw-------"
        ports = [int(server.endpoint_url.rpartition(":")[2]) for server in (one, two)]
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before
    assert not [path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]


def test_a_server_whose_ports_are_gone_is_not_mistaken_for_another(tmp_path: Path) -> None:
    with SeaweedFS(tmp_path) as server:
        server.kill()
        port = int(server.endpoint_url.rpartition(":")[2])
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            with pytest.raises(ServerFailed, match="another port"):
                server.restart()
        server.restart()
        assert list(store_of(vault_on(server), server.access_key, server.secret_key).list()) == []
