"""What a `sql` check expects of its answer: `== 0`, `!= 'x'`, `>= 1.5`, `< '2026-01-01'`, `no rows`, `rows ==
3`.

Types are taken as they come: a number never equals a text, and nothing but `== null` holds for NULL, so that
an answer which says nothing passes nothing.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

# At most so many rows come back from a query; more can't be told from exactly so many.
ROWS_SEEN_MAX = 1000

Scalar = str | int | float | bool | None

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_COMPARISON = re.compile(r"(==|!=|<=|>=|<|>)\s*(.+)", re.DOTALL)
_ROWS = re.compile(r"rows\s*(==|!=|<=|>=|<|>)\s*(\d{1,9})")
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?")
_TEXT = re.compile(r"'((?:[^']|'')*)'", re.DOTALL)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}

# The grammar as far as a JSON Schema can say it.
JSON_PATTERN = (
    r"^\s*([Nn][Oo]\s+[Rr][Oo][Ww][Ss]|[Rr][Oo][Ww][Ss]\s*(==|!=|<=|>=|<|>)\s*[0-9]{1,3}"
    r"|(==|!=|<=|>=|<|>)\s*\S[\s\S]*)\s*$"
)

Literal = Decimal | str | bool | None


@dataclass(frozen=True)
class Expectation:
    """What an answer must be like: `literal` is compared with its one value, or with its rows' number."""

    text: str
    operator: str
    literal: Literal
    counts_rows: bool = False

    def holds(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Is this answer (rows of Python values) as expected? An answer that can't be compared is not."""
        if self.counts_rows:
            return _OPERATORS[self.operator](len(rows), self.literal)
        return len(rows) == 1 and len(rows[0]) == 1 and self._fits(rows[0][0])

    def answer(self, rows: Sequence[Sequence[Any]]) -> str:
        """The answer in words that hold no data: numbers, truths and times are told, texts are not.

        >>> parse_expectation("== 0").answer([(3,)])
        '3'
        """
        if self.counts_rows:
            return _count(len(rows), "row")
        if len(rows) != 1:
            return f"{_count(len(rows), 'row')} where one value was expected"
        if len(rows[0]) != 1:
            return f"{_count(len(rows[0]), 'column')} where one value was expected"
        return _tell(rows[0][0])

    def _fits(self, value: Any) -> bool:
        if self.literal is None:
            return (value is None) == (self.operator == "==")
        if value is None:
            return False
        pair = _comparable(value, self.literal)
        return pair is not None and _OPERATORS[self.operator](*pair)


@dataclass(frozen=True)
class ExpectedRows:
    """A set of rows: each as often as it stands here, in any order, and no other."""

    rows: tuple[tuple[Scalar, ...], ...]

    @property
    def text(self) -> str:
        """What is expected, without the values."""
        return f"these {_count(len(self.rows), 'row')}"

    def holds(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Is this answer as expected?"""
        return self._unmatched(rows) == (0, 0)

    def answer(self, rows: Sequence[Sequence[Any]]) -> str:
        """How far the answer is from it, in words that hold no data."""
        missing, more = self._unmatched(rows)
        return f"{_count(len(rows), 'row')}, {missing} missing and {more} not expected"

    def _unmatched(self, rows: Sequence[Sequence[Any]]) -> tuple[int, int]:
        left = list(rows)
        missing = 0
        for wanted in self.rows:
            place = next((n for n, found in enumerate(left) if _same_row(found, wanted)), None)
            if place is None:
                missing += 1
            else:
                del left[place]
        return missing, len(left)


def expectation(wanted: str | Sequence[Sequence[Scalar]]) -> Expectation | ExpectedRows:
    """Of what a file or a job says: a comparison in words, or rows. Raises `ValueError`."""
    if isinstance(wanted, str):
        return parse_expectation(wanted)
    return ExpectedRows(tuple(tuple(row) for row in wanted))


def _same_row(found: Sequence[Any], wanted: Sequence[Scalar]) -> bool:
    return len(found) == len(wanted) and all(map(_same, found, wanted))


def _same(value: Any, wanted: Scalar) -> bool:
    if value is None or wanted is None:
        return value is None and wanted is None
    literal = wanted if isinstance(wanted, bool | str) else Decimal(repr(wanted))
    pair = _comparable(value, literal)
    return pair is not None and bool(pair[0] == pair[1])


def parse_expectation(text: str) -> Expectation:
    """Raises `ValueError` saying what is wrong.

    >>> parse_expectation("rows >= 3").holds([(1,), (2,)])
    False
    """
    stripped = text.strip()
    if stripped.lower().split() == ["no", "rows"]:
        return Expectation(stripped, "==", Decimal(0), counts_rows=True)
    if match := _ROWS.fullmatch(stripped.lower()):
        if int(match[2]) >= ROWS_SEEN_MAX:
            raise ValueError(f"only {ROWS_SEEN_MAX} rows are looked at; use select count(*) and compare that")
        return Expectation(stripped, match[1], Decimal(match[2]), counts_rows=True)
    match = _COMPARISON.fullmatch(stripped)
    if match is None:
        raise ValueError(
            "must be a comparison (== 0, != 'x', >= 1.5, == true, == null), `no rows` or `rows == 3`"
        )
    return Expectation(stripped, match[1], _literal(match[1], match[2]))


def _literal(comparison: str, text: str) -> Literal:
    if _NUMBER.fullmatch(text) and text.isascii():
        return Decimal(text)
    ordered = comparison not in ("==", "!=")
    if match := _TEXT.fullmatch(text):
        value = match[1].replace("''", "'")
        if ordered and _moment(value) is None:
            raise ValueError(f"{comparison} compares numbers and dates; a text is only == or !=")
        return value
    if text.lower() in _WORDS:
        if ordered:
            raise ValueError(f"{comparison} compares numbers and dates; {text.lower()} is only == or !=")
        return _WORDS[text.lower()]
    raise ValueError("compares with neither a number, a 'text' or 'date', true, false nor null")


def _comparable(value: Any, literal: Decimal | str | bool) -> tuple[Any, Any] | None:
    """Both as one type, or None if they are of different kinds."""
    if isinstance(literal, bool) or isinstance(value, bool):
        return (value, literal) if isinstance(literal, bool) and isinstance(value, bool) else None
    if isinstance(literal, Decimal):
        number = _number(value)
        return None if number is None else (number, literal)
    if isinstance(value, str):
        return value, literal
    if isinstance(value, UUID):
        return str(value), literal.lower()
    return _moments(value, literal)


def _number(value: Any) -> Decimal | None:
    """A number, or None: also for NaN, which compares with nothing."""
    if isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return None if number.is_nan() else number
    return None


def _moments(value: Any, literal: str) -> tuple[datetime, datetime] | None:
    wanted = _moment(literal)
    if wanted is None or not isinstance(value, date):
        return None
    found = value if isinstance(value, datetime) else datetime.combine(value, time())
    return _aware(found), _aware(wanted)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _tell(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal | date):
        return str(value)
    return "a text" if isinstance(value, str) else f"a value of type {type(value).__name__}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
