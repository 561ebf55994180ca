"""The only place that opens connections to PostgreSQL and turns psycopg's errors into ours.

A password stays in a `Login`: programs get it by their environment, never as an argument, and no message
has it.
"""

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from restoredrill.errors import (
    DiskFull,
    DumpFailed,
    QueryFailed,
    QueryTimeout,
    RestoredrillError,
    ServerFailed,
    SourceDenied,
    SourceUnreachable,
    UsageError,
)

APPLICATION = "restoredrill"

# A firewall that drops idle connections would drop one that holds a snapshot for hours: it is never silent.
_KEEPALIVE = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
    "tcp_user_timeout": "120000",
}

# What changes the text of a value or a definition: two servers must say the same of the same.
SAME_TEXT = {
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "xmlbinary": "base64",
    "xmloption": "content",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "search_path": "",
}

# Of a session that must not be filtered, must not write and may be long.
_CAREFUL = {
    "row_security": "off",
    "default_transaction_read_only": "on",
    "idle_in_transaction_session_timeout": "0",
    "client_min_messages": "error",
}

# Keywords that belong to how the first connection was found, not to the server it found.
_SEARCHING = ("service", "servicefile", "target_session_attrs", "load_balance_hosts")
_NEVER = ("client_encoding", "replication", "application_name", "fallback_application_name")


# Who, where -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Login:
    """Where to connect and as whom: libpq's keywords and their values. Shows itself without a secret."""

    parameters: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """What an error calls the database: `shop on db.example.com`."""
        user = self.parameters.get("user", "")
        host = self.parameters.get("host") or self.parameters.get("hostaddr") or "this host"
        return f"{self.parameters.get('dbname') or user or 'postgres'} on {host}"

    def environment(self) -> dict[str, str]:
        """The login for a program that uses libpq. Raises `UsageError` if a secret can't go there."""
        variables = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
        homeless = [name for name in self.parameters if not variables.get(name) and name in _secrets()]
        if homeless:
            hint = "use a client key without a passphrase that only this user can read"
            raise UsageError("pass on", homeless[0], "pg_dump takes it only as an argument", hint=hint)
        found = {envvar.decode(): self.parameters.get(name) for name, envvar in variables.items() if envvar}
        return {**{k: v for k, v in found.items() if v is not None}, "PGAPPNAME": APPLICATION}

    def words(self, **more: str) -> str:
        """A connection string with the keywords that no environment variable carries; holds no secret."""
        variables = {option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
        rest = {k: v for k, v in self.parameters.items() if k not in variables and k not in _secrets()}
        return make_conninfo("", **{**rest, **more})


CONNECT_TIMEOUT_S = 10.0


def login(url: str, connect_timeout_s: float = CONNECT_TIMEOUT_S) -> Login:
    """The login that a URL or a keyword string states, which may state another time-out of its own.

    Raises `UsageError`, which does not quote it.
    """
    try:
        stated = conninfo_to_dict(url)
    except (psycopg.Error, ValueError):
        # Chained would be quoted: libpq's message holds the part it did not understand, maybe the password.
        hint = "write postgresql://user@host/database, with %40 for an @ in a name or password"
        raise UsageError("read", "the database's URL", "it is not one libpq takes", hint=hint) from None
    kept = {name: str(value) for name, value in stated.items() if name not in _NEVER}
    # Whole seconds to libpq, and anything below 2 means 2.
    return Login({**_KEEPALIVE, "connect_timeout": f"{math.ceil(connect_timeout_s)}", **kept})


def libpq_environment(url: str) -> dict[str, str]:
    """The environment that makes a libpq program connect to `url`; the rest is in `login(url).words()`."""
    return login(url).environment()


def pinned(connection: psycopg.Connection, asked: Login) -> Login:
    """The login that leads to the very server `connection` leads to.

    Several hosts, a service file, environment variables and a name with several addresses are resolved: a
    snapshot is known on one server only.
    """
    info = connection.info
    found = {
        option.keyword.decode(): option.val.decode()
        for option in connection.pgconn.info
        if option.val and option.val != option.compiled
    }
    where = {"host": info.host, "port": str(info.port), "dbname": info.dbname}
    address = {"hostaddr": info.hostaddr} if info.hostaddr else {}
    known = {**asked.parameters, **found, **where, **address}
    return Login({name: value for name, value in known.items() if name not in (*_SEARCHING, *_NEVER)})


def _secrets() -> frozenset[str]:
    """Keywords that libpq marks as passwords, and two that it marks as being for debugging."""
    passwords = {option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar == b"*"}
    return frozenset(passwords | {"scram_client_key", "scram_server_key"})


# Sessions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """How long a session waits for a lock, and how long one statement of it may take."""

    lock_timeout_s: float = 30.0
    statement_timeout_s: float = 6 * 3600.0


def plain(to: Login, side: "Side") -> psycopg.Connection:
    """A connection as it comes. Raises `side.unreachable`."""
    with translated(side, "connect to", to):
        words = {**to.parameters, "application_name": APPLICATION}
        return psycopg.connect("", prepare_threshold=None, **words)  # type: ignore[arg-type]


def reading(to: Login, limits: Limits, side: "Side", *, snapshot: str | None = None) -> psycopg.Connection:
    """A connection inside one read-only REPEATABLE READ transaction; with `snapshot`, an exported one.

    The settings last as long as that transaction: a pooler's next client must not inherit them. Output
    settings are the same on every server. Raises as `side` says; `DumpFailed` if the snapshot is gone.
    """
    connection = plain(to, side)
    try:
        with translated(side, "open a snapshot on", to):
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            if snapshot is not None:
                _import(connection, snapshot, to)
            settings = _settings(limits, connection.info)
            connection.execute("; ".join(f"SET LOCAL {k} = '{v}'" for k, v in settings.items()).encode())
        return connection
    except BaseException:
        connection.close()
        raise


def _settings(limits: Limits, info: psycopg.ConnectionInfo) -> dict[str, str]:
    # In SQL_ASCII a name's bytes have no known meaning; LATIN1 lets any byte through and back.
    without_meaning = info.parameter_status("server_encoding") == "SQL_ASCII"
    settings = {
        "client_encoding": "LATIN1" if without_meaning else "UTF8",
        **SAME_TEXT,
        **_CAREFUL,
        "lock_timeout": f"{limits.lock_timeout_s * 1000:.0f}ms",
        "statement_timeout": f"{limits.statement_timeout_s * 1000:.0f}ms",
    }
    if info.server_version >= 170000:
        settings["transaction_timeout"] = "0"
    return settings


_NO_SUCH_SNAPSHOT = (
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.ObjectNotInPrerequisiteState,
    psycopg.errors.UndefinedObject,
)


def _import(connection: psycopg.Connection, snapshot: str, to: Login) -> None:
    try:
        connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'".encode())
    except _NO_SUCH_SNAPSHOT as error:
        raise lost_snapshot(to.name, "the session that holds it is gone") from error


def lost_snapshot(thing: str, reason: str) -> DumpFailed:
    """The session that exported the snapshot ended before everything was read."""
    hint = "the source's log says who ended the session; a restart, a failover or a time-out would do it"
    return DumpFailed("dump", thing, f"lost its snapshot: {reason}", hint=hint)


# Errors ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """Which of our errors a database's trouble is, the source's or that of a restored copy."""

    unreachable: type[RestoredrillError]
    denied: type[RestoredrillError]
    failed: type[RestoredrillError]
    timeout: type[RestoredrillError]
    disk_full: type[RestoredrillError]


SOURCE = Side(SourceUnreachable, SourceDenied, DumpFailed, DumpFailed, DumpFailed)
TARGET = Side(ServerFailed, QueryFailed, QueryFailed, QueryTimeout, DiskFull)

_GONE = ("08", "28", "57P", "3D", "53300", "25P03", "25P04", "57P05")
# Messages of these quote values: data exceptions, constraint violations, what a function raises.
_QUOTING = ("22", "23", "P0", "38", "39", "44")

DENIED_HINT = "GRANT pg_read_all_data TO the role (14 and newer), BYPASSRLS where row security hides rows"
_UNREACHABLE_HINT = "check host, port, role and password, and that pg_hba.conf lets them in"
_LOCK_HINT = "somebody holds a lock on it: try again, or raise the lock time-out"
_STANDBY_HINT = "on a standby set hot_standby_feedback = on, or raise max_standby_streaming_delay"


@contextlib.contextmanager
def translated(side: Side, operation: str, thing: "Login | str") -> Iterator[None]:
    """Turns psycopg's errors inside into ours, chained."""
    try:
        yield
    except psycopg.Error as error:
        raise as_ours(error, side, operation, thing) from error
    except UnicodeDecodeError as error:
        why = "a name in its catalogues is not valid in its own encoding"
        raise side.failed(operation, _named(thing), why) from error


def as_ours(error: psycopg.Error, side: Side, operation: str, thing: "Login | str") -> RestoredrillError:
    """The one of our errors that `error` is: with the server's message, without data or a password."""
    kind, hint = _kind(error, side)
    reason = _reason(error)
    secret = thing.parameters.get("password", "") if isinstance(thing, Login) else ""
    if secret:
        reason = reason.replace(secret, "***")
    return kind(operation, _named(thing), reason, hint=hint)


def _kind(error: psycopg.Error, side: Side) -> tuple[type[RestoredrillError], str]:
    state = error.sqlstate or ""
    if state == "42501":
        return side.denied, DENIED_HINT
    if state == "57014":
        return side.timeout, ""
    if state == "55P03":
        return side.timeout, _LOCK_HINT
    if state == "53100":
        return side.disk_full, "free some space where the server's files are"
    if state == "40001":
        return side.failed, _STANDBY_HINT
    unnamed = not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if unnamed or state.startswith(_GONE):
        return side.unreachable, _UNREACHABLE_HINT
    return side.failed, ""


def _reason(error: psycopg.Error) -> str:
    state = error.sqlstate or ""
    if state.startswith(_QUOTING) or (not state and isinstance(error, psycopg.DataError)):
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
        return f"{words} ({state})" if state else words
    text = error.diag.message_primary or str(error) or type(error).__name__
    said = text.split("\nMultiple connection attempts failed")[0]
    return " ".join(said.split()).rstrip(".")[:500]


def _named(thing: "Login | str") -> str:
    return thing.name if isinstance(thing, Login) else thing
