"""Two services on one history: one leads, the other takes over when it dies."""

import signal
from collections.abc import Callable

import pytest

from tests.e2e.host import Host, eventually
from tests.e2e.test_serve import YEARLY, said
from tests.plugins.postgres import SourceServer

pytestmark = pytest.mark.xdist_group("e2e-serve")


def test_the_other_one_takes_over_and_nothing_is_done_twice(
    host: Host, other_host: Host, source_server: Callable[[int], SourceServer]
) -> None:
    """Promise 8: by PostgreSQL's own lock, which ends with the session of whoever held it."""
    server = source_server(17)
    name = server.database()
    vault = host.folder / "vault"
    vault.mkdir()
    settings = {"history": {"url": "${HISTORY}"}, "ticks": "1s"}
    for one in (host, other_host):
        one.environment["HISTORY"] = server.url(name)
        one.protect("shop", None, vault, drill={"cron": YEARLY})
    first = host.serve(**settings)
    said(first, "leads", "drill shop: next at")
    second = other_host.serve(**settings)
    eventually(lambda: "dashboard at" in second.err, "it is up")
    asked = other_host.document("queue", "add", "shop", "drill")
    done = f"[{asked['id']}]"
    eventually(
        lambda: f"drill shop: failed; the vault holds no backup of it {done}" in first.err, "it is done"
    )
    assert "leads" not in second.err

    first.kill()
    said(second, "leads", "drill shop: next at")
    again = other_host.document("queue", "add", "shop", "drill")
    done = f"[{again['id']}]"
    eventually(
        lambda: f"drill shop: failed; the vault holds no backup of it {done}" in second.err, "done, too"
    )
    assert f"[{asked['id']}]" not in second.err
    second.send(signal.SIGTERM)
    assert second.end().code == 0
    assert len(host.reports("shop")) == 2
    server.drop(name)
