"""Can this server hold that database? Asked before anything is restored: the answer is then a clear one."""

import psycopg
from psycopg import sql

from restoredrill.engines.postgres.connect import TARGET, as_ours, translated
from restoredrill.errors import ToolMissing
from restoredrill.model import Finding, ServerFacts, Severity

# What a server says of a locale that its operating system, its build or its version does not have.
_NOT_HAD = (
    "could not create locale",
    "ICU is not supported",
    "could not open collator",
    "could not get language",
    "could not convert locale name",
    "invalid locale name",
    "unrecognized collation provider",
)
_OTHER_ENCODING = "does not match locale"  # the encoding of the database we are in; the source's did


def check_locale(connection: psycopg.Connection, facts: ServerFacts) -> None:
    """Try the source's locale with a collation that is rolled back: a hundredth of what a database costs.

    Only trying tells: libc's locales come from the operating system, ICU from how the server was built.
    Raises `ToolMissing` with the locale's name, `ServerFailed`. The connection is an autocommit one.
    """
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(_collation(facts))
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error)
        if any(words in said for words in _NOT_HAD):
            raise _missing(facts, said) from error
        if _OTHER_ENCODING not in said:
            raise as_ours(error, TARGET, "prepare", "the throwaway server") from error


def _collation(facts: ServerFacts) -> sql.Composed:
    head = sql.SQL("CREATE COLLATION pg_temp.restoredrill_probe ")
    if facts.locale_provider == "libc":
        body = sql.SQL("(LC_COLLATE = {}, LC_CTYPE = {})").format(facts.collate, facts.ctype)
    else:
        provider = sql.SQL("icu") if facts.locale_provider == "icu" else sql.SQL("builtin")
        body = sql.SQL("(PROVIDER = {}, LOCALE = {})").format(provider, facts.locale or facts.collate)
    return head + body


def _missing(facts: ServerFacts, said: str) -> ToolMissing:
    if facts.locale_provider == "libc":
        name = " and ".join(dict.fromkeys((facts.collate, facts.ctype)))
        hint = (
            "make the locale on this machine (Debian: localedef, Red Hat: glibc-langpack), then drill again"
        )
        return ToolMissing("prepare", f"a server with locale {name}", said, hint=hint)
    name = f"{facts.locale_provider} locale {facts.locale or facts.collate}"
    hint = (
        f"install PostgreSQL {facts.major} from your distribution or from apt.postgresql.org: built with ICU"
    )
    return ToolMissing("prepare", f"a server with {name}", said, hint=hint)


def missing_extensions(connection: psycopg.Connection, facts: ServerFacts) -> tuple[Finding, ...]:
    """A finding for each extension that this server's installation does not have. Raises `ServerFailed`."""
    with translated(TARGET, "prepare", "the throwaway server"):
        found = connection.execute(b"SELECT name FROM pg_catalog.pg_available_extensions").fetchall()
    available = {name for (name,) in found}
    version = connection.info.server_version // 10000
    return tuple(
        Finding(
            rule="EXTENSION_MISSING",
            severity=Severity.HIGH,
            object=extension.name,
            message=f"the database uses {extension.name} {extension.version}, which is not installed here",
            hint=f"install the package with {extension.name} for PostgreSQL {version} where drills run",
        )
        for extension in facts.extensions
        if extension.name not in available
    )


def maintenance(database: str) -> str:
    """The database to be in while `database` is made."""
    return "postgres" if database == "template1" else "template1"


def make_way(connection: psycopg.Connection, database: str) -> None:
    """Drop the server's own empty database of the name of the one to restore. Raises `ServerFailed`."""
    with translated(TARGET, "prepare", "the throwaway server"):
        if database == "template1":
            connection.execute(b"ALTER DATABASE template1 IS_TEMPLATE false")
        if database in ("template1", "postgres"):
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(database)))
