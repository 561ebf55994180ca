"""What a name says: a dump, something beside one, something half done; and when it was made. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

_CHECKSUMS = re.compile(
    r"\.(md5|sha1|sha256|sha512)(sum)?(\.txt)?$|^(MD5|SHA1|SHA256|SHA512)SUMS?(\.txt)?$", re.I
)
_BESIDE = re.compile(r"\.(asc|sig|minisig|crc32?|log|err|out|manifest|json|yaml|yml|ok|done|lock)$", re.I)
_HALF = re.compile(
    r"\.(part|partial|tmp|temp|filepart|crdownload|download|incomplete|inprogress|uploading|swp)$|~$", re.I
)
# Packed or sealed in any order, behind what people call a dump.
_WRAPS = r"(\.(gz|gzip|zst|zstd|lz4|bz2|xz|age))*"
_LOOKS = re.compile(
    rf"\.(dump|dmp|pgdump|pg_dump|backup|bak|sql|psql|pgsql|tar|tgz|tbz2?|txz|pgc|custom|dir){_WRAPS}$", re.I
)

# What pg_dump writes into a directory: pg_backup_directory.c.
MEMBER = re.compile(r"(toc\.dat|blobs(_\d+)?\.toc|(\d+|blob_\d+)\.dat(\.gz|\.lz4|\.zst)?)(\.age)?")

_DATE = r"(?<!\d)(20\d\d)([-_./]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3])[-_:.h]?([0-5]\d)(?:[-_:.m]?([0-5]\d)s?)?(?:\.\d+)?(Z|UTC)?"
_STAMP = re.compile(rf"{_DATE}(?:[T_\-. /]*(?:at_?)?{_TIME})?(?!\d)")
_EPOCH = re.compile(r"(?<!\d)(1[5-9]\d{8})(?!\d)")

CHECKSUM = "a checksum"


@dataclass(frozen=True)
class Named:
    """When a name says that it was made; `whole`: with the time of day, and not the date alone."""

    at: datetime
    whole: bool


def beside(name: str) -> str:
    """Why a file of this name is none of the dumps, whatever a pattern says; empty: it may be one."""
    if _CHECKSUMS.search(name):
        return CHECKSUM
    if _HALF.search(name) or name.startswith("."):
        return "half done, or hidden: its name says so"
    if _BESIDE.search(name):
        return "something that lies beside a dump: its name says so"
    return ""


def looks_like_dump(name: str) -> bool:
    """Is this how people call a dump?"""
    return _LOOKS.search(name) is not None


def matches(key: str, pattern: str) -> bool:
    """A pattern without a slash is held against the last part of a key, any other against the whole."""
    return fnmatchcase(key if "/" in pattern else key.rpartition("/")[2], pattern)


def time_in(key: str, zone: ZoneInfo) -> Named | None:
    """The last time that is found in a name or, before it, in the folders above; None: there is none.

    >>> time_in("2026/11/shop-20261126T031500Z.dump", ZoneInfo("UTC")).at.isoformat()
    '2026-11-26T03:15:00+00:00'
    """
    stamps = list(_STAMP.finditer(key))
    if stamps:
        year, _, month, day, hour, minute, second, utc = stamps[-1].groups()
        try:
            date = datetime(int(year), int(month), int(day), tzinfo=UTC if utc else zone)
            at = date.replace(hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0))
        except ValueError:  # the 31st of a month that has 30
            return None
        return Named(at.astimezone(UTC), hour is not None)
    epochs = _EPOCH.findall(key)
    return Named(datetime.fromtimestamp(int(epochs[-1]), UTC), whole=True) if epochs else None


def best_time(
    named: Named | None, made_at: datetime | None, modified_at: datetime, now: datetime
) -> datetime:
    """When a dump was made: by its content, else by its name, else by its object's time.

    What lies in the future is a clock's mistake and not believed. A date alone is bettered by the object's
    time where both agree.
    """
    if made_at is not None and made_at <= now:
        return made_at
    if named is None or named.at > now:
        return modified_at
    if not named.whole and abs(modified_at - named.at) < timedelta(hours=36):
        return modified_at
    return named.at
