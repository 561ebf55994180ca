"""What a restore is made of, each part by itself: roles, layout, what it is busy with."""

from typing import Any

import pytest
import zstandard

from restoredrill.engines.postgres import roles
from restoredrill.engines.postgres.layout import arrange, extra_findings
from restoredrill.engines.postgres.tocfile import Entry, Header, Toc, parse
from restoredrill.engines.postgres.watch import FETCH, SCHEMA, Flow, Tally, Work, label
from restoredrill.errors import ArchiveCorrupt

# Roles ----------------------------------------------------------------------------------------------------

SCRIPT = rb"""--
-- Roles; with a comment
--
\restrict Ab3
SET client_encoding = 'UTF8';
CREATE ROLE "we;ird";
ALTER ROLE app WITH LOGIN PASSWORD 'SCRAM-SHA-256$4096:x;y';
COMMENT ON ROLE app IS 'it''s
\! touch /tmp/never
;';
ALTER ROLE app SET search_path TO E'a\';b';  -- ' odd
/* ; */ GRANT readers TO "we;ird" GRANTED BY postgres;
\unrestrict Ab3
SELECT $x$;$x$, $$;$$"""


def test_a_script_is_taken_apart_at_its_semicolons_only() -> None:
    assert list(roles.statements(SCRIPT)) == [
        b"SET client_encoding = 'UTF8'",
        b'CREATE ROLE "we;ird"',
        b"ALTER ROLE app WITH LOGIN PASSWORD 'SCRAM-SHA-256$4096:x;y'",
        b"COMMENT ON ROLE app IS 'it''s\n\\! touch /tmp/never\n;'",
        rb"ALTER ROLE app SET search_path TO E'a\';b'",
        b'GRANT readers TO "we;ird" GRANTED BY postgres',
        b"SELECT $x$;$x$, $$;$$",
    ]


def test_bytes_of_any_encoding_stay_as_they_are() -> None:
    assert list(roles.statements(b'CREATE ROLE "caf\xe9";\nCREATE ROLE "\xe2\x82\xac";')) == [
        b'CREATE ROLE "caf\xe9"',
        b'CREATE ROLE "\xe2\x82\xac"',
    ]


def test_a_statement_is_named_without_what_it_sets() -> None:
    named = [roles.subject(statement) for statement in roles.statements(SCRIPT)]
    assert named == [
        "SET statement",
        'role "we;ird"',
        "role app",
        "role app",
        "role app",
        'membership of "we;ird" in readers',
        "SELECT statement",
    ]


def test_packed_globals_are_unpacked_whatever_their_frame_says() -> None:
    for packed in (
        zstandard.ZstdCompressor().compress(SCRIPT),
        zstandard.ZstdCompressor(write_content_size=False).compress(SCRIPT),
    ):
        assert roles.unpacked([packed[:10], packed[10:]]) == SCRIPT


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"", "can't be decompressed"),
        (b"CREATE ROLE x;", "can't be decompressed"),
        (zstandard.ZstdCompressor().compress(SCRIPT)[:-5], "cut off"),
        (zstandard.ZstdCompressor().compress(bytes(300 << 20)), "no list of roles"),
    ],
    ids=["empty", "plain", "cut", "a bomb"],
)
def test_damaged_globals_are_an_archive_that_is_corrupt(packed: bytes, reason: str) -> None:
    with pytest.raises(ArchiveCorrupt, match=reason):
        roles.unpacked([packed])


# Layout ---------------------------------------------------------------------------------------------------


def entry(number: int, **fields: Any) -> Entry:
    plain: dict[str, Any] = {
        "dump_id": number,
        "had_dumper": False,
        "table_oid": 0,
        "oid": number,
        "tag": f"t{number}",
        "desc": "TABLE",
        "section": 2,
        "definition": "",
        "drop": "",
        "copy": "",
        "namespace": "public",
        "tablespace": "",
        "tableam": "",
        "relkind": 0,
        "owner": "postgres",
        "dependencies": (),
        "filename": "",
    }
    return Entry(**{**plain, **fields})


def contents(*entries: Entry) -> Toc:
    header = Header((1, 16, 0), 4, 8, "zstd", None, (0, 0, 0, 1, 0, 126, 0), "shop", "17.10", "17.10")
    return Toc(header, entries)


def data(number: int, table: int) -> Entry:
    return entry(
        number,
        had_dumper=True,
        tag=f"t{table}",
        desc="TABLE DATA",
        section=3,
        filename=f"{number}.dat",
        dependencies=(table,),
    )


TWO_TABLES = contents(entry(1), entry(2), data(3, 1), data(4, 2))


def test_the_largest_files_come_first_and_are_known_by_their_table() -> None:
    sizes = {"toc.dat": 9, "3.dat.zst": 10, "4.dat.zst": 500}
    layout = arrange(TWO_TABLES, sizes, {}, jobs=2, server_major=17)
    assert layout.order == (("4.dat.zst",), ("3.dat.zst",))
    assert layout.objects == {"3.dat.zst": "public.t1", "4.dat.zst": "public.t2"}
    assert layout.total_bytes == 510
    assert layout.extra == ()
    assert len(parse(layout.real["toc.dat"]).entries) == 4


def test_a_file_that_the_table_of_contents_names_has_to_be_there() -> None:
    with pytest.raises(ArchiveCorrupt, match=r"4\.dat"):
        arrange(TWO_TABLES, {"toc.dat": 9, "3.dat.zst": 10}, {}, jobs=2, server_major=17)


def test_a_file_that_nothing_names_is_a_finding() -> None:
    sizes = {"toc.dat": 9, "3.dat.zst": 10, "4.dat.zst": 500, "7.dat.zst": 3}
    (finding,) = extra_findings(arrange(TWO_TABLES, sizes, {}, jobs=2, server_major=17))
    assert (finding.rule, finding.object, finding.severity.fails) == ("FILE_EXTRA", "7.dat.zst", True)


CREATE = (
    "CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc"
    " LOCALE = 'C' TABLESPACE = \"fast; disk\";\n"
)


@pytest.mark.parametrize(
    ("major", "end"),
    [(14, "'UTF8' LOCALE = 'C';\n"), (16, "LOCALE_PROVIDER = libc LOCALE = 'C' STRATEGY = FILE_COPY;\n")],
)
def test_the_database_is_made_as_this_server_takes_it(major: int, end: str) -> None:
    made = contents(entry(1, desc="DATABASE", definition=CREATE))
    layout = arrange(made, {"toc.dat": 9}, {}, jobs=1, server_major=major)
    (database,) = parse(layout.real["toc.dat"]).entries
    assert database.definition is not None
    assert database.definition.endswith(end)


# What it is busy with -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("COPY public.orders (id, total) FROM stdin;\n", "data of public.orders"),
        ('COPY "Odd "" schema"."t.1" (a) FROM stdin;', 'data of "Odd "" schema"."t.1"'),
        ("CREATE INDEX orders_idx ON public.orders USING btree (id)", "index build of public.orders_idx"),
        ("CREATE UNIQUE INDEX u ON ONLY shop.parts USING gin (x)", "index build of shop.u"),
        (
            "ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n",
            "primary key orders_pkey of public.orders",
        ),
        (
            "ALTER TABLE ONLY public.lines\n    ADD CONSTRAINT f FOREIGN KEY (o) REFERENCES o(id)",
            "foreign key f of public.lines",
        ),
        ("REFRESH MATERIALIZED VIEW public.daily;\n", "refresh of public.daily"),
        ('<fastpath> function call: "lowrite" (OID 955)', "large objects"),
        ("CREATE DATABASE shop WITH TEMPLATE = template0", "creation of the database"),
        ("CREATE TABLE public.orders (\n  id integer\n);\n", SCHEMA),
        ("", SCHEMA),
    ],
)
def test_a_statement_is_told_by_its_objects(query: str, expected: str) -> None:
    assert label(query) == expected


def working(*labels: str, hungry: bool = False) -> tuple[Work, ...]:
    return tuple(Work(name, hungry, None) for name in labels)


def test_what_runs_alone_at_the_end_is_the_bottleneck() -> None:
    tally = Tally()
    for _ in range(10):
        tally.add(working("data of a", "index b"), 1.0, starving=False)
    for _ in range(3):
        tally.add(working("index b"), 1.0, starving=False)
    assert tally.bottleneck == "index b"


def test_waiting_for_bytes_that_have_not_come_is_the_vault() -> None:
    tally = Tally()
    tally.add(working("data of a", hungry=True), 2.0, starving=True)
    tally.add(working("data of a", hungry=True), 1.0, starving=False)
    assert tally.bottleneck == FETCH


def test_where_nothing_was_seen_there_is_no_bottleneck() -> None:
    tally = Tally()
    tally.add((), 1.0, starving=False)
    assert tally.bottleneck is None


def test_bytes_are_counted_on_both_sides() -> None:
    now = [100.0]
    flow = Flow(10_000_000, lambda: now[0])
    assert (flow.percent, flow.starving, flow.mb_per_s()) == (0.0, True, None)
    flow.handed(6_000_000)
    now[0] = 101.0
    flow.wrote("a", 2_000_000)
    assert (flow.percent, flow.starving) == (20.0, False)
    assert flow.mb_per_s() == pytest.approx(2.0)
    now[0] = 103.0
    flow.wrote("a", 8_000_000)
    assert (flow.percent, flow.starving, flow.mb_per_s()) == (100.0, False, None)
    assert (flow.first_s, flow.last_s) == (101.0, 103.0)


def test_an_archive_without_data_is_done_from_the_start() -> None:
    flow = Flow(0, lambda: 1.0)
    assert (flow.percent, flow.starving, flow.first_s) == (100.0, False, None)
