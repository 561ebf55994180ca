"""Against the last passed drill: rows may come, a fall is found, and another database is."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoredrill.checks.change import change, measure
from restoredrill.known import Measured
from restoredrill.model import Fingerprint, FingerprintLevel, Outcome, TableFingerprint
from tests.stories.samples import manifest

BEFORE = {"public.orders": 1000, "public.customer": 10, "public.queue": 0}


def of(tables: dict[str, int], database: str = "shop") -> Measured:
    taken_at = datetime(2026, 9, 23, tzinfo=UTC)
    return Measured(drill="d1", backup="b1", taken_at=taken_at, database=database, tables=tables)


def rules(tables: dict[str, int], database: str = "shop", max_fall: float = 0.5) -> list[str]:
    result = change(of(BEFORE), of(tables, database), max_fall)
    assert (result.outcome is Outcome.FAILED) == bool(result.findings)
    return [f"{finding.rule} {finding.object}" for finding in result.findings]


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (BEFORE, []),
        ({**BEFORE, "public.orders": 500, "public.new": 0}, []),
        ({**BEFORE, "public.orders": 499}, ["ROWS_FELL public.orders"]),
        ({**BEFORE, "public.customer": 1}, []),  # a few rows come and go
        ({**BEFORE, "public.customer": 0}, ["TABLE_EMPTIED public.customer"]),
        ({name: n for name, n in BEFORE.items() if name != "public.orders"}, ["TABLE_GONE public.orders"]),
        ({name: n for name, n in BEFORE.items() if name != "public.queue"}, []),
        (dict.fromkeys(BEFORE, 0), ["TABLE_EMPTIED public.orders", "TABLE_EMPTIED public.customer"]),
        ({}, ["OTHER_DATABASE shop"]),
        ({"wiki.page": 5, "public.queue": 3}, ["OTHER_DATABASE shop"]),
    ],
)
def test_what_went_is_found(now: dict[str, int], found: list[str]) -> None:
    assert rules(now) == found


def test_the_tolerance_is_the_files() -> None:
    now = {**BEFORE, "public.orders": 899}
    assert rules(now, max_fall=0.1) == ["ROWS_FELL public.orders"]
    assert rules({**BEFORE, "public.orders": 1}, max_fall=1.0) == []


def test_a_database_of_another_name_is_another_one() -> None:
    assert rules(BEFORE, "wiki") == ["OTHER_DATABASE wiki"]


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**9)), st.integers(0, 10**6))
def test_growth_is_never_a_finding(tables: dict[str, int], more: int) -> None:
    grown = {name: rows + more for name, rows in tables.items()}
    assert change(of(tables), of({**grown, "new": more})).findings == ()


def test_a_partitioned_table_counts_as_one() -> None:
    """Old partitions are dropped every night somewhere, and new ones made."""
    backup = manifest()
    restored = Fingerprint(
        level=FingerprintLevel.ROWS,
        algorithm="test/1",
        tables=tuple(TableFingerprint(table=name, rows=n) for name, n in (("p1", 5), ("p2", 6), ("t", 7))),
        partition_of={"p1": "p", "p2": "p"},
    )
    measured = measure("d2", backup, restored)
    assert measured.tables == {"p": 11, "t": 7}
    assert (measured.backup, measured.database) == (backup.id, backup.server.database)
