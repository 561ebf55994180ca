"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoredrill.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("45m", 2700.0), ("26h", 93600.0), ("7d", 604800.0), ("0.5s", 0.5), ("1.5h", 5400.0)],
)
def test_reads_what_the_documents_show(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("45", "'45' is not a duration like 90s, 45m, 26h or 7d"),
        ("", "'' is not a duration"),
        ("1h30m", "is not a duration"),
        ("-5m", "is not a duration"),
        ("5 m", "is not a duration"),
        ("\u0665m", "is not a duration"),
        ("5M", "is not a duration"),
        ("0s", "'0s' is no time at all"),
        ("0.0d", "is no time at all"),
        ("40000d", "is longer than 100 years"),
    ],
)
def test_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=10_000_000))
def test_what_is_printed_reads_back(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


def test_prints_the_largest_unit_that_fits() -> None:
    assert [format_duration(s) for s in (90, 60, 2700, 93600, 604800, 0.25)] == [
        "90s",
        "1m",
        "45m",
        "26h",
        "7d",
        "0.25s",
    ]
