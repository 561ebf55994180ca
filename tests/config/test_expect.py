"""What a `sql` check expects, and which answers hold."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from restoredrill.expect import parse_expectation

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID("6f1c2d3e-0000-4000-8000-000000000001")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("== 0", 0),
        ("==0", Decimal("0.00")),
        ("!= 0", 3),
        ("== 0.1", 0.1),
        ("== -1.50", Decimal("-1.5")),
        (">= 1.5", 2),
        ("< 3", 2.5),
        ("<= 3", 3),
        ("> 3", Decimal("3.01")),
        ("== 'x'", "x"),
        ("== 'it''s'", "it's"),
        ("== ''", ""),
        ("!= 'x'", "y"),
        ("== true", True),
        ("!= TRUE", False),
        ("== null", None),
        ("!= NULL", 5),
        ("!= null", "x"),
        ("== '2026-01-01'", date(2026, 1, 1)),
        (">= '2026-01-01'", NEW_YEAR),
        ("> '2026-01-01T00:00:00+02:00'", NEW_YEAR),
        ("== '2026-01-01 01:00'", datetime(2026, 1, 1, 1)),  # noqa: DTZ001 - `timestamp` has no zone
        ("== '2026-01-01'", datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))),
        (f"== '{ID}'", ID),
    ],
)
def test_holds(text: str, value: Any) -> None:
    assert parse_expectation(text).holds([(value,)])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("== 0", 1),
        ("!= 0", 0),
        ("== 0", None),  # NULL says nothing, so nothing passes on it
        ("!= 0", None),
        ("< 3", None),
        ("!= 'x'", None),
        ("== null", 0),
        ("!= null", None),
        ("== 0", "0"),  # kinds never mix, also not for !=
        ("!= 0", "0"),
        ("== '0'", 0),
        ("!= '0'", 0),
        ("== 0", False),
        ("== 1", True),
        ("!= false", 1),
        ("== 0", float("nan")),
        ("!= 0", float("nan")),
        ("!= 0", Decimal("nan")),
        ("== 0.1", 0.2),
        ("< '2026-01-01'", NEW_YEAR),
        ("== 'x'", NEW_YEAR),
        ("== 0", [0]),
        ("== 'x'", b"x"),
    ],
)
def test_does_not_hold(text: str, value: Any) -> None:
    assert not parse_expectation(text).holds([(value,)])


@pytest.mark.parametrize("rows", [[], [(0,), (0,)], [(0, 0)], [()]])
def test_one_value_is_one_row_of_one_column(rows: Sequence[Sequence[Any]]) -> None:
    assert not parse_expectation("== 0").holds(rows)
    assert not parse_expectation("!= 1").holds(rows)


def test_counts_rows() -> None:
    three = [("a", 1)] * 3
    assert [parse_expectation(t).holds(three) for t in ("rows == 3", "rows>=2", "Rows != 3", "rows < 3")] == [
        True,
        True,
        False,
        False,
    ]
    assert parse_expectation("no rows").holds([])
    assert not parse_expectation("No  Rows").holds(three)


@pytest.mark.parametrize(
    ("text", "rows", "words"),
    [
        ("== 0", [(3,)], "3"),
        ("== 0", [(None,)], "null"),
        ("== true", [(False,)], "false"),
        ("== 'x'", [("hunter2",)], "a text"),
        ("== 'x'", [(b"hunter2",)], "a value of type bytes"),
        ("== '2026-01-01'", [(date(2026, 1, 2),)], "2026-01-02"),
        ("== 0", [], "0 rows where one value was expected"),
        ("== 0", [(1,), (2,)], "2 rows where one value was expected"),
        ("== 0", [("hunter2", "hunter2")], "2 columns where one value was expected"),
        ("no rows", [("hunter2",)], "1 row"),
    ],
)
def test_tells_the_answer_without_data(text: str, rows: Sequence[Sequence[Any]], words: str) -> None:
    assert parse_expectation(text).answer(rows) == words


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must be a comparison"),
        ("0", "must be a comparison"),
        ("= 0", "must be a comparison"),
        ("=== 0", "compares with neither"),
        ("== x", "compares with neither"),
        ('== "x"', "compares with neither"),
        ("== 'x", "compares with neither"),
        ("== 'x'y'", "compares with neither"),
        ("== ", "must be a comparison"),
        ("== 1e5", "compares with neither"),
        ("< 'abc'", "a text is only == or !="),
        ("< true", "true is only == or !="),
        (">= null", "null is only == or !="),
        ("rows == 1000", "only 1000 rows are looked at"),
        ("rows == x", "must be a comparison"),
    ],
)
def test_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_expectation(text)
