"""Less than a whole restore: cheaper, called so everywhere, and never taken for proof."""

from typing import Any

import pytest

from restoredrill.model import Verdict
from restoredrill.vault.layout import backup_folder
from tests.e2e.conftest import Shop
from tests.e2e.host import Host

ROWS = {"name": "orders", "rows": {"table": "shop.orders", "min": 3000}}


def protect(host: Host, shop: Shop, **drill: Any) -> str:
    host.protect("shop", shop.url, host.folder / "vault", drill=drill)
    return host.backup("shop")


def data_of(host: Host, backup: str, table: str) -> str:
    """The key of a table's data file."""
    from restoredrill.engines.postgres import damage

    folder = f"{backup_folder(backup)}data/"
    names = tuple(key.removeprefix(folder) for key in host.keys("shop", folder))
    return folder + damage.data_file(host.body("shop", f"{folder}toc.dat"), table, names)


def spoil(host: Host, key: str) -> None:
    host.store("shop").put(key, [host.body("shop", key)[:-20]])


def test_the_schema_alone_is_no_proof(host: Host, shop: Shop) -> None:
    """Promise 1: what it did not look at it does not vouch for."""
    backup = protect(host, shop, checks=[ROWS])
    spoil(host, data_of(host, backup, "shop.orders"))  # which nobody reads
    report = host.drill("shop", "--tier", "schema")
    assert report.verdict is Verdict.PASSED
    assert report.planned == ("archive", "restore", "structure", "integrity")
    assert any("SCHEMA ONLY" in gap for gap in report.not_proven)
    (stands,) = host.document("status", "shop", code=1)["databases"]
    assert (stands["proven"], stands["coverage"]["verified"]) == (False, 0)
    for words in (("report", "shop"), ("report", "shop", report.drill), ("backups", "shop")):
        assert "PASSED (SCHEMA ONLY)" in " ".join(host.run(*words).out.split()), words
    assert b"PASSED (SCHEMA ONLY)" in host.body("shop", f"drills/{report.drill}/report.html")
    assert f"drills/{report.drill}/passed" not in host.keys("shop", "drills/")
    assert host.drill("shop", code=1).verdict is Verdict.FAILED  # the whole of it is bad


def test_some_tables_come_with_what_they_need(host: Host, shop: Shop) -> None:
    """Orders refer to customers. Their rows are compared, and so are the checks asked."""
    backup = protect(host, shop, tier="sample", sample=["shop.orders"], checks=[ROWS])
    report = host.drill("shop")
    assert report.verdict is Verdict.PASSED
    assert report.planned == ("archive", "restore", "structure", "content", "integrity", "orders")
    assert any("all but those of shop.customer, shop.orders" in gap for gap in report.not_proven)
    content = next(check for check in report.checks if check.name == "content")
    assert content.detail.startswith("3300 rows of 2 tables")
    (stands,) = host.document("status", "shop", code=1)["databases"]
    assert stands["proven"] is False
    spoil(host, data_of(host, backup, "shop.customer"))
    failed = host.drill("shop", code=1)
    assert "OBJECT_CORRUPT" in {finding.rule for finding in failed.findings}


def test_a_full_pass_stays_one_after_a_lesser_drill(host: Host, shop: Shop) -> None:
    protect(host, shop)
    full = host.drill("shop")
    host.drill("shop", "--tier", "schema")
    (stands,) = host.document("status", "shop")["databases"]
    assert (stands["proven"], stands["proven_backup"]) == (True, full.backup and full.backup.id)


def test_a_table_that_is_not_there(host: Host, shop: Shop) -> None:
    protect(host, shop, tier="sample", sample=["shop.nothing"])
    report = host.drill("shop", code=3)
    assert "no such table" in report.reasons[-1]


@pytest.mark.parametrize("table", ["shop.customer", '"shop"."customer"'])
def test_names_as_people_write_them(host: Host, shop: Shop, table: str) -> None:
    protect(host, shop, tier="sample", sample=[table])
    content = next(check for check in host.drill("shop").checks if check.name == "content")
    assert content.detail.startswith("300 rows of 1 table")
