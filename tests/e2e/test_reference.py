"""A reference file: written from the source, read by people, kept beside the schedule, compared by drills."""

import psycopg

from tests.e2e.conftest import Shop
from tests.e2e.host import Host


def protect(host: Host, url: str) -> None:
    checks = [
        {"name": "as agreed", "schema": {"reference": "shop.schema"}},
        {"name": "orders", "rows": {"table": "shop.orders", "max_fall": "10%"}},
    ]
    host.protect("shop", url, host.folder / "vault", drill={"checks": checks})


def test_a_drill_compares_with_what_was_agreed(host: Host, shop: Shop) -> None:
    """Promise 6: the source is only read. What was agreed passes, and what was not is named."""
    name = shop.server.database(name="agreed")
    shop.server.drop(name)
    with shop.server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {shop.name}".encode())
    protect(host, shop.server.url(name))
    missing = host.document("validate", code=2)["error"]
    assert "restoredrill reference" in missing["hint"]
    written = host.document("reference", "shop", "-o", str(host.schedules / "shop.schema"))
    assert written["objects"] > 20
    host.document("validate")
    printed = host.document("reference", "shop")
    assert printed["text"] == (host.schedules / "shop.schema").read_text("utf-8")
    host.backup("shop")
    passed = host.drill("shop")
    assert {check.name: check.detail for check in passed.checks}["orders"].endswith(
        "no pass before to compare with"
    )

    with psycopg.connect(shop.server.url(name), autocommit=True) as connection:
        connection.execute("ALTER TABLE shop.orders ADD COLUMN surprise text")
        connection.execute("DELETE FROM shop.orders WHERE id % 5 = 0")
    host.backup("shop")
    failed = host.drill("shop", code=1)
    found = {(finding.rule, finding.object) for finding in failed.findings}
    assert ("SCHEMA_CHANGED", "column shop.orders.surprise") in found
    assert ("ROWS_FELL", "shop.orders") in found
    shop.server.drop(name)
