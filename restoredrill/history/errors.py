"""The one place where what SQLAlchemy, SQLite and libpq say becomes a `HistoryError`."""

import contextlib
import sqlite3
from collections.abc import Iterator

from pydantic import ValidationError
from sqlalchemy import exc

from restoredrill import secret
from restoredrill.errors import HistoryError

_REBUILD = "move it away and run `restoredrill history rebuild`: the vaults hold what it indexed"
_ROOM = "make room where it lies, or run `restoredrill history prune`"
_BUSY = "what holds it? a backup tool or an open shell must not keep it locked"

# SQLite's own name of a result code, up to its first detail: https://www.sqlite.org/rescode.html
_SQLITE = {
    "BUSY": ("locked by another process", _BUSY),
    "LOCKED": ("locked by another process", _BUSY),
    "FULL": ("no room left on the disk", _ROOM),
    "READONLY": ("may not be written to", "give this user the file and its directory"),
    "CANTOPEN": ("can't be opened", "check its path, and that this user may write to the directory"),
    "PERM": ("access denied", "give this user the file and its directory"),
    "AUTH": ("access denied", "give this user the file and its directory"),
    "CORRUPT": ("the file is damaged", _REBUILD),
    "NOTADB": ("the file is no SQLite database", "check history.url, or move the file away"),
    "IOERR": ("the disk does not read or write", "look at the system's log"),
}

# SQLSTATE, or its class: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES = {
    "08": ("unreachable", "is the server up, and the network?"),
    "25006": ("read only", "is it a standby? name the primary"),
    "28": ("the login was refused", "check user and password in history.url"),
    "3D000": ("there is no such database", "create it: `createdb`"),
    "40": ("somebody else changed the same thing", "it is tried again at the next tick"),
    "42501": ("access denied", "the role needs CREATE on the schema once, and its own tables afterwards"),
    "42P01": ("a table is missing", "drop what is left of it, then run `restoredrill history rebuild`"),
    "53100": ("no room left on the server's disk", _ROOM),
    "53300": ("the server has no connection left", "raise max_connections, or end idle clients"),
    "55P03": ("locked by another session", "look at pg_stat_activity"),
    "57014": ("the statement took too long", "is the server overloaded, or a table locked?"),
    "57P": ("the server is starting up or shutting down", "wait for it"),
}


@contextlib.contextmanager
def translated(operation: str, thing: str) -> Iterator[None]:
    """Whatever goes wrong inside with the database is a `HistoryError` about `thing`, without a password."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        reason, hint = _why(error)
        raise HistoryError(operation, thing, reason, hint=hint) from error
    except sqlite3.Error as error:
        reason, hint = _why_sqlite(error)
        raise HistoryError(operation, thing, reason, hint=hint) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise HistoryError(operation, thing, reason, hint="check its path and who may write there") from error
    except ValidationError as error:
        reason = f"it holds a {error.title.lower()} that this version can't read"
        hint = "was it written by a newer version? upgrade, or rebuild the history"
        raise HistoryError(operation, thing, reason, hint=hint) from error


def _why(error: exc.SQLAlchemyError) -> tuple[str, str]:
    """A reason and a hint."""
    origin = getattr(error, "orig", None)
    if isinstance(error, exc.TimeoutError):
        return "every connection is in use", "is the server slow?"
    if origin is None:
        return secret.redact(str(error.args[0] if error.args else type(error).__name__)).lower(), ""
    if isinstance(origin, sqlite3.Error):
        return _why_sqlite(origin)
    state = getattr(origin, "sqlstate", None)
    if state is None:
        return _without_state(error, origin)
    for code in (state, state[:3], state[:2]):
        if code in _POSTGRES:
            return _POSTGRES[code]
    # The server's first line only: its detail may quote what was to be written.
    said = getattr(getattr(origin, "diag", None), "message_primary", None) or type(origin).__name__
    return f"{secret.redact(said).lower()} ({state})", ""


def _why_sqlite(error: sqlite3.Error) -> tuple[str, str]:
    name = str(getattr(error, "sqlite_errorname", "")).removeprefix("SQLITE_").split("_")[0]
    return _SQLITE.get(name, (_line(error), ""))


def _without_state(error: exc.SQLAlchemyError, origin: BaseException) -> tuple[str, str]:
    """The server itself said nothing, so the client did."""
    if isinstance(error, exc.ProgrammingError):
        return "its url can't be read", "it is postgresql://user@host:5432/database, %-encoded"
    said = _line(origin)
    if "authentication failed" in said or "no password supplied" in said:
        return _POSTGRES["28"]
    if "does not exist" in said and ("database " in said or "role " in said):
        return _POSTGRES["3D000" if "database " in said else "28"]
    if isinstance(error, exc.OperationalError):
        return f"unreachable: {said}", "is the server up, and the network?"
    return said, ""


def _line(error: BaseException) -> str:
    """The line that names the cause: libpq says more before and after it."""
    lines = [line.strip(" \t-") for line in secret.redact(str(error)).splitlines() if line.strip()]
    telling = [line for line in lines if "failed: " in line or "FATAL" in line]
    return (telling or lines or [type(error).__name__])[0].lower().rstrip(".")
