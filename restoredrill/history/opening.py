"""From a URL to the history behind it, at this version's tables."""

import contextlib
import functools
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Dialect, create_engine, event, text
from sqlalchemy.pool import ConnectionPoolEntry

from restoredrill import secret
from restoredrill.errors import HistoryError, UsageError
from restoredrill.history import schema
from restoredrill.history.access import WRITES, Access
from restoredrill.history.database import DatabaseHistory
from restoredrill.history.errors import translated
from restoredrill.history.leading import FileLeader, SessionLeader

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 30.0  # how long a writer waits for another one's transaction, which takes milliseconds
_HINT = "use sqlite:///history.sqlite or postgresql://user@host:5432/database"

# What libpq would wait for without end, or for hours, is noticed within half a minute.
_POSTGRES_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "restoredrill",
}
_STATEMENT_LIMITS = "SET statement_timeout = '60s'; SET lock_timeout = '30s'; SET TIME ZONE 'UTC'"


def open_history(url: str, *, migrations: Path = MIGRATIONS) -> DatabaseHistory:
    """The history at `sqlite:///path` (a new file is made) or `postgresql://…` (as libpq reads it), its
    tables brought to this version: one process does it while others wait.

    Raises `HistoryError` if it does not answer or is of a newer version, `UsageError` for another URL.
    """
    scheme = url.partition("://")[0].lower()
    if scheme not in _SCHEMES or "://" not in url:
        raise UsageError("open", "the history", f"no history of kind {scheme[:20]!r}", hint=_HINT)
    return _SCHEMES[scheme](url, migrations)


def _sqlite(url: str, migrations: Path) -> DatabaseHistory:
    path = _sqlite_path(url)
    with translated("open", str(path)):
        _make_file(path)
        place = URL.create("sqlite", database=str(path))
        engine = create_engine(place, connect_args={"timeout": BUSY_S}, hide_parameters=True)
        event.listen(engine, "connect", _on_sqlite)
        event.listen(engine, "begin", _begin)
    access = Access(engine, str(path))
    _prepared(access, migrations)
    return DatabaseHistory(access, FileLeader(path.with_name(f"{path.name}.lead")))


def _sqlite_path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc or parts.query or parts.fragment or parts.path in ("", "/"):
        reason = "a sqlite url is sqlite:/// and a path, absolute with one more /, and nothing else"
        raise UsageError("open", "the history", reason, hint=_HINT)
    return Path(unquote(parts.path.removeprefix("/"))).absolute()


def _make_file(path: Path) -> None:
    """A new database is made beside and linked into place: it is private and in WAL mode (readers don't wait
    for writers) before anybody can open it. What SQLite puts beside it has its mode.

    The file itself is never opened here: to close it would drop the locks of whoever else in this process
    has it open (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name[:100]}-", dir=path.parent) as beside:
        made = Path(beside) / "new"
        made.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(made)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(made)


def _on_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not at the first write
    connection.execute("PRAGMA synchronous = FULL")  # a task that was queued outlasts a power cut


def _begin(connection: Connection) -> None:
    """A writer takes its turn before it reads: what it read can't have changed when it writes."""
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres(url: str, migrations: Path) -> DatabaseHistory:
    url = "postgresql://" + url.partition("://")[2]
    secret.remember(url)
    try:
        thing = secret.without_password(url)
        query = dict(parse_qsl(urlsplit(url).query))
    except ValueError as error:
        raise UsageError("open", "the history", "its url can't be read", hint=_HINT) from error
    settings = {name: value for name, value in _POSTGRES_DEFAULTS.items() if name not in query}
    with translated("open", thing):
        engine = create_engine("postgresql+psycopg://", pool_pre_ping=True, hide_parameters=True)
        event.listen(engine, "do_connect", functools.partial(_connect, url, settings))
        event.listen(engine, "connect", _on_postgres)
    access = Access(engine, thing)
    _prepared(access, migrations)
    return DatabaseHistory(access, SessionLeader(engine, thing))


def _connect(
    url: str, settings: dict[str, str], dialect: Dialect, _record: ConnectionPoolEntry, _a: Any, _k: Any
) -> Any:
    """libpq reads the URL, as it does everywhere else: several hosts, a socket's directory, a service."""
    return dialect.loaded_dbapi.connect(url, **settings)


def _on_postgres(connection: Any, _record: ConnectionPoolEntry) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT_LIMITS)
    connection.commit()


_SCHEMES: dict[str, Callable[[str, Path], DatabaseHistory]] = {
    "sqlite": _sqlite,
    "postgresql": _postgres,
    "postgresql+psycopg": _postgres,
    "postgres": _postgres,
}


# Versions ---------------------------------------------------------------------------------------------------


def _prepared(access: Access, migrations: Path) -> None:
    """Bring the tables to the newest version that `migrations` has. Raises `HistoryError`."""
    try:
        with translated("open", access.thing):
            config = Config()
            config.set_main_option("script_location", str(migrations).replace("%", "%%"))
            scripts = ScriptDirectory.from_config(config)
            with access.engine.begin() as connection:
                if _version(connection, access.thing, scripts) == scripts.get_current_head():
                    return
            _upgrade(access, config, scripts)
    except BaseException:
        access.engine.dispose()
        raise


def _upgrade(access: Access, config: Config, scripts: ScriptDirectory) -> None:
    with access.writing("its tables") as connection:
        access.alone(connection, "migrate")
        if access.postgres:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        if _version(connection, access.thing, scripts) == scripts.get_current_head():
            return  # somebody else was faster
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(connection: Connection, thing: str, scripts: ScriptDirectory) -> str | None:
    """The version of the tables; None: there are none. Raises `HistoryError` for one that is not ours."""
    options = {"version_table": schema.VERSION_TABLE}
    found = MigrationContext.configure(connection, opts=options).get_current_revision()
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        hint = "upgrade restoredrill here, or name another history.url and rebuild it from the vaults"
        raise HistoryError("open", thing, f"it is of a newer version ({found[:20]})", hint=hint)
    return found
