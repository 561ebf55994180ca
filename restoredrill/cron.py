"""Cron lines with the meaning they have in crontab(5), as sets of numbers that any scheduler can be told.

Schedulers differ on two points, so neither is left to them: Sunday is 0 (or 7), and a line that restricts
both the day of the month and the day of the week comes on days that fit either.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SUNDAY_AGAIN = 7
_FIRST_DAY, _GAP_DAYS = date(2021, 1, 1), 366 * 8  # has two 29ths of February
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

# What a JSON Schema can say of a line; the numbers' limits and days that never come are `normalise_cron`'s to
# refuse.
_FIELD = r"[0-9A-Za-z*,/-]+"
JSON_PATTERN = rf"^\s*(@[A-Za-z]+|{_FIELD}(\s+{_FIELD}){{4}})\s*$"

_PART = re.compile(r"(?:\*|(?P<first>[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?)(?:/(?P<step>\d{1,4}))?")


@dataclass(frozen=True)
class CronFields:
    """When something comes: every field must fit. Each is `*` or a comma list; weekdays are names
    (`mon,wed`).

    Months and days are numbers from 1. APScheduler's `CronTrigger(**vars(fields))` reads them as they are.
    """

    minute: str
    hour: str
    day: str
    month: str
    day_of_week: str


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    _Field("day of the week", 0, _SUNDAY_AGAIN, {name: number for number, name in enumerate(WEEKDAYS)}),
)


def normalise_cron(line: str) -> tuple[CronFields, ...]:
    """One set of fields, or two of which either may fit (days of the month and of the week both restricted).

    Raises `ValueError` naming the field and the fault. Reads what crontab(5) reads: five fields, lists,
    ranges, steps, English names, `@daily` and its like (not `@reboot`, which is no time).
    """
    words = _NICKNAMES.get(line.strip().lower(), line.lower()).split()
    if len(words) == 1 and words[0].startswith("@"):
        raise ValueError(f"no such nickname {words[0][:20]!r}; there are {', '.join(_NICKNAMES)}")
    if len(words) != len(_FIELDS):
        raise ValueError(
            f"{len(words)} fields instead of five: minute, hour, day of month, month, day of week"
        )
    minute, hour, day, month, weekday = (
        _numbers(word, field) for word, field in zip(words, _FIELDS, strict=True)
    )
    weekday = frozenset(number % 7 for number in weekday)
    # crontab(5): a field that starts with * does not restrict, so both must fit; else either may.
    either = not words[2].startswith("*") and not words[4].startswith("*")
    days = [(day, frozenset(range(7))), (frozenset(range(1, 32)), weekday)] if either else [(day, weekday)]
    comes = [(d, w) for d, w in days if any(n <= _MONTH_DAYS[m - 1] for n in d for m in month)]
    if not comes:
        raise ValueError("none of its months has such a day, so it never comes")
    return tuple(_fields(minute, hour, d, month, w) for d, w in comes)


@functools.cache
def longest_gap_s(line: str) -> float:
    """The longest pause that a valid line leaves, in seconds, by a clock that nobody changes."""
    fields = normalise_cron(line)
    minutes, hours = _members(fields[0].minute, range(60)), _members(fields[0].hour, range(24))
    times = [hour * 60 + minute for hour in hours for minute in minutes]
    daily = any(one.day == one.month == one.day_of_week == "*" for one in fields)
    dates = ((day, _FIRST_DAY + timedelta(day)) for day in range(2 if daily else _GAP_DAYS))
    days = [day for day, at in dates if any(_is_on(at, one) for one in fields)]
    within = [later - earlier for earlier, later in pairwise(times)]
    between = [(later - earlier) * 1440 + times[0] - times[-1] for earlier, later in pairwise(days)]
    return max(within + between) * 60.0


def _is_on(day: date, fields: CronFields) -> bool:
    return (
        day.month in _members(fields.month, range(1, 13))
        and day.day in _members(fields.day, range(1, 32))
        and (fields.day_of_week == "*" or WEEKDAYS[(day.weekday() + 1) % 7] in fields.day_of_week.split(","))
    )


def _members(numbers: str, all_of_them: range) -> Sequence[int]:
    return all_of_them if numbers == "*" else [int(number) for number in numbers.split(",")]


def _fields(
    minute: frozenset[int],
    hour: frozenset[int],
    day: frozenset[int],
    month: frozenset[int],
    weekday: frozenset[int],
) -> CronFields:
    names = "*" if len(weekday) == 7 else ",".join(WEEKDAYS[number] for number in sorted(weekday))
    return CronFields(_list(minute, 60), _list(hour, 24), _list(day, 31), _list(month, 12), day_of_week=names)


def _list(numbers: frozenset[int], all_of_them: int) -> str:
    return "*" if len(numbers) == all_of_them else ",".join(str(number) for number in sorted(numbers))


def _numbers(word: str, field: _Field) -> frozenset[int]:
    return frozenset(number for part in word.split(",") for number in _part(part, field))


def _part(part: str, field: _Field) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{field.name} {part[:20]!r} is not a number, a range or a step")
    step = int(match["step"] or 1)
    if step == 0:
        raise ValueError(f"{field.name} {part[:20]!r} steps by nothing")
    if match["first"] is None:
        return range(field.low, min(field.high, 6 if field.high == _SUNDAY_AGAIN else field.high) + 1, step)
    if match["step"] and match["last"] is None:
        raise ValueError(
            f"{field.name} {part!r}: a step needs a range, such as {match['first']}-{field.high}/{step}"
        )
    first = _number(match["first"], field)
    last = first if match["last"] is None else _number(match["last"], field)
    if field.high == _SUNDAY_AGAIN and last == 0 < first:
        last = _SUNDAY_AGAIN  # fri-sun
    if last < first:
        raise ValueError(f"{field.name} {part!r} runs backwards")
    return range(first, last + 1, step)


def _number(text: str, field: _Field) -> int:
    number = field.names.get(text, int(text) if text.isdecimal() and len(text) < 5 else None)
    if number is None:
        raise ValueError(
            f"{field.name} {text[:20]!r} is not a number" + (" or a name" if field.names else "")
        )
    if not field.low <= number <= field.high:
        raise ValueError(f"{field.name} {number} is not within {field.low}-{field.high}")
    return number
