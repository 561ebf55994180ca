"""Single values of a file in `schedules/`: what each may be, and what is said where it is not.

Messages say what to do instead, and never quote a value that may be a secret. The patterns beside the
validators are what the JSON Schema can say of them; the validators have the last word.
"""

import re
import zoneinfo
from datetime import date
from difflib import get_close_matches
from typing import Annotated

import pyrage
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from restoredrill import cron, durations, expect, secret
from restoredrill.model import ID_PATTERN

_RULE = r"[A-Z][A-Z0-9_]+"
_STORED = f"({'|'.join(secret.STORES)}):.+"


def _duration(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError("must be a duration like 90s, 45m, 26h or 7d")
    return durations.parse_duration(value)


def _cron(line: str) -> str:
    try:
        cron.normalise_cron(line)
    except ValueError as error:
        raise ValueError(f"{line[:40]!r}: {error}") from None
    return line


def _timezone(name: str) -> str:
    if name == "UTC":  # also where the system has no time zone data
        return name
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        near = get_close_matches(name, known, n=1)
        advice = f"; did you mean {near[0]}?" if near else "; a name is like Europe/Berlin"
        missing = "; this system has no time zone data, install tzdata" if not known else advice
        raise ValueError(f"{name[:40]!r} is no time zone{missing}") from None
    return name


def _expectation(text: str) -> str:
    try:
        expect.parse_expectation(text)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} {error}") from None
    return text


def _expected(value: object) -> object:
    """A comparison in words, or rows."""
    if isinstance(value, str):
        return _expectation(value)
    if not isinstance(value, list) or not all(isinstance(row, list) and row for row in value):
        raise ValueError("must be a comparison such as '== 0', or rows such as [[1, a], [2, b]]")
    if not value:
        raise ValueError("has no row; write `no rows` for none")
    if len(value) >= expect.ROWS_SEEN_MAX:
        raise ValueError(f"has {len(value)} rows; an answer is looked at up to {expect.ROWS_SEEN_MAX}")
    if len({len(row) for row in value}) > 1:
        raise ValueError("has rows of different lengths")
    if any(isinstance(cell, list | dict) for row in value for cell in row):
        raise ValueError("has something in a row that is neither text, number, true, false nor null")
    return value


def _reference(text: str) -> str:
    secret.check_references(text)
    if not _is_whole_reference(text):
        raise ValueError("is a secret and must not stand here; write ${NAME} or file:/path")
    return text


def _stored_secret(text: str) -> str:
    if secret.stored(text) is None:
        raise ValueError("must be secretsmanager:NAME or ssm:NAME, which a machine reads by its own role")
    return text


def _is_whole_reference(text: str) -> bool:
    stands_alone = secret.file_path(text) is not None or secret.stored(text) is not None
    return stands_alone or secret.REFERENCE.fullmatch(text) is not None


def _database_url(text: str) -> str:
    secret.check_references(text)
    if _is_whole_reference(text):
        return text
    if not secret.is_database_url(text):
        raise ValueError("must be a URL like postgresql://user@host/database, ${NAME} or file:/path")
    if secret.has_literal_password(text):
        raise ValueError("holds a password; write ${NAME} in its place, or for the whole URL")
    return text


def check_vault_url(text: str) -> str:
    """A folder or a bucket, or a text that starts with a reference. Raises `ValueError`."""
    secret.check_references(text)
    if text.startswith("file://"):
        if not text.startswith("file:///") or ".." in text.split("/"):
            raise ValueError("must be an absolute folder without `..`, such as file:///var/backups/shop")
    elif text.startswith("s3://"):
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        if not bucket or any(character in bucket for character in "@:?# "):
            raise ValueError("must be a bucket and maybe a prefix, such as s3://acme-backups/shop")
        if any(part in ("", ".", "..") for part in prefix.rstrip("/").split("/")) and prefix:
            raise ValueError("has an empty, `.` or `..` part in its prefix")
    elif secret.REFERENCE.match(text) is None:
        raise ValueError("must start with s3:// or file:///")
    return text


def check_endpoint(text: str) -> str:
    """An http(s) URL, or a text that starts with a reference. Raises `ValueError`."""
    secret.check_references(text)
    if secret.REFERENCE.match(text) is None and not text.startswith(("https://", "http://")):
        raise ValueError("must start with https:// or http://")
    if "@" in text:
        raise ValueError("holds a user; access_key_id and secret_access_key are for that")
    return text


def _notify_url(text: str) -> str:
    secret.check_references(text)
    if not secret.is_reference(text):
        raise ValueError("is a secret and must not stand here; write ${NAME} for it or a part of it")
    return text


def _recipient(text: str) -> str:
    if "SECRET" in text.upper():
        raise ValueError("is a private key and must not stand here; the public one starts with age1")
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ValueError(
            "is no age public key: those start with age1 and have 62 letters and digits"
        ) from None
    return text


def _pick(text: str) -> str:
    if text not in ("latest", "random", "oldest-unverified") and not ID_PATTERN.match(text):
        raise ValueError("must be latest, random, oldest-unverified or a backup's id (20260923T031500Z-7f3a)")
    return text


def _rule(text: str) -> str:
    if not re.fullmatch(_RULE, text):
        raise ValueError("must be a rule as reports name it, such as ROWS_MISSING")
    return text


def _day(value: object) -> date:
    try:
        if isinstance(value, str) and len(value) == len("2026-12-31"):
            return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"must be a day like 2026-12-31: {error}") from None
    raise ValueError("must be a day like 2026-12-31")


def _share(value: object) -> float:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", value)):
        share = float(found[1]) / 100
        if share <= 1:
            return share
    raise ValueError("must be a share like 5% or 50%, 100% at most")


def _growth(value: object) -> float:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,6}(?:\.\d+)?) ?%", value)):
        return float(found[1]) / 100
    raise ValueError("must be a share like 50% or 300%")


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("must be an absolute path")
    return text


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


Words = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
Count = Annotated[int, Field(strict=True, ge=0)]
Jobs = Annotated[int, Field(strict=True, ge=1, le=64)]
Flag = Annotated[bool, Field(strict=True)]
Duration = Annotated[float, BeforeValidator(_duration), _text(durations.JSON_PATTERN)]
Cron = Annotated[str, AfterValidator(_cron), _text(cron.JSON_PATTERN)]
Rows = list[list[expect.Scalar]]
Expectation = Annotated[
    str | Rows,
    BeforeValidator(_expected),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": expect.JSON_PATTERN},
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": expect.ROWS_SEEN_MAX - 1,
                    "items": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": ["string", "number", "boolean", "null"]},
                    },
                },
            ]
        }
    ),
]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Reference = Annotated[
    str, AfterValidator(_reference), _text(rf"^(\$\{{[A-Za-z_][A-Za-z0-9_]*\}}|file:/[^/].*|{_STORED})$")
]
StoredSecret = Annotated[str, AfterValidator(_stored_secret), _text(f"^{_STORED}$")]
DatabaseUrl = Annotated[
    str,
    AfterValidator(_database_url),
    _text(rf"^(postgres(ql)?://.*|\$\{{[A-Za-z_][A-Za-z0-9_]*\}}|file:/[^/].*|{_STORED})$"),
]
VaultUrl = Annotated[str, AfterValidator(check_vault_url), _text(r"^(s3://[^/]|file:///|\$\{).*$")]
Endpoint = Annotated[str, AfterValidator(check_endpoint), _text(r"^(https?://|\$\{)[^@]*$")]
NotifyUrl = Annotated[str, AfterValidator(_notify_url), _text(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|^file:/[^/]")]
Recipient = Annotated[str, AfterValidator(_recipient), _text(r"^[Aa][Gg][Ee]1[0-9A-Za-z]{58}$")]
Pick = Annotated[
    str, AfterValidator(_pick), _text(rf"^(latest|random|oldest-unverified)$|{ID_PATTERN.pattern}")
]
Rule = Annotated[str, AfterValidator(_rule), _text(f"^{_RULE}$")]
Day = Annotated[date, BeforeValidator(_day), _text(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Share = Annotated[float, BeforeValidator(_share), _text(r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?) ?%$")]
Growth = Annotated[float, BeforeValidator(_growth), _text(r"^[0-9]{1,6}(\.[0-9]+)? ?%$")]
AbsolutePath = Annotated[str, AfterValidator(_absolute), _text("^/")]
