"""Durations as the files and the command line write them: `90s`, `45m`, `26h`, `7d`."""

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PATTERN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhd])")
_LONGEST_S = 100 * 365 * 86400

# The same in ECMA's words, for the JSON Schema: zero is no duration.
JSON_PATTERN = r"^(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,9})?[smhd]$"


def parse_duration(text: str) -> float:
    """Seconds, more than 0.

    Raises `ValueError` saying what is wrong.

    >>> parse_duration("45m")
    2700.0
    """
    match = _PATTERN.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError(f"{_short(text)} is not a duration like 90s, 45m, 26h or 7d")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds == 0:
        raise ValueError(f"{_short(text)} is no time at all")
    if seconds > _LONGEST_S:
        raise ValueError(f"{_short(text)} is longer than 100 years")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest form that `parse_duration` reads back: `90s`, `45m`, `26h`, `7d`.

    >>> format_duration(93600)
    '26h'
    """
    fitting = [unit for unit, size in _SECONDS.items() if seconds >= size and seconds % size == 0]
    unit = fitting[-1] if fitting else "s"
    return f"{seconds / _SECONDS[unit]:.9f}".rstrip("0").rstrip(".") + unit


def _short(text: str) -> str:
    return repr(text if len(text) <= 30 else text[:27] + "...")
