"""The restored database as checks see it: one statement at a time, read only, under a time-out."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from restoredrill.engines.postgres import fingerprint, inventory
from restoredrill.engines.postgres.connect import TARGET, Limits, login, plain, reading, translated
from restoredrill.engines.postgres.server import READER
from restoredrill.errors import QueryFailed
from restoredrill.protocols import Rows

ROWS_MAX = 1000

_NAME = "the restored database"
_TABLE_TIMEOUT_S = 60.0
_KINDS = "'r', 'p', 'v', 'm', 'f'"


class RestoredDatabase:
    """A `Database`: every query has a session of its own, so that no check sees what another one has set."""

    def __init__(self, url: str) -> None:
        self._login = login(url)
        self._url = url

    @property
    def url(self) -> str:
        """See `Database.url`."""
        return self._url

    def query(self, sql: str, timeout_s: float, parameters: Sequence[Any] = ()) -> Rows:
        """See `Database.query`. The session has the database's own settings (`search_path`, `timezone`)."""
        with self._session(timeout_s) as connection, connection.cursor() as cursor:
            # One row at a time: a query that gives millions must not fill our memory. psycopg looks for
            # placeholders only where there are parameters, so a % in a user's query is just that.
            answer = cursor.stream(sql, list(parameters) or None)
            rows = tuple(itertools.islice(answer, ROWS_MAX))
            return Rows(tuple(column.name for column in cursor.description or ()), rows)

    def describe(self) -> str:
        """See `Database.describe`."""
        limits = Limits(statement_timeout_s=_TABLE_TIMEOUT_S)
        session = contextlib.closing(reading(self._login, limits, TARGET))
        with session as connection, translated(TARGET, "describe", _NAME):
            fingerprint.settle(connection, gentle=False)
            return inventory.described(connection)

    def reader_url(self) -> str:
        """See `Database.reader_url`. The role is made when it is first asked for."""
        with contextlib.closing(plain(self._login, TARGET)) as connection:
            connection.autocommit = True
            with translated(TARGET, "make a reader for", _NAME):
                connection.execute(_READER.encode())
        parts = urlsplit(self._url)
        return urlunsplit(parts._replace(netloc=f"{READER}@{parts.netloc.rpartition('@')[2]}"))

    def table(self, name: str) -> str:
        """See `Database.table`. Views count too; `Orders` is `"Orders"` where there is no `orders`."""
        for spelt in dict.fromkeys((name, _as_written(name))):
            with contextlib.suppress(QueryFailed):
                found = self.query(_RESOLVE, _TABLE_TIMEOUT_S, [spelt]).rows
                if found:
                    return str(found[0][0])
        raise QueryFailed("find", f"table {name}", "there is no such table in the restored database")

    @contextlib.contextmanager
    def _session(self, timeout_s: float) -> Iterator[psycopg.Connection]:
        with contextlib.closing(plain(self._login, TARGET)) as connection:
            connection.read_only = True
            with translated(TARGET, "query", _NAME):
                # 0 would be no time-out at all.
                limit = f"SET LOCAL statement_timeout = {max(1, round(timeout_s * 1000))}"
                connection.execute(limit.encode())
                yield connection


_READER = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN
        CREATE ROLE {READER} LOGIN BYPASSRLS IN ROLE pg_read_all_data;
        ALTER ROLE {READER} SET default_transaction_read_only = on;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {READER}', current_database());
END $$"""

_RESOLVE = f"""
SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = to_regclass(%s) AND c.relkind IN ({_KINDS})"""


def _as_written(name: str) -> str:
    """The name with its letters as they are; left alone where it is quoted already."""
    if '"' in name:
        return name
    return ".".join(f'"{part}"' for part in name.split(".", 1))
