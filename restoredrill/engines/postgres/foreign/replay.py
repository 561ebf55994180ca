"""Runs a plain dump on a throwaway server, statement by statement, and says what came of each.

Like psql with ON_ERROR_STOP off, but for two things: no command of psql's is obeyed except \\connect, and
what goes wrong is classified as what pg_restore says is, so that nothing is lost in a stream of messages.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from restoredrill.engines.postgres.connect import TARGET, as_ours, login, plain, translated
from restoredrill.engines.postgres.foreign.scripts import Meta, Script, Statement
from restoredrill.engines.postgres.messages import Blame, RestoreMessage, Rule, of_server
from restoredrill.errors import DiskFull, DumpUnfit, ServerFailed
from restoredrill.model import Severity

# What a role's, a database's or a server's own settings must not override while it is restored.
_OPTIONS = {
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read\\ committed",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "default_tablespace": "",
    "temp_tablespaces": "",
    "statement_timeout": "0",
    "lock_timeout": "0",
}
_SUPPORTED = re.compile(rb"\\(un)?restrict\b")
_CONNECT = re.compile(rb"\\c(?:onnect)?\s+(?:-reuse-previous=on\s+)?(.*?)\s*$", re.DOTALL)
_CONNINFO_NAME = re.compile(rb"dbname='((?:[^'\\]|\\.)*)'")
_SUBSCRIPTION = re.compile(rb"(CREATE|ALTER)\s+SUBSCRIPTION\b", re.IGNORECASE)
_CREATE_DATABASE = re.compile(rb"CREATE\s+DATABASE\s+(\"(?:[^\"]|\"\")+\"|[^\s;]+)", re.IGNORECASE)
_TABLESPACE_OF = re.compile(rb" TABLESPACE = (\"(?:[^\"]|\"\")+\"|\w+)")
_PROVIDER = re.compile(rb" LOCALE_PROVIDER = libc\b")
_TABLESPACE = re.compile(
    rb"(CREATE|ALTER|COMMENT\s+ON|GRANT\s.*\sON)\s+TABLESPACE\b|SET\s+default_tablespace\b", re.I
)
_NO_ROLE = re.compile(r'role "(.*)" does not exist$')
_ROLE = re.compile(rb"(CREATE|ALTER)\s+(ROLE|USER)\b|GRANT\s+\S+\s+TO\b|COMMENT\s+ON\s+ROLE\b", re.IGNORECASE)

_ROLE_EXISTS = "42710"
_LISTED_AT_MOST = 200  # messages; a dump that does not fit at all has one for each statement
_ROLES_AT_MOST = 1000


@dataclass
class Outcome:
    """What came of a replay. `databases`: those it connected to, in order; `roles`: those that were made up,
    as the dump names them and does not hold them.
    """

    messages: list[RestoreMessage] = field(default_factory=list)
    more: int = 0  # messages that are not listed
    databases: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    harmless: list[str] = field(default_factory=list)

    def note(self, message: RestoreMessage) -> None:
        """Keep it, or count it where there are too many already. One that blames the machine is kept."""
        if message.harmless:
            if message.text not in self.harmless and len(self.harmless) < _LISTED_AT_MOST:
                self.harmless.append(message.text)
        elif len(self.messages) < _LISTED_AT_MOST or message.blame is Blame.MACHINE:
            self.messages.append(message)
        else:
            self.more += 1


class Replay:
    """A replay into the server that `url_of` leads to (a database's name to a URL), from `first` on.

    `whole_cluster`: the dump holds its roles, so that one it does not hold is a finding; else a role that
    is named and not there is made, with every right and no login. `told` hears of progress, by database.
    """

    def __init__(
        self,
        url_of: Callable[[str], str],
        first: str,
        major: int,
        *,
        whole_cluster: bool,
        told: Callable[[str], None],
    ) -> None:
        self._url_of = url_of
        self._major = major
        self._whole_cluster = whole_cluster
        self._told = told
        self._outcome = Outcome()
        self._database = first
        self._connection: psycopg.Connection | None = None

    def run(self, script: Script) -> Outcome:
        """All of it. Raises `DumpUnfit` where it is cut, `ServerFailed`, `DiskFull`, what reading raises."""
        try:
            self._connect(self._database)
            while (item := script.next()) is not None:
                if isinstance(item, Meta):
                    self._meta(item)
                elif item.rows:
                    self._copy(item, script.rows())
                else:
                    self._execute(item)
            script.finish()
            return self._outcome
        finally:
            if self._connection is not None:
                self._connection.close()

    # psql's commands ----------------------------------------------------------------------------------------

    def _meta(self, item: Meta) -> None:
        if connect := _CONNECT.match(item.text):
            self._connect(_database_in(connect[1]))
        elif not _SUPPORTED.match(item.text):
            name = item.text.split(maxsplit=1)[0].decode("utf-8", "replace")[:20]
            raise DumpUnfit(
                "restore",
                f"a command of psql's ({name})",
                "pg_dump writes none but \\connect and \\restrict, and this one could do anything here",
                rule="DUMP_COMMAND",
                hint="find out who wrote it into the dump",
            )

    def _connect(self, database: str) -> None:
        if self._connection is not None:
            self._connection.close()
        to = login(self._url_of(database) + _options(self._major))
        try:
            self._connection = plain(to, TARGET)
        except ServerFailed as error:
            if self._connection is None or "does not exist" not in error.reason:
                raise
            # Its CREATE DATABASE has failed, and that is told: what follows must not get into another one.
            hint = "see the finding about CREATE DATABASE"
            raise DumpUnfit(
                "restore", f"database {database}", "it was not made", rule="RESTORE_ERROR", hint=hint
            ) from error
        self._connection.autocommit = True
        self._database = database
        if database not in self._outcome.databases:
            self._outcome.databases.append(database)

    @property
    def _session(self) -> psycopg.Connection:
        assert self._connection is not None
        return self._connection

    # SQL ----------------------------------------------------------------------------------------------------

    def _execute(self, item: Statement) -> None:
        if _SUBSCRIPTION.match(item.text):
            self._outcome.harmless.append("a subscription was left out: it would call out")
            return
        text = self._fitting(item.text)
        for _ in range(_ROLES_AT_MOST):
            try:
                self._session.execute(text)
                return
            except psycopg.Error as error:
                if not self._made_role(error):
                    self._went_wrong(error, text)
                    return

    def _copy(self, item: Statement, rows: Iterator[bytes]) -> None:
        try:
            with self._session.cursor() as cursor, cursor.copy(item.text) as copy:
                for chunk in rows:
                    copy.write(chunk)
                    self._told(self._database)
        except psycopg.Error as error:
            for _ in rows:  # what psql would take for statements
                pass
            self._went_wrong(error, item.text, copying=True)

    def _fitting(self, text: bytes) -> bytes:
        """CREATE DATABASE as this server takes it."""
        if not _CREATE_DATABASE.match(text):
            return text
        text = _TABLESPACE_OF.sub(b"", text)  # there is only one here
        return text if self._major >= 15 else _PROVIDER.sub(b"", text)

    def _made_role(self, error: psycopg.Error) -> bool:
        """Make the role that a statement lacks, if it is none of the dump's own."""
        found = _NO_ROLE.match(error.diag.message_primary or "")
        if found is None or self._whole_cluster or found[1] in self._outcome.roles:
            return False
        if self._session.info.transaction_status is not TransactionStatus.IDLE:
            return False  # in a transaction of the dump's own nothing can be made any more
        with translated(TARGET, "make", f"role {found[1]}"):
            make_role(self._session, found[1])
        self._outcome.roles.append(found[1])
        return True

    def _went_wrong(self, error: psycopg.Error, text: bytes, *, copying: bool = False) -> None:
        said = as_ours(error, TARGET, "restore", self._database)
        if self._session.closed or isinstance(said, DiskFull):
            raise said from error
        diag = error.diag
        message = of_server(
            diag.message_primary or str(error),
            diag.message_detail or "",
            diag.context or "",
            text[:4096].decode("utf-8", "replace"),
            copying=copying,
        )
        if (error.sqlstate == _ROLE_EXISTS and _ROLE.match(text)) or _TABLESPACE.match(text):
            message = RestoreMessage(Rule.WARNING, Blame.NOBODY, Severity.LOW, message.object, message.text)
        self._outcome.note(message)


def make_role(connection: psycopg.Connection, name: str) -> None:
    """A role that a dump names and does not hold: nobody can log in as it, and nothing is refused to it."""
    connection.execute(sql.SQL("CREATE ROLE {} SUPERUSER NOLOGIN").format(sql.Identifier(name)))


def _options(major: int) -> str:
    """For a URL. Before 17 event triggers can't be switched off, but in a replica's session none fires."""
    more = {"event_triggers": "off"} if major >= 17 else {"session_replication_role": "replica"}
    words = " ".join(f"-c {name}={value}" for name, value in {**_OPTIONS, **more}.items())
    return f"&options={quote(words, safe='')}"


def _database_in(words: bytes) -> str:
    """The database that `\\connect` names: a name, a quoted name, or `"dbname='…'"`."""
    text = words
    if text.startswith(b'"') and text.endswith(b'"') and len(text) > 1:
        text = text[1:-1].replace(b'""', b'"')
    if named := _CONNINFO_NAME.match(text):
        text = re.sub(rb"\\(.)", rb"\1", named[1])
    elif text.startswith(b"'") and text.endswith(b"'"):
        text = text[1:-1].replace(b"''", b"'")
    return text.decode("utf-8", "surrogateescape")
