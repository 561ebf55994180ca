"""Figures as people read them: durations, sizes, rates and times."""

import math
from datetime import UTC, datetime

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def duration(seconds: float) -> str:
    """`4 ms`, `8.0 s`, `2 m 02 s`, `1 h 05 m`, `3 d 04 h`: two units at most, no smaller one that is nought.

    >>> [duration(s) for s in (0, 0.004, 8, 59.96, 122, 1800, 93600, 273600)]
    ['0 s', '4 ms', '8.0 s', '1 m', '2 m 02 s', '30 m', '26 h', '3 d 04 h']
    """
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 0:
        return "\N{MINUS SIGN}" + duration(-seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0005 else "0 s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if (whole := round(seconds)) < HOUR_S:
        return _two(whole, MINUTE_S, "m", 1, "s")
    if (whole := round(seconds / MINUTE_S)) < 48 * 60:
        return _two(whole, 60, "h", 1, "m")
    return _two(round(seconds / HOUR_S), 24, "d", 1, "h")


def _two(whole: int, big: int, big_unit: str, small: int, small_unit: str) -> str:
    count, rest = divmod(whole, big)
    return f"{count} {big_unit} {rest // small:02d} {small_unit}" if rest else f"{count} {big_unit}"


def size(size_bytes: float) -> str:
    """Decimal units, as object stores bill them: `512 B`, `48 kB`, `1.3 GB`.

    >>> [size(n) for n in (0, 512, 48_200, 999_960, 1_290_000_000)]
    ['0 B', '512 B', '48 kB', '1.0 MB', '1.3 GB']
    """
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        digits = 0 if unit == "B" or value >= 9.95 else 1
        if round(value, digits) < 1000:
            return f"{value:.{digits}f} {unit}"
        value /= 1000
    return f"{value:,.1f} PB"


def rate(size_bytes: float, seconds: float) -> str | None:
    """`14 MB/s`, or None where nothing was moved or no time passed."""
    if size_bytes <= 0 or seconds <= 0:
        return None
    return f"{size(size_bytes / seconds)}/s"


def percent(share: float) -> str:
    """A share of one as a whole percentage; never `0 %` for something, never `100 %` for less than all.

    >>> [percent(s) for s in (0, 0.001, 0.5, 0.9999, 1, 1.25)]
    ['0 %', '<1 %', '50 %', '99 %', '100 %', '125 %']
    """
    if 0 < share < 0.005:
        return "<1 %"
    if 0.99 < share < 1:
        return "99 %"
    return f"{share * 100:,.0f} %"


def money(amount: float, currency: str = "USD") -> str:
    """With as many digits as say something: a drill costs less than a cent, a month of them may cost a lot.

    >>> [money(usd) for usd in (0, 0.00001, 0.0042, 0.314, 12, 1204.5)]
    ['0 USD', 'under 0.0001 USD', '0.0042 USD', '0.31 USD', '12.00 USD', '1,204.50 USD']
    """
    if 0 < amount < 0.00005:
        return f"under 0.0001 {currency}"
    return (
        f"{amount:,.2f} {currency}"
        if amount >= 0.1
        else f"{amount:.4f} {currency}"
        if amount
        else f"0 {currency}"
    )


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC to the second: `2026-09-23T03:15:00Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def ago(at: datetime, now: datetime) -> str:
    """`2 h ago`, or `in 2 h`."""
    seconds = (now - at).total_seconds()
    return f"{duration(seconds)} ago" if seconds >= 0 else f"in {duration(-seconds)}"


def minute(at: datetime) -> str:
    """For headings: `2026-09-23 03:15 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
