"""A plain dump is taken apart the same however its bytes come."""

from collections.abc import Iterator

import pytest

from restoredrill.engines.postgres.foreign.scripts import Meta, Script
from restoredrill.errors import DumpUnfit

HEAD, FOOT = b"--\n-- PostgreSQL database dump\n--\n\n", b"\n--\n-- PostgreSQL database dump complete\n--\n\n"

BODY = rb"""
\restrict abc
SET standard_conforming_strings = on; /* a; /* nested; */ comment */
CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $_$ BEGIN RETURN ';'; -- $$
END $_$;
CREATE OR REPLACE FUNCTION g(x int) RETURNS int BEGIN ATOMIC SELECT CASE WHEN x > 0 THEN 1 END; SELECT 2; END;
CREATE RULE r AS ON DELETE TO t DO INSTEAD (SELECT 1; SELECT 'it''s; ""');
INSERT INTO "odd;""name" VALUES (E'a\';b', '\', a$b$, $1);
COPY public.t (a, b) FROM stdin;
1	x;'
2	\\.
\.

COPY public.none (a) FROM stdin;
\.
SELECT begin_depth, "end" FROM case_; SELECT - -1 / 2;
\unrestrict abc
"""

STATEMENTS = [
    b"\\restrict abc",
    b"SET standard_conforming_strings = on",
    b"CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $_$ BEGIN RETURN ';'; -- $$\nEND $_$",
    (
        b"CREATE OR REPLACE FUNCTION g(x int) RETURNS int BEGIN ATOMIC"
        b" SELECT CASE WHEN x > 0 THEN 1 END; SELECT 2; END"
    ),
    b"CREATE RULE r AS ON DELETE TO t DO INSTEAD (SELECT 1; SELECT 'it''s; \"\"')",
    b"INSERT INTO \"odd;\"\"name\" VALUES (E'a\\';b', '\\', a$b$, $1)",
    b"COPY public.t (a, b) FROM stdin",
    b"1\tx;'\n2\t\\\\.\n",
    b"COPY public.none (a) FROM stdin",
    b"",
    b'SELECT begin_depth, "end" FROM case_',
    b"SELECT - -1 / 2",
    b"\\unrestrict abc",
]


def taken_apart(text: bytes, size: int) -> list[bytes]:
    def chunks() -> Iterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    script, found = Script(chunks(), "it"), []
    while (item := script.next()) is not None:
        found.append(item.text)
        if not isinstance(item, Meta) and item.rows:
            found.append(b"".join(script.rows()))
    script.finish()
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 11, 64, 100_000])
def test_it_is_taken_apart(size: int) -> None:
    assert taken_apart(HEAD + BODY + FOOT, size) == STATEMENTS


@pytest.mark.parametrize("size", [1, 100_000])
def test_line_ends_of_another_system_are_line_ends(size: int) -> None:
    text = HEAD + b"COPY t FROM stdin;\r\n1\r\n\\.\r\nSELECT 1;\r\n" + FOOT
    assert taken_apart(text, size) == [b"COPY t FROM stdin", b"1\r\n", b"SELECT 1"]


@pytest.mark.parametrize("cut", range(len(HEAD), len(HEAD + BODY + FOOT) - 5, 3))
def test_wherever_it_is_cut_that_is_seen(cut: int) -> None:
    """Up to the last letter of its closing line."""
    with pytest.raises(DumpUnfit) as caught:
        taken_apart((HEAD + BODY + FOOT)[:cut], 50)
    assert caught.value.rule == "DUMP_CUT"


def test_a_command_within_a_statement_is_none_of_pg_dumps() -> None:
    with pytest.raises(DumpUnfit, match="command of psql's"):
        taken_apart(HEAD + b"SELECT 1 \\! rm\n;" + FOOT, 50)


def test_two_dumps_need_two_closing_lines() -> None:
    assert taken_apart((HEAD + b"SELECT 1;" + FOOT) * 2, 50) == [b"SELECT 1"] * 2
    with pytest.raises(DumpUnfit, match="closing line"):
        taken_apart(HEAD + b"SELECT 1;" + HEAD + FOOT, 50)


def test_a_long_quotation_is_read_once() -> None:
    """Twice the length takes about twice the time, and no more."""
    text = HEAD + b"INSERT INTO t VALUES ('" + b"x" * (32 << 20) + b"');" + FOOT
    (found,) = taken_apart(text, 1 << 16)
    assert len(found) == (32 << 20) + len("INSERT INTO t VALUES ('')")
