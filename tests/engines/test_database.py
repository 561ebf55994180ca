"""The restored database as checks see it: read only, bounded, and no row in what it says."""

from collections.abc import Callable, Iterator

import pytest

from restoredrill.engines.postgres.database import ROWS_MAX, RestoredDatabase
from restoredrill.errors import QueryFailed, QueryTimeout, ServerFailed
from restoredrill.protocols import Database, Rows
from tests.plugins.postgres import SourceServer

SCRIPT = """
CREATE TABLE orders (id integer PRIMARY KEY, note text NOT NULL);
INSERT INTO orders VALUES (1, 'secret note');
CREATE SCHEMA "Odd"; CREATE TABLE "Odd"."N.a""me" (a integer); CREATE TABLE "Upper" (a integer);
CREATE VIEW seen AS SELECT 1; CREATE INDEX an_index ON orders (note); CREATE SEQUENCE s;
CREATE FUNCTION shout() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'it holds secret note'; END $$;
"""


@pytest.fixture(scope="module")
def database(source_server: Callable[[int], SourceServer]) -> Iterator[Database]:
    server = source_server(17)
    name = server.database(SCRIPT)
    yield RestoredDatabase(server.url(name))
    server.drop(name)


def test_an_answer_has_columns_and_rows(database: Database) -> None:
    assert database.query("SELECT 1 AS one, '50%' AS two;", 5) == Rows(("one", "two"), ((1, "50%"),))
    assert database.query("SELECT %s::integer + 1 AS n", 5, [2]).rows == ((3,),)
    assert database.query("SHOW transaction_read_only", 5).rows == (("on",),)


def test_many_rows_are_cut_off(database: Database) -> None:
    assert len(database.query("SELECT generate_series(1, 100000000)", 60).rows) == ROWS_MAX


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("INSERT INTO orders VALUES (2, 'x')", "read-only transaction"),
        ("CREATE TABLE new (a integer)", "read-only transaction"),
        ("SELECT nextval('s')", "read-only transaction"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT nonsense FROM orders", "does not exist"),
        ("SELECT note::integer FROM orders", "invalid text representation"),
        ("SELECT shout()", "raise exception"),
        ("", "EMPTY_QUERY"),
    ],
)
def test_what_does_not_work_is_told_without_data(database: Database, statement: str, reason: str) -> None:
    with pytest.raises(QueryFailed, match=reason) as error:
        database.query(statement, 5)
    assert "secret" not in str(error.value)


def test_a_long_query_is_ended(database: Database) -> None:
    with pytest.raises(QueryTimeout):
        database.query("SELECT pg_sleep(600)", 0.05)


def test_a_session_leaves_nothing_to_the_next(database: Database) -> None:
    database.query("SELECT set_config('search_path', 'nowhere', false)", 5)
    assert database.query("SELECT id FROM orders", 5).rows == ((1,),)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("orders", "public.orders"),
        ("public.orders", "public.orders"),
        ("ORDERS", "public.orders"),
        ('"Odd"."N.a""me"', '"Odd"."N.a""me"'),
        ("Upper", 'public."Upper"'),
        ("public.Upper", 'public."Upper"'),
        ("seen", "public.seen"),
    ],
)
def test_a_tables_name_as_people_write_it(database: Database, written: str, name: str) -> None:
    assert database.table(written) == name


@pytest.mark.parametrize(
    "written", ["nothing", "public.nothing", "an_index", "s", "a.b.c.d", "", '"', "a; b", "5"]
)
def test_what_is_no_table(database: Database, written: str) -> None:
    with pytest.raises(QueryFailed, match="there is no such table"):
        database.table(written)


def test_a_server_that_is_gone(server_factory: Callable[..., SourceServer]) -> None:
    server = server_factory(17)
    gone = RestoredDatabase(server.url("postgres"))
    assert gone.query("SELECT 1", 5).rows == ((1,),)
    server.server.stop()
    with pytest.raises(ServerFailed):
        gone.query("SELECT 1", 5)
    with pytest.raises(ServerFailed):
        gone.table("orders")
