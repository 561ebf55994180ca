"""What a row's number tells apart, and what it does not depend on."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from restoredrill.engines.postgres import digest, fingerprint
from restoredrill.engines.postgres.digest import Column, row_hash
from restoredrill.model import FingerprintLevel
from tests.engines.restored import fingerprint_of, silent
from tests.plugins.postgres import SourceServer

Servers = Callable[[int], SourceServer]

# Two texts of a type that are two values, however alike PostgreSQL's own hashes or comparisons find them.
TOLD_APART = [
    ("boolean", "false", None),
    ("smallint", "0", None),
    ("integer", "0", None),
    ("integer", "1", "-1"),
    ("bigint", "4294967296", "1"),  # one value to hashint8()
    ("bigint", "-1", "4294967295"),
    ("bigint", "0", None),
    ("oid", "0", None),
    ("text", "", None),
    ("text", "a", "a "),
    ("varchar", "", None),
    ("bpchar", "a", "a "),
    ("char(3)", "", None),
    ('"char"', "", None),
    ("name", "", None),
    ("bytea", "", None),
    ("bytea", r"\x00", r"\x0000"),
    ("uuid", "00000000-0000-0000-0000-000000000000", None),
    ("numeric", "1.0", "1.00"),
    ("numeric", "NaN", None),
    ("real", "0.1", "0.100000024"),
    ("double precision", "0", "-0"),
    ("double precision", "NaN", "Infinity"),
    ("double precision", "0.1", "0.10000000000000002"),
    ("money", "1.10", "1.11"),
    ("date", "infinity", "-infinity"),
    ("date", "0044-03-15 BC", "0044-03-15"),
    ("timestamp", "2024-01-01 00:00:00", "2024-01-01 00:00:00.000001"),
    ("timestamptz", "2024-01-01 00:00+00", "2024-01-01 00:00+01"),
    ("timetz", "12:00+01", "11:00+00"),
    ("interval", "1 day", "24 hours"),
    ("interval", "1 mon", "30 days"),
    ("inet", "10.0.0.1/8", "10.0.0.1"),
    ("bit varying", "0", "00"),
    ("json", '{"a":1}', '{"a": 1}'),
    ("jsonb", "[[1], 2]", "[[1, 2]]"),  # one value to jsonb_hash()
    ("jsonb", '{"a": 1.0}', '{"a": 1.00}'),
    ("jsonb", "null", None),
    ("xml", "<a/>", "<a></a>"),
    ("tsvector", "a:1", "a:2"),
    ("tsvector", "", None),
    ("integer[]", "{}", None),
    ("integer[]", "{NULL}", "{}"),
    ("integer[]", "{1,2}", "[0:1]={1,2}"),
    ("integer[]", "{{1,2},{3,4}}", "{{1,2,3,4}}"),
    ("text[]", '{"a,b"}', "{a,b}"),
    ("text[]", "{NULL}", '{"NULL"}'),
    ("int4range", "[1,2)", "[1,3)"),
    ("int4range", "empty", None),
    ("numrange", "[1,2)", "[1,2]"),
    ("app.pair", "(,)", None),
    ("app.pair", '(,"")', "(,)"),
    ("app.pair", "(1,a)", "(,1a)"),
    ("app.mood", "sad", "happy"),
    ("app.positive", "1", "2"),
    ("app.positive", "1", None),
    ("app.paired", "(1,)", "(1,a)"),
    ("app.label", "x", "y"),  # whose cast to text says the same of all
    ("pg_lsn", "0/0", "0/1"),
    ("regtype", "integer", "bigint"),
]

TYPES = """
CREATE SCHEMA app;
CREATE TYPE app.pair AS (a integer, b text);
CREATE TYPE app.mood AS ENUM ('sad', 'happy');
CREATE DOMAIN app.positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN app.paired AS app.pair CHECK ((VALUE).a > 0);
CREATE TYPE app.label;
CREATE FUNCTION app.label_in(cstring) RETURNS app.label LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION app.label_out(app.label) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE app.label (INPUT = app.label_in, OUTPUT = app.label_out, LIKE = text);
CREATE FUNCTION app.label_text(app.label) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'always' $$;
CREATE CAST (app.label AS text) WITH FUNCTION app.label_text(app.label);
"""


@pytest.fixture(scope="module", params=[14, 17, 18])
def session(request: pytest.FixtureRequest, source_server: Servers) -> Iterator[psycopg.Connection]:
    server = source_server(request.param)
    name = server.database(TYPES)
    with psycopg.connect(server.url(name)) as connection:
        connection.execute("SET client_min_messages = error")
        fingerprint.settle(connection, gentle=True)
        yield connection
    server.drop(name)


def number(session: psycopg.Connection, type_name: str, text: str | None) -> int:
    oid = session.execute("SELECT %s::regtype::oid::bigint", [type_name]).fetchone()
    assert oid is not None
    expression = row_hash([Column("v", oid[0], "t.v")]).replace("%", "%%")
    row = session.execute(
        f"SELECT {expression} FROM (SELECT %s::{type_name} AS v) t".encode(), [text]
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(("type_name", "text", "other"), TOLD_APART)
def test_two_values_are_told_apart(
    session: psycopg.Connection, type_name: str, text: str, other: str | None
) -> None:
    assert number(session, type_name, text) != number(session, type_name, other)
    assert number(session, type_name, text) == number(session, type_name, text)


def test_the_algorithm_is_the_same_on_every_major(session: psycopg.Connection) -> None:
    """Fingerprints are kept for years: if this number changes, `ALGORITHM` needs another name."""
    total = sum(number(session, type_name, text) for type_name, text, _ in TOLD_APART)
    total += sum(number(session, type_name, other) for type_name, _, other in TOLD_APART)
    assert (digest.ALGORITHM, digest.in_hex(total)) == ("pg-row-chain/1", "fffffffffffffff870b673685cd3f723")


# Tables ---------------------------------------------------------------------------------------------------


@pytest.fixture
def told(source_server: Servers) -> Callable[..., str]:
    """`told(script, …)`: the digest of table `t` in a new database made by the script."""
    server = source_server(17)

    def digest_of(script: str, **settings: str) -> str:
        name = server.database(script)
        with server.connect() as connection:
            for setting, value in settings.items():
                connection.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'".encode())
        (found,) = (t for t in fingerprint_of(server, name, jobs=1).tables if t.table == "public.t")
        server.drop(name)
        assert found.digest is not None
        return found.digest

    return digest_of


TWO_ROWS = "CREATE TABLE t (a integer, b text, c integer); INSERT INTO t VALUES (1, 'x', NULL), (2, 'y', 5)"


def test_the_order_of_rows_and_columns_does_not_matter(told: Callable[..., str]) -> None:
    other = "CREATE TABLE t (c integer, b text, a integer); INSERT INTO t VALUES (5, 'y', 2), (NULL, 'x', 1)"
    assert told(TWO_ROWS) == told(other)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE t SET a = 3 - a",  # each has the other's
        "UPDATE t SET c = CASE WHEN c IS NULL THEN 5 END",
        "UPDATE t SET a = coalesce(c, 0), c = a WHERE a = 2",  # between two columns of a row
        "UPDATE t SET b = ''",
        "DELETE FROM t WHERE a = 1; INSERT INTO t SELECT * FROM t",  # one of them twice
        "ALTER TABLE t RENAME a TO d; ALTER TABLE t RENAME c TO a; ALTER TABLE t RENAME d TO c",
    ],
)
def test_a_change_in_one_place_changes_the_digest(told: Callable[..., str], change: str) -> None:
    assert told(TWO_ROWS) != told(f"{TWO_ROWS}; {change}")


def test_a_databases_own_settings_do_not_matter(told: Callable[..., str]) -> None:
    script = """CREATE TABLE t AS SELECT now() - now() + '1 year 2 days 3:04:05.5'::interval AS i,
        '2024-02-29 12:00+00'::timestamptz AS z, '2024-02-03'::date AS d, 0.1::float8 / 3 AS f,
        '\\x00ff'::bytea AS b, 12.5::numeric::money AS m, 't'::regclass AS r"""
    script = f"CREATE SEQUENCE s; {script.replace(chr(39) + 't' + chr(39), chr(39) + 's' + chr(39))}"
    other = {
        "timezone": "Asia/Kathmandu",
        "datestyle": "SQL, DMY",
        "intervalstyle": "iso_8601",
        "extra_float_digits": "-5",
        "bytea_output": "escape",
        "lc_monetary": "C.UTF-8",
        "search_path": "public",
        "row_security": "on",
        "statement_timeout": "1",
        "quote_all_identifiers": "on",
    }
    assert told(script) == told(script, **other)


def test_tables_without_columns_and_with_as_many_as_there_can_be(source_server: Servers) -> None:
    server = source_server(17)
    columns = ", ".join(f"c{i} integer" for i in range(1600))
    rest = ", ".join(f"c{i} text" for i in range(100))
    name = server.database(
        f"CREATE TABLE nothing (); INSERT INTO nothing SELECT FROM generate_series(1, 3);"
        f"CREATE TABLE wide ({columns}); INSERT INTO wide (c0, c1599) VALUES (1, 2);"
        f"CREATE TABLE wider ({columns}); INSERT INTO wider (c0, c1599) VALUES (2, 1);"
        f"CREATE TABLE texts ({rest}); INSERT INTO texts (c60) VALUES ('x'), (NULL)"
    )
    tables = {t.table: t for t in fingerprint_of(server, name).tables}
    server.drop(name)
    assert (tables["public.nothing"].rows, tables["public.nothing"].digest) == (3, digest.in_hex(0))
    assert tables["public.wide"].digest != tables["public.wider"].digest
    assert tables["public.texts"].rows == 2


def test_rows_are_counted_once_with_partitions_and_children(source_server: Servers) -> None:
    server = source_server(17)
    name = server.database(
        "CREATE TABLE p (a integer) PARTITION BY RANGE (a);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE p2 PARTITION OF p DEFAULT;"
        "INSERT INTO p SELECT generate_series(1, 20);"
        "CREATE TABLE parent (a integer); CREATE TABLE child () INHERITS (parent);"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3);"
        "CREATE TEMPORARY TABLE gone (a integer);"
        "CREATE UNLOGGED TABLE u (a integer); INSERT INTO u VALUES (1)"
    )
    counts = {t.table: t.rows for t in fingerprint_of(server, name).tables}
    server.drop(name)
    tables = {"public.p1": 9, "public.p2": 11, "public.parent": 1, "public.child": 2, "public.u": 1}
    assert counts == {**tables, "pg_catalog.pg_largeobject": 0}


def test_gentle_and_parallel_give_the_same(source_server: Servers) -> None:
    server = source_server(17)
    name = server.database(
        "CREATE TABLE t AS SELECT i AS a, repeat(i::text, 20) AS b FROM generate_series(1, 60000) i;"
        "ALTER TABLE t SET (parallel_workers = 2)"
    )
    gentle, not_gentle = (
        fingerprint.take(
            lambda: psycopg.connect(server.url(name)), FingerprintLevel.CONTENT, 1, silent, gentle=gentle
        )
        for gentle in (True, False)
    )
    server.drop(name)
    assert gentle == not_gentle
