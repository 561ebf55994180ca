"""Where databases stand: the same for all of them at once as for each by itself."""

import random

import pytest

from restoredrill.history.database import DatabaseHistory
from restoredrill.model import Verdict
from restoredrill.standing import Standing, standing
from tests.history.samples import NOON, a_backup, a_drill, an_id

NAMES = ["shop", "crm", "blog", "it's", "no drills", "no backups"]


def fill(history: DatabaseHistory, seed: int) -> None:
    chance = random.Random(seed)
    for name in NAMES:
        hours = range(0 if name == "no backups" else chance.randint(1, 12))
        history.proofs.note_backups([a_backup(-h, database=name) for h in hours])
        drills = range(0 if name == "no drills" else chance.randint(1, 12))
        history.proofs.note_drills(
            [
                a_drill(
                    -h + 0.5,
                    database=name,
                    verdict=chance.choice(list(Verdict)),
                    backup=chance.choice([None, an_id(-chance.randint(0, 12))]),
                    usd=chance.choice([0.0, 0.25, 1.5]),
                )
                for h in drills
            ]
        )


@pytest.mark.parametrize("seed", range(6))
def test_all_at_once_say_what_each_says(history: DatabaseHistory, seed: int) -> None:
    fill(history, seed)
    proofs = history.proofs
    each = {name: standing(name, proofs.drills(name), proofs.backups(name), NOON) for name in NAMES}
    assert proofs.standings(NOON) == each
    assert proofs.standings(NOON, ["crm", "it's", "unknown"]) == {
        name: each[name] for name in ("crm", "it's")
    }


def test_of_nothing_there_is_nothing(history: DatabaseHistory) -> None:
    assert history.proofs.standings(NOON) == {}
    assert history.proofs.standings(NOON, []) == {}


def test_proven_is_what_the_newest_word_says() -> None:
    """Promise 1: what could not be found out takes no proof away, and is none."""
    passed, failed = a_drill(-3), a_drill(-2, verdict=Verdict.FAILED)
    unknown = a_drill(-1, verdict=Verdict.INCONCLUSIVE)
    assert standing("shop", [unknown, passed], [], NOON).proven
    assert not standing("shop", [unknown, failed, passed], [], NOON).proven
    assert not standing("shop", [unknown], [], NOON).proven
    assert standing("shop", [unknown, failed, passed], [], NOON).last_pass == passed


def test_coverage_counts_what_is_retained() -> None:
    drilled = a_drill(0, backup=a_backup(-2).backup)
    gone = a_drill(0.2, backup=an_id(-99))
    found = standing("shop", [gone, drilled], [a_backup(-1), a_backup(-2), a_backup(-3)], NOON)
    assert (found.backups, found.verified) == (3, 1)
    assert found.coverage == pytest.approx(1 / 3)
    assert found.oldest_unverified == a_backup(-3)
    assert Standing("new").coverage is None
    assert found.backup_age_s(NOON) == 3600
    assert found.proof_age_s(NOON) == (NOON - gone.finished_at).total_seconds()
