"""References to secrets, and the type that keeps a secret from being printed."""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

REDACTED = "[redacted]"
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
STORES = ("secretsmanager", "ssm")  # AWS Secrets Manager, Systems Manager Parameter Store
_LOOKS_LIKE_REFERENCE = re.compile(r"\$\{[^}]*\}?")

# Every secret that was resolved in this process, so that a message written by somebody else (a library's
# exception, a program's stderr) can be cleaned before it is shown. Shorter ones would blot out ordinary
# words.
_KNOWN: set[str] = set()
_SHORTEST = 5


class Secret:
    """A value that prints, represents and serialises as `[redacted]`; only `reveal` tells it.

    >>> print(Secret("hunter2"))
    [redacted]
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The value. Call it where it is handed to whoever needs it, and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a secret is not written down")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        printed = core_schema.plain_serializer_function_ser_schema(lambda _: REDACTED)
        return core_schema.is_instance_schema(cls, serialization=printed)


def remember(value: str) -> None:
    """From now on `redact` removes `value` and its lines (an identity file has several).

    Of a database's URL only the password goes, so that a message can still say which database it is about.
    """
    if is_database_url(value):
        password = password_in(value) or ""
        parts = {password, unquote(password)}
    else:
        parts = {value, *(line for line in value.splitlines() if not line.startswith("#"))}
    _KNOWN.update(part for part in parts if len(part.strip()) >= _SHORTEST)


def is_database_url(text: str) -> bool:
    """Is this a URL of which all but the password may be told?"""
    return text.startswith(("postgresql://", "postgres://"))


def redact(text: str) -> str:
    """`text` without any secret that was resolved; the longest go first, as they may hold others."""
    for value in sorted(_KNOWN, key=len, reverse=True):
        text = text.replace(value, REDACTED)
    return text


def variables(text: str) -> tuple[str, ...]:
    """Names of the environment variables a text refers to, in order, each once."""
    return tuple(dict.fromkeys(REFERENCE.findall(text)))


def file_path(text: str) -> str | None:
    """The path of a `file:` reference."""
    return text.removeprefix("file:") if text.startswith("file:") and not text.startswith("file://") else None


def stored(text: str) -> tuple[str, str] | None:
    """The kind and the name of what lies in a secret store of the cloud, for a reference to such.

    >>> stored("secretsmanager:restoredrill/shop"), stored("ssm:/restoredrill/shop/key")
    (('secretsmanager', 'restoredrill/shop'), ('ssm', '/restoredrill/shop/key'))
    """
    kind, colon, name = text.partition(":")
    return (kind, name) if colon and kind in STORES and name else None


def is_reference(text: str) -> bool:
    """Does a text hold a reference at all?"""
    return file_path(text) is not None or stored(text) is not None or REFERENCE.search(text) is not None


def check_references(text: str) -> None:
    """Raises `ValueError` if something in `text` looks like a reference and is none."""
    for found in _LOOKS_LIKE_REFERENCE.findall(REFERENCE.sub("", text)):
        raise ValueError(f"{found[:40]!r} is no reference: a variable is written ${{NAME}}")
    path = file_path(text)
    if path is not None and not path.startswith("/"):
        raise ValueError("a file: reference needs an absolute path, such as file:/run/secrets/shop")


def password_in(url: str) -> str | None:
    """The password in a URL, percent-encoded as it stands: before the `@`, or as `password=` in the query."""
    rest, _, query = url.partition("?")
    userinfo = rest.partition("://")[2].rpartition("@")[0]
    if ":" in userinfo:
        return userinfo.partition(":")[2]
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key.lower() in ("password", "sslpassword") and value:
            return value
    return None


def has_literal_password(url: str) -> bool:
    """Is there a password in this URL that is not, to its last letter, made of references?"""
    return bool(REFERENCE.sub("", password_in(url) or ""))


def without_password(url: str) -> str:
    """A URL to show: no user's password, no query.

    >>> without_password("postgresql://app:x@db/shop?password=y")
    'postgresql://app@db/shop'
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=user.partition(":")[0] + at + host, query="", fragment="").geturl()
