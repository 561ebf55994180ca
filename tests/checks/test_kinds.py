"""Each kind of check on a real database: what makes it fail, what keeps it quiet, what it can't know."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from restoredrill.check_settings import CHECK_KINDS
from restoredrill.checks.registry import CHECKS
from restoredrill.engines.postgres.database import RestoredDatabase
from restoredrill.errors import ServerFailed
from restoredrill.model import CheckResult, CheckSpec, Outcome
from restoredrill.protocols import Rows
from tests.plugins.postgres import SourceServer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

SCRIPT = """
CREATE TABLE orders AS SELECT i AS id, 'secret note' AS note, '2026-03-01 11:00+00'::timestamptz AS at,
    '2026-03-01 11:30'::timestamp AS plain, '2026-03-01'::date AS today, '2026-02-27'::date AS day,
    1772362800 AS seconds, 1772362800.5::numeric AS exactly, NULL::timestamptz AS never,
    'infinity'::timestamptz AS ever, '2026-03-02 12:00+00'::timestamptz AS later,
    '2026-03-01 12:01+00'::timestamptz AS skewed, 'NaN'::float8 AS nan FROM generate_series(1, 3) i;
CREATE DOMAIN moment AS timestamptz; CREATE DOMAIN written AS moment;
CREATE TABLE empty (at timestamptz); CREATE TABLE "Odd" ("When" written, "when" integer);
INSERT INTO "Odd" VALUES ('2026-03-01 10:00+00', 5);
CREATE TABLE "Ke y" (n integer, same integer, "O dd" integer);
INSERT INTO "Ke y" VALUES (1, 5, 10), (2, 5, 20), (NULL, 5, 30), (NULL, 5, 40);
CREATE FUNCTION bad(x integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'secret note'; END $$;
"""


@pytest.fixture(scope="module")
def database(source_server: Callable[[int], SourceServer]) -> Iterator[RestoredDatabase]:
    server = source_server(17)
    name = server.database(SCRIPT)
    yield RestoredDatabase(server.url(name))
    server.drop(name)


class Gone:
    """A database whose server has ended."""

    url = "postgresql:///gone"

    def query(self, sql: str, timeout_s: float, parameters: Any = ()) -> Rows:
        raise ServerFailed("connect to", "shop", "no such socket")

    def table(self, name: str) -> str:
        raise ServerFailed("connect to", "shop", "no such socket")

    def describe(self) -> str:
        raise ServerFailed("connect to", "shop", "no such socket")

    def reader_url(self) -> str:
        raise ServerFailed("connect to", "shop", "no such socket")


def asked(database: Any, kind: str, **options: Any) -> CheckResult:
    spec = CheckSpec(name="the check", kind=kind, options={"timeout_s": 30.0, **options})
    result = CHECKS[kind](spec, database, NOW)
    assert (result.name, result.kind) == ("the check", kind)
    assert (result.outcome is Outcome.FAILED) == bool(result.findings)
    assert "secret" not in result.model_dump_json() + "".join(f.model_dump_json() for f in result.findings)
    return result


def rule(result: CheckResult) -> str:
    return result.findings[0].rule if result.findings else result.outcome.value


def test_every_kind_of_a_file_has_a_check() -> None:
    assert set(CHECKS) == set(CHECK_KINDS)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"table": "orders", "min": 3, "max": 3}, "passed"),
        ({"table": "public.orders", "min": 1, "max": None}, "passed"),
        ({"table": "orders", "min": 4, "max": None}, "ROWS_TOO_FEW"),
        ({"table": "orders", "min": None, "max": 2}, "ROWS_TOO_MANY"),
        ({"table": "empty", "min": 1, "max": None}, "ROWS_TOO_FEW"),
        ({"table": "nothing", "min": 1, "max": None}, "TABLE_NOT_FOUND"),
    ],
)
def test_rows(database: RestoredDatabase, options: dict[str, Any], found: str) -> None:
    assert rule(asked(database, "rows", **options)) == found


def test_rows_are_measured(database: RestoredDatabase) -> None:
    assert asked(database, "rows", table="orders", min=9, max=None).measured == 3


@pytest.mark.parametrize(
    ("column", "age_s"),
    [("at", 3600), ("plain", 1800), ("today", 0), ("day", 36 * 3600), ("seconds", 3600), ("exactly", 3599.5)],
)
def test_the_age_of_the_newest_value(database: RestoredDatabase, column: str, age_s: float) -> None:
    fresh = asked(database, "freshness", table="orders", column=column, max_age_s=age_s)
    assert (fresh.outcome, fresh.measured) == (Outcome.PASSED, age_s)
    if age_s:
        stale = asked(database, "freshness", table="orders", column=column, max_age_s=age_s - 1)
        assert (rule(stale), stale.measured) == ("NOT_FRESH", age_s)


@pytest.mark.parametrize(
    ("table", "column", "found"),
    [
        ("orders", "AT", "passed"),
        ("Odd", "When", "NOT_FRESH"),  # "when" comes first, of 1970
        ("Odd", '"When"', "passed"),
        ("orders", "skewed", "passed"),
        ("orders", "later", "FROM_THE_FUTURE"),
        ("orders", "ever", "NOTHING_FRESH"),
        ("orders", "nan", "NOTHING_FRESH"),
        ("orders", "never", "NOTHING_FRESH"),
        ("empty", "at", "NOTHING_FRESH"),
        ("orders", "note", "NOT_A_TIME"),
        ("orders", "nothing", "COLUMN_NOT_FOUND"),
        ("nothing", "at", "TABLE_NOT_FOUND"),
    ],
)
def test_freshness(database: RestoredDatabase, table: str, column: str, found: str) -> None:
    assert rule(asked(database, "freshness", table=table, column=column, max_age_s=9000.0)) == found


def test_a_clock_that_is_a_little_ahead_is_no_negative_age(database: RestoredDatabase) -> None:
    assert asked(database, "freshness", table="orders", column="skewed", max_age_s=1.0).measured == 0


@pytest.mark.parametrize(
    ("query", "expect", "found"),
    [
        ("SELECT count(*) FROM orders WHERE id > 3", "== 0", "passed"),
        ("SELECT count(*) FROM orders", "== 0", "NOT_AS_EXPECTED"),
        ("SELECT note FROM orders LIMIT 1", "== 'x'", "NOT_AS_EXPECTED"),
        ("SELECT 1 WHERE false", "no rows", "passed"),
        ("SELECT id FROM orders", "no rows", "NOT_AS_EXPECTED"),
        ("SELECT id FROM orders", "rows == 3", "passed"),
        ("SELECT nothing FROM orders", "== 0", "QUERY_FAILED"),
        ("DELETE FROM orders RETURNING 1", "rows == 3", "QUERY_FAILED"),
        ("SELECT bad(id) FROM orders", "rows == 3", "QUERY_FAILED"),
        ("SELECT note::integer FROM orders", "== 1", "QUERY_FAILED"),
    ],
)
def test_sql(database: RestoredDatabase, query: str, expect: str, found: str) -> None:
    assert rule(asked(database, "sql", sql=query, expect=expect)) == found


def test_a_query_that_hangs(database: RestoredDatabase) -> None:
    result = asked(database, "sql", sql="SELECT pg_sleep(600)", expect="== 0", timeout_s=0.05)
    assert rule(result) == "QUERY_TIMEOUT"


def last(count: int | None, fall: float | None = None, growth: float | None = None) -> dict[str, Any]:
    return {"table": "orders", "max_fall": fall, "max_growth": growth, "last_rows": count}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (last(4, fall=0.25), "passed"),
        (last(5, fall=0.25), "ROWS_FELL"),
        (last(2, growth=0.5), "passed"),
        (last(2, growth=0.4), "ROWS_GREW"),
        (last(0, growth=10.0), "ROWS_GREW"),
        (last(None, fall=0.1, growth=0.1), "passed"),
        (last(900), "passed"),
    ],
)
def test_rows_against_the_last_pass(database: RestoredDatabase, options: dict[str, Any], found: str) -> None:
    result = asked(database, "rows", **options)
    assert (rule(result), result.measured) == (found, 3)
    if options["last_rows"] is None:
        assert "no pass before" in result.detail


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        ([[1, "a"], [2, None], [2, None]], "passed"),
        ([[2, None], [1, "a"], [2, None]], "passed"),
        ([[1.0, "a"], [2, None], [2, None]], "passed"),
        ([[1, "a"], [2, None]], "NOT_AS_EXPECTED"),
        ([[1, "a"], [2, None], [2, None], [2, None]], "NOT_AS_EXPECTED"),
        ([[1, "b"], [2, None], [2, None]], "NOT_AS_EXPECTED"),
        ([["1", "a"], [2, None], [2, None]], "NOT_AS_EXPECTED"),
        ([[1], [2], [2]], "NOT_AS_EXPECTED"),
    ],
)
def test_sql_gives_these_rows(database: RestoredDatabase, expect: list[list[Any]], found: str) -> None:
    query = "SELECT * FROM (VALUES (1, 'a'), (2, NULL), (2, NULL)) AS v (n, t) ORDER BY n DESC"
    assert rule(asked(database, "sql", sql=query, expect=expect)) == found


@pytest.mark.parametrize(
    ("columns", "nulls_equal", "found"),
    [
        (["n"], False, "passed"),
        (["n"], True, "NOT_UNIQUE"),
        (["same"], False, "NOT_UNIQUE"),
        (["same", "n"], False, "passed"),
        (["same", "n"], True, "NOT_UNIQUE"),
        (["O dd"], False, "passed"),
        (['"O dd"'], False, "passed"),
        (["nothing"], False, "COLUMN_NOT_FOUND"),
    ],
)
def test_unique(database: RestoredDatabase, columns: list[str], nulls_equal: bool, found: str) -> None:
    result = asked(database, "unique", table="Ke y", columns=columns, nulls_equal=nulls_equal)
    assert rule(result) == found


@pytest.mark.parametrize(
    ("columns", "to", "to_columns", "found"),
    [
        (["n"], "orders", ["id"], "passed"),  # NULLs refer to nothing
        (["same"], "orders", ["id"], "ORPHANS"),
        (["n", "O dd"], "Ke y", ["n", "O dd"], "passed"),
        (["O dd"], "Ke y", ["n"], "ORPHANS"),
        (["n"], "nowhere", ["id"], "TABLE_NOT_FOUND"),
        (["n"], "orders", ["nothing"], "COLUMN_NOT_FOUND"),
    ],
)
def test_references(
    database: RestoredDatabase, columns: list[str], to: str, to_columns: list[str], found: str
) -> None:
    result = asked(database, "references", table="Ke y", columns=columns, to=to, to_columns=to_columns)
    assert rule(result) == found


@pytest.mark.parametrize(
    ("query", "max_s", "found"),
    [
        ("SELECT count(*) FROM orders", 20.0, "passed"),
        ("SELECT pg_sleep(0.05)", 0.04, "QUERY_SLOW"),
        ("SELECT nothing", 1.0, "QUERY_FAILED"),
        ("DELETE FROM orders", 1.0, "QUERY_FAILED"),
        ("SELECT 1; SELECT 2", 1.0, "QUERY_FAILED"),
    ],
)
def test_query_time(database: RestoredDatabase, query: str, max_s: float, found: str) -> None:
    result = asked(database, "query_time", sql=query, max_s=max_s, runs=3)
    assert rule(result) == found
    assert (result.measured is None) == (found == "QUERY_FAILED")


def test_a_query_that_takes_for_ever_is_slow_too(database: RestoredDatabase) -> None:
    result = asked(database, "query_time", sql="SELECT pg_sleep(600)", max_s=1.0, runs=3, timeout_s=0.05)
    assert rule(result) == "QUERY_TIMEOUT"


def test_the_schema_is_that_of_a_reference(database: RestoredDatabase) -> None:
    text = "# a comment\n" + database.describe()
    assert "column public.orders.note = " in text
    assert asked(database, "schema", reference=text).measured == 0
    lines = [line for line in text.splitlines() if not line.startswith("column public.orders.note = ")]
    changed = [line.replace("public.orders.id = ", "public.orders.id = other ") for line in lines]
    result = asked(database, "schema", reference="\n".join([*changed, "view public.gone = x"]))
    assert [(f.rule, f.message) for f in result.findings] == [
        ("SCHEMA_CHANGED", "column public.orders.id is not what it is in the reference"),
        ("SCHEMA_CHANGED", "column public.orders.note is there and not in the reference"),
        ("SCHEMA_CHANGED", "view public.gone is in the reference and not there"),
    ]


def test_only_some_of_many_differences_are_listed(database: RestoredDatabase) -> None:
    result = asked(database, "schema", reference="")
    assert len(result.findings) == 21
    assert result.measured is not None
    assert result.measured > 21


# Commands -------------------------------------------------------------------------------------------------


def ended(pid: int) -> bool:
    """Is this process gone, or about to be?"""
    try:
        psutil.Process(pid).wait(timeout=30)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


CONNECT = "import os, psycopg; rows = psycopg.connect({}).execute('SELECT count(*) FROM orders').fetchone()"
CHECK_ROWS = "raise SystemExit(0 if rows == (3,) else 1)"


@pytest.mark.parametrize("how", ["os.environ['DATABASE_URL']", "''"])
def test_a_command_can_connect(database: RestoredDatabase, how: str) -> None:
    """By the URL, and as any program of libpq's does."""
    assert rule(asked(database, "command", argv=python(CONNECT.format(how), CHECK_ROWS))) == "passed"


@pytest.mark.parametrize(
    ("lines", "found", "detail"),
    [
        ("print('secret ' * 500_000)", "passed", "ended with status 0"),
        ("import sys; print('secret', file=sys.stderr); sys.exit(7)", "COMMAND_FAILED", "status 7"),
        ("import os; os.kill(os.getpid(), 9)", "COMMAND_FAILED", "signal 9"),
    ],
)
def test_how_a_command_ends(database: RestoredDatabase, lines: str, found: str, detail: str) -> None:
    result = asked(database, "command", argv=python(lines))
    assert rule(result) == found
    assert detail in result.detail


WRITES = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL'], autocommit=True).execute({!r})"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO orders SELECT * FROM orders LIMIT 0",
        "CREATE TABLE mine ()",
        "SET default_transaction_read_only = off; DELETE FROM orders WHERE false",
    ],
)
def test_a_command_may_only_read_unless_it_says_so(database: RestoredDatabase, statement: str) -> None:
    argv = python(WRITES.format(statement.replace("mine", f"mine_{abs(hash(statement))}")))
    assert rule(asked(database, "command", argv=argv)) == "COMMAND_FAILED"
    assert rule(asked(database, "command", argv=argv, write=True)) == "passed"


def test_a_command_that_hangs_ends_with_all_it_has_started(
    database: RestoredDatabase, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    argv = ["sh", "-c", f"sleep 600 & echo $! > {pid_file}; wait"]
    assert rule(asked(database, "command", argv=argv, timeout_s=3.0)) == "COMMAND_TIMEOUT"
    assert ended(int(pid_file.read_text()))


def test_what_a_command_leaves_in_the_background_ends_too(database: RestoredDatabase, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    argv = ["sh", "-c", f"sleep 600 & echo $! > {pid_file}"]
    assert rule(asked(database, "command", argv=argv)) == "passed"
    assert ended(int(pid_file.read_text()))


def test_a_command_gets_no_secret_of_ours(
    database: RestoredDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    lines = "import os; raise SystemExit('AWS_SECRET_ACCESS_KEY' in os.environ)"
    assert rule(asked(database, "command", argv=python(lines))) == "passed"


@pytest.mark.parametrize("argv", [["no-such-program-at-all"], ["/etc/hostname"], ["/"]])
def test_a_command_that_can_not_start_was_not_run(database: RestoredDatabase, argv: list[str]) -> None:
    result = asked(database, "command", argv=argv)
    assert result.outcome is Outcome.NOT_RUN
    assert result.detail


# Nobody there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("rows", {"table": "orders", "min": 1}),
        ("freshness", {"table": "orders", "column": "at", "max_age_s": 1.0}),
        ("sql", {"sql": "SELECT 1", "expect": "== 1"}),
        ("command", {"argv": ["true"]}),
        ("unique", {"table": "orders", "columns": ["id"], "nulls_equal": False}),
        ("references", {"table": "orders", "columns": ["id"], "to": "orders", "to_columns": ["id"]}),
        ("query_time", {"sql": "SELECT 1", "max_s": 1.0, "runs": 1}),
        ("schema", {"reference": ""}),
    ],
)
def test_without_a_server_nothing_was_run(kind: str, options: dict[str, Any]) -> None:
    result = asked(Gone(), kind, **options)
    assert (result.outcome, result.detail) == (Outcome.NOT_RUN, "connect to shop: no such socket")
