"""`coverage`: what is kept is drilled in its time, and everybody is told how much of it is proven."""

from tests.e2e.conftest import Shop
from tests.e2e.host import Host


def test_the_most_urgent_goes_before_the_newest(host: Host, shop: Shop) -> None:
    """By hand drills come once a day: for the second of two backups a day and a half is urgent."""
    host.protect("shop", shop.url, host.folder / "vault", drill={"coverage": "36h"})
    old, new = host.backup("shop"), host.backup("shop")
    first = host.drill("shop")
    assert first.backup is not None
    assert first.picked is not None
    assert first.coverage is not None
    assert (first.backup.id, first.picked.by) == (old, "coverage")
    assert (first.coverage.verified, first.coverage.retained, first.coverage.next_due) == (0, 2, old)
    (stands,) = host.document("status", "shop")["databases"]
    assert stands["coverage"]["verified"] == 1
    assert stands["coverage"]["oldest_unverified"] == stands["coverage"]["next_due"] == new
    second = host.drill("shop")  # two are more than 36 hours have drills: so the newest has its turn
    assert second.backup is not None
    assert second.picked is not None
    assert (second.backup.id, second.picked.by) == (new, "latest")
    assert "2 of 2" in host.run("status").out
    told = host.run("report", "shop", second.drill).out
    assert "1 of 2 backups verified" in told


def test_a_seed_picks_again_what_it_picked(host: Host, shop: Shop) -> None:
    host.protect("shop", shop.url, host.folder / "vault", drill={"pick": "random"})
    for _ in range(3):
        host.backup("shop")
    plans = [
        host.document("drill", "shop", "--dry-run", "--seed", str(n))["plan"] for n in (7, 7, 8, 9, 10, 11)
    ]
    assert plans[0]["backup"] == plans[1]["backup"]
    assert len({plan["backup"] for plan in plans}) > 1
    assert plans[0]["picked"] == {"by": "random", "seed": 7, "why": ""}
