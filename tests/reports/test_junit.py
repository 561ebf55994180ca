"""The form for build servers, held against the rules of the two schemas that they check."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoredrill.model import CheckResult, Outcome, Report
from restoredrill.reports.escaping import visible
from restoredrill.reports.junit import as_junit
from tests.reports import samples

SUITE = {"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"}
SAMPLES = {
    "passed": samples.passed(),
    "bare": samples.bare(),
    "failed": samples.failed(),
    "inconclusive": samples.inconclusive(),
} | {f"hostile {number}": samples.hostile(words) for number, words in enumerate(samples.HOSTILE)}


def suite_of(report: Report) -> ET.Element:
    root = ET.fromstring(as_junit(report).encode())  # noqa: S314 - our own output
    assert root.tag == "testsuites"
    assert not root.attrib  # the Ant schema has none
    (suite,) = root
    return suite


def token(words: str | None) -> bool:
    return words is not None and words != "" and words == " ".join(words.split())


@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_rules_of_the_schemas(report: Report) -> None:
    suite = suite_of(report)
    assert set(suite.attrib) == SUITE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    assert all(token(suite.attrib[name]) for name in ("name", "package", "hostname"))
    tags = [child.tag for child in suite]
    assert tags == ["properties", *["testcase"] * (len(tags) - 3), "system-out", "system-err"]
    for entry in suite[0]:
        assert entry.tag == "property"
        assert set(entry.attrib) == {"name", "value"}
        assert token(entry.attrib["name"])
    for case in suite.iter("testcase"):
        assert set(case.attrib) == {"name", "classname", "time"}
        assert token(case.attrib["name"])
        assert token(case.attrib["classname"])
        assert re.fullmatch(r"\d+\.\d{3}", case.attrib["time"])
        assert len(case) <= 1
        for result in case:
            assert result.tag in ("failure", "error", "skipped")
            assert set(result.attrib) == ({"message"} if result.tag == "skipped" else {"message", "type"})


@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_counts_are_those_of_the_cases(report: Report) -> None:
    suite = suite_of(report)
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}")), attribute


def results(report: Report) -> dict[str, str]:
    cases = suite_of(report).iter("testcase")
    return {case.attrib["name"]: case[0].tag if len(case) else "passed" for case in cases}


def test_a_case_a_check() -> None:
    found = results(samples.failed())
    assert found["verdict"] == "failure"
    assert found["content"] == "failure"
    assert found["the app starts"] == "skipped"
    assert found["structure"] == "passed"
    assert len(found) == 1 + len(samples.CHECKS)
    assert set(results(samples.passed()).values()) == {"passed"}


def test_no_build_turns_green_on_what_could_not_be_found_out() -> None:
    found = results(samples.inconclusive())
    assert found.pop("verdict") == "error"
    assert set(found.values()) == {"skipped"}


def test_a_verdict_can_fail_without_a_check_that_failed() -> None:
    report = samples.failed().model_copy(update={"checks": (), "planned": ()})
    assert results(report) == {"verdict": "failure"}


def test_findings_are_in_the_output_each_with_its_hint() -> None:
    suite = suite_of(samples.failed())
    out = suite.findtext("system-out") or ""
    assert "critical ROWS_MISSING public.orders: 1,204,880 rows" in out
    assert "hint: the archive does not hold" in out
    assert "ignored: 1.5 there, 1.6 here; see OPS-114" in out
    assert out.count("CONTENT_DIFFERS") == 28
    assert "vol-0c1d88a5e2f70b613" in (suite.findtext("system-err") or "")


@given(st.text(alphabet=st.characters(exclude_categories=[])))
@settings(deadline=None, max_examples=100)
def test_any_words_make_valid_xml_and_can_be_read_back(words: str) -> None:
    check = CheckResult(name=words, kind=words, outcome=Outcome.FAILED, detail=words)
    report = samples.bare().model_copy(update={"checks": (check,)})
    case = suite_of(report).findall("testcase")[1]
    assert case.attrib["name"] == (" ".join(visible(words).split()) or "unnamed")
    assert (case[0].text or "") == visible(words, keep_newlines=True)
