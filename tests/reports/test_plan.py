"""The plan of a machine in lines for people."""

import pytest

from restoredrill.reports import plan as plan_form
from tests.reports import plans, samples


def words() -> str:
    return plan_form.text(plans.plan(), plans.job(), plans.manifest())


def test_everything_one_must_know_before_paying_is_there() -> None:
    told = " ".join(words().split())
    for fact in (
        "drill shop on a machine of its own, 20261126T030000Z-51c2ab90",
        "20261126T021500Z-7f3a, 45 m old, 1.3 GB stored, about 9.2 GB restored",
        "and 0 from the file; rto 30 m, rpo 26 h; no network",
        "4.0 GB of memory, 2 cores, 29 GB of disk",
        "memory: 1.1 GB for each of 2 index builds at once",
        "m7i.large, spot at 0.0431 USD an hour, in eu-central-1",
        "gp3 32 GB, 3,000 IOPS, 250 MB/s, encrypted; the database is restored there",
        "debian-12-amd64-20261110-2290 (ami-0a1b2c3d4e5f60718), x86_64",
        "no public address, sg-0drill; role restoredrill-shop-drill",
        "dba@acme.example, cost-centre=4711",
        "PostgreSQL 17 or newer; extensions: pg_trgm",
        "61 MB, for Python 3.11; brings PostgreSQL 17.10 with 2 extensions",
        "c7i.large 0.1018 4.0 GB of memory is not enough",
        "3 m7i.large 0.1208 on-demand eu-central-1a subnet-0a",
        "about 4 m 26 s in all",
        "verify 31.0 s 300 MB/s, a first guess",
        "about 0.0046 USD, by pricing API, 2026-11-26",
        "0.50 USD for one run, 17.35 USD left this month",
        "extensions: pg_trgm \N{EN DASH} from the agent's bundle: 17.10",
        "the volume's share is 0.0124 USD an hour",
        "worth knowing \N{EN DASH} the account's quota",
        "until 2026-11-26T05:15:00Z",
    ):
        assert fact in told, fact


def test_it_fits_a_terminal() -> None:
    assert max(map(len, words().splitlines())) <= 100


def test_a_backup_has_no_backup_yet() -> None:
    told = plan_form.text(plans.plan(), plans.backup_job(), None)
    assert told.startswith("plan: back up shop on a machine of its own")
    assert "will be taken as 20261126T030000Z-51c2ab90, 4 jobs" in told
    assert "checks" not in told


def test_the_least_there_is_can_be_printed() -> None:
    told = plan_form.text(plans.bare(), plans.job(), plans.manifest())
    assert "nothing that could be asked for" in told
    assert "budget     none set" in told


def test_local_disks_are_told() -> None:
    usual = plans.plan()
    rungs = tuple(rung.model_copy(update={"nvme_gb": 468}) for rung in usual.rungs)
    told = plan_form.text(
        usual.model_copy(update={"rungs": rungs, "scratch": "nvme"}), plans.job(), plans.manifest()
    )
    assert "local NVMe 468 GB, where the database is restored; the system on gp3 32 GB" in " ".join(
        told.split()
    )


def test_an_agent_that_brings_no_server_says_whose_it_is() -> None:
    alone = plans.plan().model_copy(update={"bundles": (plans.bundle(None),)})
    assert "PostgreSQL is the image's" in plan_form.text(alone, plans.job(), plans.manifest())


@pytest.mark.parametrize("hostile", samples.HOSTILE)
def test_no_name_can_steer_the_terminal_or_start_a_line(hostile: str) -> None:
    told = plan_form.text(plans.hostile(hostile), plans.job(), plans.manifest())
    assert all(c == "\n" or c.isprintable() or c in "\u200c\u200d" for c in told)
    assert not any(line.startswith(("PASSED", "# heading")) for line in told.splitlines())


def test_a_hundred_types_do_not_hide_the_price() -> None:
    many = plans.plan().model_copy(update={"considered": plans.plan().considered * 33})
    told = plan_form.text(many, plans.job(), plans.manifest())
    assert "and 87 more" in told
    assert len(told.splitlines()) < 70
