"""What two fingerprints that differ are said to differ in, and what can't be compared."""

from datetime import UTC, datetime

import pytest

from restoredrill.checks import compare
from restoredrill.checks.fingerprint import compare as of_backup
from restoredrill.checks.fingerprint import content, structure
from restoredrill.engines.postgres import tables
from restoredrill.model import (
    Finding,
    Fingerprint,
    FingerprintLevel,
    Manifest,
    Outcome,
    ServerFacts,
    Severity,
    TableFingerprint,
)

CONTENT, ROWS = FingerprintLevel.CONTENT, FingerprintLevel.ROWS

Objects = dict[str, dict[str, str]]


def taken(
    *known: tuple[str, int, str | None],
    level: FingerprintLevel = CONTENT,
    algorithm: str = "pg-row-chain/1",
    version_num: int = 170010,
    sequences: dict[str, str] | None = None,
    objects: Objects | None = None,
) -> Fingerprint:
    return Fingerprint(
        level=level,
        algorithm=algorithm,
        version_num=version_num,
        tables=tuple(TableFingerprint(table=t, rows=rows, digest=digest) for t, rows, digest in known),
        sequences=sequences or {},
        objects=objects or {},
    )


def told(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{f.rule} {f.object}: {f.message}" for f in findings]


ORDERS = ("public.orders", 3, "aa")


@pytest.mark.parametrize(
    ("here", "finding"),
    [
        (("public.orders", 2, "bb"), "ROWS_MISSING public.orders: 1 of 3 rows are missing"),
        (("public.orders", 4, "bb"), "ROWS_EXTRA public.orders: 4 rows where the source had 3"),
        (
            ("public.orders", 3, "bb"),
            "CONTENT_DIFFERS public.orders: 3 rows as on the source, but not the same ones",
        ),
        (
            ("public.order", 0, "0"),
            "ROWS_MISSING public.orders: all 3 rows are missing: the table is not there",
        ),
    ],
)
def test_rows(here: tuple[str, int, str], finding: str) -> None:
    result = content(taken(ORDERS), taken(here))
    assert told(result.findings) == [finding]
    assert result.outcome is Outcome.FAILED
    assert content(taken(ORDERS), taken(ORDERS)).outcome is Outcome.PASSED


def test_rows_of_a_table_that_the_source_did_not_have() -> None:
    result = content(taken(ORDERS), taken(ORDERS, ("public.new", 1, "cc"), ("public.empty", 0, "0")))
    assert told(result.findings) == ["ROWS_EXTRA public.new: 1 row in a table that the source did not have"]


def test_large_objects_are_called_so() -> None:
    there, here = ((compare.LARGE_OBJECTS, count, "aa") for count in (5, 3))
    (finding,) = content(taken(there), taken(here)).findings
    assert finding.message == "2 of 5 large objects are missing"


def test_rows_that_were_only_counted_say_so() -> None:
    counted = taken(("public.orders", 3, None), level=ROWS)
    result = content(counted, counted)
    assert (result.name, result.outcome) == ("rows", Outcome.PASSED)
    assert "not compared" in result.detail


@pytest.mark.parametrize(
    ("there", "here"),
    [
        (taken(ORDERS), taken(ORDERS, algorithm="pg-row-chain/2")),
        (taken(ORDERS), taken(("public.orders", 3, None))),
        (taken(("public.orders", 3, None)), taken(ORDERS)),
        (taken(), taken(ORDERS)),
        (taken(ORDERS), taken(("public.orders", 3, None), level=ROWS)),
    ],
)
def test_what_can_not_be_compared_did_not_run(there: Fingerprint, here: Fingerprint) -> None:
    result = content(there, here)
    assert result.outcome in (Outcome.NOT_RUN, Outcome.FAILED)
    assert result.outcome is Outcome.FAILED or result.detail


def test_what_can_not_be_compared_can_still_be_too_few() -> None:
    result = content(taken(ORDERS), taken(("public.orders", 2, "aa"), algorithm="pg-row-chain/2"))
    assert result.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("there", "here", "finding"),
    [
        ("10,true", "10,true", None),
        ("10,true", "9,true", "SEQUENCE_DIFFERS"),
        ("10,true", "10,false", "SEQUENCE_DIFFERS"),
        ("1,false", "1,true", "SEQUENCE_AHEAD"),
        ("9,true", "10,true", "SEQUENCE_AHEAD"),
        ("-5,false", "-6,true", "SEQUENCE_DIFFERS"),
    ],
)
def test_sequences(there: str, here: str, finding: str | None) -> None:
    stood, stands = taken(ORDERS, sequences={"s": there}), taken(ORDERS, sequences={"s": here})
    result = content(stood, stands)
    assert [f.rule for f in result.findings] == ([finding] if finding else [])
    assert (result.outcome is Outcome.FAILED) == (finding == "SEQUENCE_DIFFERS")


# Objects --------------------------------------------------------------------------------------------------

THERE: Objects = {
    "table": {"public.orders": "1", 'public."select"': "2"},
    "column": {"public.orders.id": "1", "public.orders.x": "2", 'public."select".a': "3"},
    "index": {"public.orders_x": "1"},
    "grant": {"table public.orders to app": "1", "column public.orders.x to app": "2"},
    "owner": {"table public.orders": "shop", "index public.orders_x": "shop"},
    "comment": {"table public.orders": "1"},
    "extension": {"pg_trgm": "1.5"},
    "database": {"encoding": "UTF8"},
}


def without(kind: str, name: str) -> Objects:
    return {**THERE, kind: {known: value for known, value in THERE[kind].items() if known != name}}


def test_what_belongs_to_a_missing_table_is_no_news() -> None:
    here = {kind: {k: v for k, v in known.items() if "orders" not in k} for kind, known in THERE.items()}
    result = structure(taken(objects=THERE), taken(objects=here))
    assert [f"{f.rule} {f.object}" for f in result.findings] == [
        "TABLE_MISSING public.orders",
        "OBJECT_MISSING public.orders_x",
    ]
    assert result.detail == "table public.orders is not there, and 1 more"


def test_a_column_alone_is() -> None:
    result = structure(taken(objects=THERE), taken(objects=without("column", "public.orders.x")))
    assert told(result.findings) == ["OBJECT_MISSING public.orders.x: column public.orders.x is not there"]


@pytest.mark.parametrize(
    ("kind", "name", "value", "finding"),
    [
        ("index", "public.orders_x", "9", "OBJECT_DIFFERS public.orders_x"),
        ("owner", "table public.orders", "other", "OWNER_DIFFERS table public.orders"),
        ("grant", "table public.orders to app", "9", "GRANT_DIFFERS table public.orders to app"),
        ("comment", "table public.orders", "9", "COMMENT_DIFFERS table public.orders"),
        ("extension", "pg_trgm", "1.6", "EXTENSION_VERSION pg_trgm"),
        ("database", "encoding", "LATIN1", "DATABASE_DIFFERS encoding"),
        ("table", "public.new", "1", "TABLE_EXTRA public.new"),
        ("index", "public.new", "1", "OBJECT_EXTRA public.new"),
        ("grant", "table public.orders to you", "1", "GRANT_EXTRA table public.orders to you"),
        ("comment", "index public.orders_x", "1", None),
    ],
)
def test_objects(kind: str, name: str, value: str, finding: str | None) -> None:
    here = {k: dict(known) for k, known in THERE.items()}
    here[kind][name] = value
    result = structure(taken(objects=THERE), taken(objects=here))
    assert [f"{f.rule} {f.object}" for f in result.findings] == ([finding] if finding else [])
    fails = any(f.severity.fails for f in result.findings)
    assert result.outcome is (Outcome.FAILED if fails else Outcome.PASSED)


def test_versions_are_told() -> None:
    here = {**THERE, "extension": {"pg_trgm": "1.6"}}
    (finding,) = structure(taken(objects=THERE), taken(objects=here)).findings
    assert finding.message == "extension pg_trgm has version 1.5 on the source, 1.6 here"


def test_another_major_is_compared_by_name_and_the_report_says_so() -> None:
    there = taken(objects=THERE)
    here = {kind: dict.fromkeys(known, "9") for kind, known in THERE.items()}
    here["table"] = {"public.orders": "9", "public.select": "9"}  # not quoted there
    here["column"] = {**THERE["column"], "public.select.a": "9"}
    del here["column"]['public."select".a']
    here["owner"], here["database"] = THERE["owner"], {"encoding": "UTF8", "locale": "C"}
    here["not-null constraint"] = {"public.orders.nn": "1"}
    result = structure(there, taken(version_num=180000, objects=here))
    assert [(f.rule, f.severity) for f in result.findings] == [("NAMES_ONLY", Severity.INFO)]
    assert result.outcome is Outcome.PASSED
    here["owner"] = {**THERE["owner"], "table public.orders": "other"}
    del here["index"]["public.orders_x"]
    rules = {f.rule for f in structure(there, taken(version_num=180000, objects=here)).findings}
    assert rules == {"NAMES_ONLY", "OWNER_DIFFERS", "OBJECT_MISSING"}


def test_without_a_list_of_objects_structure_did_not_run() -> None:
    assert structure(taken(ORDERS), taken(objects=THERE)).outcome is Outcome.NOT_RUN
    assert structure(taken(objects=THERE), taken(ORDERS)).outcome is Outcome.NOT_RUN


def test_many_findings_are_counted_and_not_listed() -> None:
    there = taken(objects={"table": {f"public.t{i}": "1" for i in range(140)}, "index": {"public.i": "1"}})
    findings = structure(there, taken(objects={"table": {"public.x": "1"}, "index": {}})).findings
    missing = [f for f in findings if f.rule == "TABLE_MISSING"]
    assert len(missing) == compare.LISTED_AT_MOST + 1
    assert missing[-1].object == "(120 more)"
    assert missing[-1].severity is Severity.CRITICAL
    assert {f.rule for f in findings} == {"TABLE_MISSING", "TABLE_EXTRA", "OBJECT_MISSING"}


# Of a backup ----------------------------------------------------------------------------------------------


def manifest(fingerprint: Fingerprint) -> Manifest:
    facts = ServerFacts(
        version="17.10",
        version_num=170010,
        database="shop",
        encoding="UTF8",
        collate="C",
        ctype="C",
        size_bytes=1,
    )
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Manifest(
        id="20260301T000000Z-abcd",
        database="shop",
        started_at=at,
        taken_at=at,
        finished_at=at,
        server=facts,
        client_version="17.10",
        files=(),
        fingerprint=fingerprint,
        made_by="tests",
    )


@pytest.mark.parametrize(
    ("level", "names"), [(CONTENT, ["structure", "content"]), (ROWS, ["structure", "rows"])]
)
def test_a_backup_is_compared_as_far_as_its_fingerprint_goes(
    level: FingerprintLevel, names: list[str]
) -> None:
    there = taken(ORDERS, level=level, objects=THERE)
    results = of_backup(manifest(there), there)
    assert [r.name for r in results] == names
    assert {r.outcome for r in results} == {Outcome.PASSED}


def test_without_a_fingerprint_there_is_no_result() -> None:
    nothing = Fingerprint(level=FingerprintLevel.NONE, algorithm="pg-row-chain/1")
    assert of_backup(manifest(nothing), taken(ORDERS, objects=THERE)) == ()


def test_a_fingerprint_that_does_not_say_its_major_has_that_of_its_server() -> None:
    there = taken(ORDERS, version_num=0, objects=THERE)
    changed = taken(ORDERS, objects={**THERE, "index": {"public.orders_x": "9"}})
    assert [f.rule for f in of_backup(manifest(there), changed)[0].findings] == ["OBJECT_DIFFERS"]


def test_large_objects_have_one_name() -> None:
    assert compare.LARGE_OBJECTS == tables.LARGE_OBJECTS


def test_an_index_that_is_not_valid_on_the_source_is_not_in_the_dump() -> None:
    there = {"table": {"public.orders": "x"}, "invalid index": {"public.orders_key": ""}}
    here: Objects = {"table": {"public.orders": "x"}, "invalid index": {}}
    result = structure(taken(objects=there), taken(objects=here))
    assert [(f.rule, f.object) for f in result.findings] == [("INDEX_INVALID", "public.orders_key")]
    assert "a dump leaves it out" in result.findings[0].message
    assert structure(taken(objects=there), taken(objects=there)).findings == ()


def test_a_backup_of_nothing_is_no_good_one() -> None:
    """Promise 1: a success on nothing proves nothing."""
    nothing: Objects = {"schema": {"public": "x"}, "table": {}, "database": {"encoding": "UTF8"}}
    result = structure(taken(objects=nothing), taken(objects=nothing))
    assert (result.outcome, [f.rule for f in result.findings]) == (Outcome.FAILED, ["DATABASE_EMPTY"])
    views: Objects = {**nothing, "function": {"public.f()": "x"}}
    assert structure(taken(objects=views), taken(objects=views)).outcome is Outcome.PASSED
