"""The terminal form."""

import re

import pytest
from rich.cells import cell_len

from restoredrill.model import Report
from restoredrill.reports.text import as_text
from tests.reports import samples

SGR = re.compile(r"\x1b\[[0-9;]*m")
SAMPLES = {
    "passed": samples.passed(),
    "bare": samples.bare(),
    "failed": samples.failed(),
    "inconclusive": samples.inconclusive(),
} | {f"hostile {number}": samples.hostile(words) for number, words in enumerate(samples.HOSTILE)}


@pytest.mark.parametrize("width", [40, 64, 80, 133])
@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_no_line_is_wider_than_the_terminal(report: Report, width: int) -> None:
    for line in as_text(report, width=width).splitlines():
        assert cell_len(line) <= width, line


@pytest.mark.parametrize("report", SAMPLES.values(), ids=SAMPLES)
def test_no_name_can_steer_the_terminal(report: Report) -> None:
    assert all(c == "\n" or c.isprintable() or c in "\u200c\u200d" for c in as_text(report))
    coloured = as_text(report, colour=True)
    assert SGR.search(coloured)
    plain = [line.rstrip() for line in SGR.sub("", coloured).splitlines()]
    assert plain == as_text(report).splitlines()


def test_a_line_end_in_a_name_starts_no_line() -> None:
    report = samples.passed().model_copy(update={"database": "shop\n\N{HEAVY CHECK MARK} PASSED  prod"})
    assert (
        as_text(report)
        .splitlines()[0]
        .startswith(" \N{HEAVY CHECK MARK} PASSED  shop \N{HEAVY CHECK MARK} PASSED")
    )


@pytest.mark.parametrize("verdict", ["passed", "failed", "inconclusive"])
def test_the_verdict_is_the_first_word(verdict: str) -> None:
    first = as_text(SAMPLES[verdict]).splitlines()[0]
    assert first.split()[1:3] == [verdict.upper(), "shop,"]


def test_what_matters_comes_first() -> None:
    page = as_text(samples.failed())
    places = [
        "FAILED",
        "2 rows of public.orders are missing",
        "the newest order is 27 h 10 m old",
        "20260923T021500Z-7f3a",
        "RTO ",
        "RPO ",
        "LEFT OVER",
        "Time ",
        "Findings ",
        "ROWS_MISSING",
        "hint: the archive does not hold",
        "Checks ",
        "Ignored ",
        "Not proven ",
    ]
    found = [page.index(words) for words in places]
    assert found == sorted(found)


def test_figures_and_targets() -> None:
    page = as_text(samples.passed())
    assert re.search(r"RTO +2 m 02 s +of 30 m +█░+ +7 % +met", page)
    assert re.search(r"RPO +1 h 02 m +of 26 h +█░+ +4 % +met", page)
    assert "taken 2026-09-23T02:15:00Z, 45 m old when the drill began" in page
    assert re.search(r"RTO .*139 % +missed", as_text(samples.failed()))
    assert re.search(r"RTO +not measured +of 30 m", as_text(samples.inconclusive()))
    assert re.search(r"RTO +not measured +no target set", as_text(samples.bare()))


def test_bars_are_as_long_as_their_phases() -> None:
    page = as_text(samples.passed())
    bars = {line.split()[0]: line.count("█") for line in page.splitlines() if re.match(r"  \w.* % ", line)}
    assert set(bars) == {"provision", "prepare", "tables", "indexes", "verify", "checks"}
    assert bars["tables"] == max(bars.values())
    assert bars["provision"] / bars["tables"] == pytest.approx(19.4 / 58.3, abs=0.06)
    assert bars["checks"] == 1
    assert re.search(r"tables .*← slowest", page)
    assert "bottleneck: index build of orders_customer_idx" in page


def test_what_was_left_over_stands_out_and_else_stays_quiet() -> None:
    assert "vol-0c1d88a5e2f70b613" in as_text(samples.failed())
    assert "LEFT OVER" not in as_text(samples.passed())
    assert "nothing, looked at 2026-09-23T03:02:51Z" in as_text(samples.passed())


def test_an_ignored_finding_says_why_and_not_what_to_do() -> None:
    page = as_text(samples.passed())
    assert "ignored: 1.5 there, 1.6 here; see OPS-114" in page
    assert samples.IGNORED.hint not in page


def test_hundreds_of_findings_are_cut_with_a_word_and_the_worst_stay() -> None:
    findings = samples.failed().findings
    many = tuple(
        findings[0].model_copy(update={"object": f"t{number}", "message": f"{number} rows differ"})
        for number in range(300)
    )
    page = as_text(samples.failed().model_copy(update={"findings": (*many, *findings[-3:])}))
    assert "ROWS_MISSING" in page or "RTO_MISSED" in page
    assert re.search(r"and \d+ more: see report.json", page)
    assert len(page.splitlines()) < 200
    assert "more: see report.json" not in as_text(samples.failed())
