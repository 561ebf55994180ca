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
    ],
)
def test_without_a_server_nothing_was_run(kind: str, options: dict[str, Any]) -> None:
    result = asked(Gone(), kind, **options)
    assert (result.outcome, result.detail) == (Outcome.NOT_RUN, "connect to shop: no such socket")
