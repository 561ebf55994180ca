"""Cron lines mean what crontab(5) says, and a scheduler told our fields comes at those times."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from restoredrill.cron import CronFields, longest_gap_s, normalise_cron

THURSDAY = datetime(2026, 1, 1, tzinfo=UTC)


def next_times(line: str, count: int, start: datetime = THURSDAY) -> list[str]:
    """The first times at or after `start`, by a scheduler that was told our fields."""
    trigger = OrTrigger([CronTrigger(**asdict(fields), timezone=UTC) for fields in normalise_cron(line)])
    times: list[datetime] = []
    while len(times) < count:
        after = times[-1] + timedelta(minutes=1) if times else start
        times.append(trigger.get_next_fire_time(None, after))
    return [f"{time:%a %d %b %H:%M}" for time in times]


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("15 * * * *", ["Thu 01 Jan 00:15", "Thu 01 Jan 01:15"]),
        ("0 3 * * 0", ["Sun 04 Jan 03:00", "Sun 11 Jan 03:00"]),
        ("0 3 * * 7", ["Sun 04 Jan 03:00", "Sun 11 Jan 03:00"]),
        ("0 3 * * 1", ["Mon 05 Jan 03:00", "Mon 12 Jan 03:00"]),
        ("0 3 * * sun", ["Sun 04 Jan 03:00"]),
        ("0 3 * * Fri-Sun", ["Fri 02 Jan 03:00", "Sat 03 Jan 03:00", "Sun 04 Jan 03:00", "Fri 09 Jan 03:00"]),
        ("0 3 * * 5-7", ["Fri 02 Jan 03:00", "Sat 03 Jan 03:00", "Sun 04 Jan 03:00"]),
        ("0 3 * * */2", ["Thu 01 Jan 03:00", "Sat 03 Jan 03:00", "Sun 04 Jan 03:00", "Tue 06 Jan 03:00"]),
        ("*/20 0 1 1 *", ["Thu 01 Jan 00:00", "Thu 01 Jan 00:20", "Thu 01 Jan 00:40", "Fri 01 Jan 00:00"]),
        ("10-59/20 5 * * *", ["Thu 01 Jan 05:10", "Thu 01 Jan 05:30", "Thu 01 Jan 05:50"]),
        ("0 0 * feb,dec *", ["Sun 01 Feb 00:00"]),
        ("0 0 31 * *", ["Sat 31 Jan 00:00", "Tue 31 Mar 00:00"]),
        ("@daily", ["Thu 01 Jan 00:00", "Fri 02 Jan 00:00"]),
        ("@weekly", ["Sun 04 Jan 00:00"]),
        ("@Hourly", ["Thu 01 Jan 00:00", "Thu 01 Jan 01:00"]),
        ("  0   3 * * *  ", ["Thu 01 Jan 03:00"]),
    ],
)
def test_comes_when_crontab_says(line: str, times: list[str]) -> None:
    assert next_times(line, len(times)) == times


def test_either_day_fits_where_both_are_restricted() -> None:
    """crontab(5): "0 0 13 * fri" comes on every 13th and on every Friday."""
    assert next_times("0 0 13 * fri", 4) == [
        "Fri 02 Jan 00:00",
        "Fri 09 Jan 00:00",
        "Tue 13 Jan 00:00",
        "Fri 16 Jan 00:00",
    ]


def test_both_days_must_fit_where_one_starts_with_a_star() -> None:
    """crontab(5): a field that starts with * counts as unrestricted, so */2 and Friday must both fit."""
    assert next_times("0 0 */2 * fri", 2) == ["Fri 09 Jan 00:00", "Fri 23 Jan 00:00"]


def test_a_day_that_never_comes_leaves_the_other() -> None:
    assert normalise_cron("0 0 30 2 fri") == (CronFields("0", "0", "*", "2", "fri"),)


def test_every_minute_is_every_minute() -> None:
    times = next_times("* * * * *", 3)
    assert times == ["Thu 01 Jan 00:00", "Thu 01 Jan 00:01", "Thu 01 Jan 00:02"]
    assert all(a != b for a, b in pairwise(times))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("61 * * * *", "minute 61 is not within 0-59"),
        ("* 24 * * *", "hour 24 is not within 0-23"),
        ("* * 0 * *", "day of the month 0 is not within 1-31"),
        ("* * * 13 *", "month 13 is not within 1-12"),
        ("* * * * 8", "day of the week 8 is not within 0-7"),
        ("* * * * fry", "day of the week 'fry' is not a number or a name"),
        ("* * * foo *", "month 'foo' is not a number or a name"),
        ("* 3 * *", "4 fields instead of five"),
        ("0 * * * * *", "6 fields instead of five"),
        ("", "0 fields instead of five"),
        ("*/0 * * * *", "steps by nothing"),
        ("5/15 * * * *", "a step needs a range, such as 5-59/15"),
        ("30-10 * * * *", "runs backwards"),
        ("1,,2 * * * *", "is not a number, a range or a step"),
        ("-5 * * * *", "is not a number, a range or a step"),
        ("99999 * * * *", "is not a number"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("@reboot", "no such nickname '@reboot'"),
        ("L * * * *", "minute 'l' is not a number"),
    ],
)
def test_says_which_field_is_wrong(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        normalise_cron(line)


@pytest.mark.parametrize(
    ("cron", "hours"),
    [
        ("* * * * *", 1 / 60),
        ("0 3 * * *", 24),
        ("0 3 * * mon-fri", 72),
        ("*/10 8-17 * * *", 14 + 1 / 6),
        ("0 3 1 * *", 31 * 24),
        ("0 0 1 1 *", 366 * 24),
        ("0 0 29 2 *", 1461 * 24),
        ("0 3 13 * fri", 7 * 24),
    ],
)
def test_the_longest_pause_of_a_line(cron: str, hours: float) -> None:
    assert longest_gap_s(cron) == pytest.approx(hours * 3600)
