"""A backup that ends before its time: killed, interrupted, or without its database."""

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.conftest import SHOP, Shop
from tests.e2e.copies import copied
from tests.e2e.host import Host, eventually
from tests.e2e.trouble import dump_waits, gate, locked, sessions
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault
from tests.vault.faulty import Proxy

HALF_WAY = r"^PUT .*/backups/.*/data/"
AT_THE_END = r"^PUT .*/backups/.*/manifest\.json"


def killed_at_snapshot(host: Host, shop: Shop, proxy: Proxy) -> None:
    with locked(shop.server, shop.name, ("shop", "orders")):
        command = host.start("backup", "shop")
        eventually(lambda: dump_waits(shop.server), "pg_dump waits")
        command.kill()


def killed_half_way(host: Host, shop: Shop, proxy: Proxy) -> None:
    _killed_before(HALF_WAY, host, proxy)


def killed_before_the_manifest(host: Host, shop: Shop, proxy: Proxy) -> None:
    _killed_before(AT_THE_END, host, proxy)
    assert sum("/data/" in key for key in host.keys("shop")) >= 3, "everything else is there"


def _killed_before(what: str, host: Host, proxy: Proxy) -> None:
    with gate(proxy, what, times=1) as at:
        command = host.start("backup", "shop")
        at.wait()
        command.kill()
        at.drop()


@pytest.mark.parametrize("kill", [killed_at_snapshot, killed_half_way, killed_before_the_manifest])
def test_what_was_killed_is_no_backup(
    kill: Callable[[Host, Shop, Proxy], None], host: Host, shop: Shop, proxy: Proxy, proxied: S3Vault
) -> None:
    """Promises 3 and 8: never listed, in nobody's way, cleared on this host by `reap`, in the vault by
    `prune`.
    """
    host.protect("shop", shop.url, proxied)
    kill(host, shop, proxy)
    assert host.backups("shop") == ()
    (spool,) = host.homes()
    eventually(lambda: host.left() == [str(spool)], "pg_dump is gone, too")
    eventually(lambda: sessions(shop.server, shop.name) == 0, "nothing of it is left on the source")

    second = host.backup("shop")
    assert host.backups("shop") == (second,)

    (reaped,) = host.document("reap")["reaped"]
    assert (reaped["lease"]["machine"], reaped["problem"]) == (spool.name, None)
    assert host.left() == []

    half = f"backups/{spool.name}/"
    assert host.keys("shop", half), "it had come so far"
    if kill is killed_half_way:
        _days_later(host, half, second)


def _days_later(host: Host, half: str, good: str) -> None:
    """In the same vault three days later, `prune` clears what was left and keeps what is good."""
    assert [one["id"] for one in host.document("backups", "shop")["backups"]] == [good]
    folder = copied(host, "shop", host.folder / "later")
    then = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    for path in folder.rglob("*"):
        os.utime(path, (then, then))
    host.protect("later", "postgresql:///nowhere", folder, backup={"keep": {"last": 1}})
    (name,) = (Path(file) for file in host.schedules.glob("shop.yaml"))
    name.unlink()
    (pruned,) = host.document("prune")["databases"]
    assert pruned["done"]["cleared"] == [half]
    assert pruned["done"]["deleted"] == []
    assert host.keys("later", half) == ()
    assert host.backups("later") == (good,)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_backup_cleans_up(
    number: signal.Signals, host: Host, shop: Shop, proxy: Proxy, proxied: S3Vault
) -> None:
    """Promise 8: 130 means interrupted and cleaned up: nothing in the vault, nothing on disk."""
    host.protect("shop", shop.url, proxied)
    with gate(proxy, HALF_WAY) as at:
        command = host.start("backup", "shop", "--json")
        at.wait()
        command.send(number)
        at.open()
        ended = command.end()
    assert ended.code == 130, str(ended)
    assert "interrupted" in ended.document["error"]["reason"]
    assert host.keys("shop") == ()
    assert host.left() == []


def test_the_source_restarts_under_the_dump(
    host: Host, server_factory: Callable[[int], SourceServer], s3_vault: S3Vault
) -> None:
    """Promise 3: a dump without its snapshot is no backup, and is told; the next one is."""
    source = server_factory(17)
    name = source.database(SHOP)
    host.protect("shop", source.url(name), s3_vault)
    with locked(source, name, ("shop", "orders")):
        command = host.start("backup", "shop", "--json")
        eventually(lambda: dump_waits(source), "pg_dump waits")
        source.server.stop()
        source.server.start()
        ended = command.end()
    assert ended.code == 1, str(ended)
    assert ended.document["error"]["operation"] in ("dump", "fingerprint", "read")
    assert host.keys("shop") == ()
    assert host.left() == []
    assert host.backups("shop") == ()
    assert host.backup("shop") in host.backups("shop")


def test_two_backups_at_once(host: Host, shop: Shop, proxy: Proxy, proxied: S3Vault) -> None:
    """Promise 3: each has its own place and its own conditional manifest, so both exist afterwards."""
    host.protect("shop", shop.url, proxied)
    with gate(proxy, AT_THE_END, times=1) as at:
        first = host.start("backup", "shop", "--json")
        at.wait()
        second = host.backup("shop")
        assert host.backups("shop") == (second,)
        at.open()
        other = first.end()
    assert other.code == 0, str(other)
    assert set(host.backups("shop")) == {second, other.document["id"]}
    written = [r.headers for r in proxy.seen(AT_THE_END)]
    assert [headers.get("If-None-Match") for headers in written] == ["*", "*"]
    assert host.drill("shop", "--backup", other.document["id"]).verdict == "passed"
