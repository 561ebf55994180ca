"""What all forms share: figures, escaping, order and sentences."""

import doctest
import math
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoredrill.model import CheckResult, Cost, Finding, MachineFacts, Outcome, Phase, Severity, Verdict
from restoredrill.reports import escaping, markdown, reading, text, units
from restoredrill.reports.reading import Standing
from tests.reports import samples


@pytest.mark.parametrize("name", ["units", "escaping", "markdown", "text"])
def test_examples_in_docstrings(name: str) -> None:
    module = __import__(f"restoredrill.reports.{name}", fromlist=["_"])
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (119.6, "2 m"),
        (3599.6, "1 h"),
        (172_799, "2 d"),
        (-5, "\N{MINUS SIGN}5.0 s"),
        (math.inf, "unknown"),
        (math.nan, "unknown"),
    ],
)
def test_a_duration_carries_over(seconds: float, words: str) -> None:
    assert units.duration(seconds) == words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(999, "999 B"), (9_949, "9.9 kB"), (9_960, "10 kB"), (3e15, "3.0 PB"), (5e18, "5,000.0 PB")],
)
def test_a_size_carries_over(size_bytes: float, words: str) -> None:
    assert units.size(size_bytes) == words


def test_no_rate_where_nothing_moved() -> None:
    assert units.rate(1_290_000_000, 93.1) == "14 MB/s"
    assert units.rate(0, 5) is None
    assert units.rate(5, 0) is None


@given(st.text(alphabet=st.characters(exclude_categories=[])))
@settings(deadline=None)
def test_nothing_invisible_or_steering_is_left(words: str) -> None:
    for shown in (escaping.visible(words), escaping.visible(words, keep_newlines=True).replace("\n", "")):
        assert not {unicodedata.category(c) for c in shown if c not in escaping.JOINERS} & {
            "Cc",
            "Cf",
            "Cs",
            "Zl",
            "Zp",
        }
        shown.encode()  # no lone surrogate


def test_letters_of_every_script_stay() -> None:
    for words in ("שלום עולם مرحبا", "👩‍👩‍👧‍👦 日本語", "naïve Straße"):
        assert escaping.visible(words) == words
    assert escaping.visible("a\u202eb\x1bc\x9bd\u2028") == r"a\u202eb\x1bc\x9bd\u2028"
    assert escaping.visible("a\r\nb\tc") == "a b c"
    assert escaping.visible("a\r\nb", keep_newlines=True) == "a\nb"


def test_a_planned_check_without_a_result_is_shown_as_not_run() -> None:
    report = samples.passed().model_copy(update={"planned": ("archive", "twice", "twice"), "checks": ()})
    shown = reading.checks_to_show(report)
    assert [check.name for check in shown] == ["archive", "twice", "twice"]
    assert {check.outcome for check in shown} == {Outcome.NOT_RUN}
    assert reading.check_tally(report) == "3 planned: 3 not run"
    assert len(reading.checks_to_show(samples.passed())) == len(samples.CHECKS)  # quiet where all ran


def test_trouble_comes_first() -> None:
    outcomes = [check.outcome for check in reading.checks_to_show(samples.failed())]
    assert outcomes == sorted(outcomes, key=reading.TROUBLE_FIRST.index)
    assert outcomes[0] is Outcome.FAILED
    severities = [trouble.severity for trouble in reading.troubles(samples.failed().findings)]
    assert severities[0] is Severity.CRITICAL
    assert severities == sorted(severities, key=list(Severity).index, reverse=True)


def test_findings_that_say_the_same_are_told_once() -> None:
    troubles = reading.troubles(samples.failed(findings=31).findings)
    many = [trouble for trouble in troubles if len(trouble.objects) > 1]
    assert [(trouble.rule, len(trouble.objects)) for trouble in many] == [("CONTENT_DIFFERS", 28)]
    assert reading.objects(many[0], 2) == "log.access_2026_01, log.access_2026_02 and 26 more"
    assert sum(len(trouble.objects) for trouble in troubles) == len(samples.failed(findings=31).findings)


def test_an_ignored_finding_is_told_apart() -> None:
    report = samples.failed()
    assert reading.ignored_findings(report) == (samples.IGNORED,)
    assert samples.IGNORED not in reading.open_findings(report)


def test_headline() -> None:
    passed, failed = samples.passed(), samples.failed()
    assert (
        reading.headline(passed) == "Restored from the vault and usable after 2 m 02 s; all 10 checks passed."
    )
    assert reading.headline(failed) == failed.reasons[0]
    assert reading.more_reasons(failed) == failed.reasons[1:]
    assert reading.headline(samples.inconclusive()).startswith("restore shop: no room left")


def test_headline_without_reasons() -> None:
    def say(**changes: object) -> str:
        return reading.headline(samples.bare().model_copy(update=changes))

    assert say() == "Restored from the vault; no check was planned."
    assert "could not find out" in say(verdict=Verdict.INCONCLUSIVE)
    assert say(verdict=Verdict.FAILED) == "The backup failed its drill."
    bad = CheckResult(name="orders", kind="rows", outcome=Outcome.FAILED)
    assert say(verdict=Verdict.FAILED, checks=(bad,)) == "The backup failed its drill: orders"
    finding = Finding(rule="ROWS_MISSING", severity=Severity.HIGH, object="t", message="")
    assert say(verdict=Verdict.FAILED, findings=(finding,)) == "The backup failed its drill: ROWS_MISSING t"


def test_standing_against_a_target() -> None:
    def stand(actual_s: float | None, target_s: float | None) -> Standing:
        return reading.Objective("RTO", "", actual_s, target_s).standing

    assert stand(10, 10) is Standing.MET
    assert stand(10.1, 10) is Standing.MISSED
    assert stand(None, 10) is Standing.UNKNOWN
    assert stand(10, None) is Standing.NO_TARGET
    assert reading.Objective("RTO", "", 5, 0).used is None  # no share of nothing


def test_phases_follow_one_another_and_one_is_slowest() -> None:
    stretches = reading.stretches(samples.passed())
    assert [stretch.name for stretch in stretches if stretch.slowest] == ["tables"]
    assert sum(stretch.share for stretch in stretches) == pytest.approx(1)
    assert stretches[2].start_s == pytest.approx(21.0)
    still = samples.passed().model_copy(
        update={"phases": (Phase(name="a", seconds=0), Phase(name="b", seconds=0))}
    )
    assert not any(stretch.slowest for stretch in reading.stretches(still))


def test_leftovers_are_never_claimed_away_without_a_look() -> None:
    def say(**changes: object) -> str:
        machine = MachineFacts(provider="local", id="x").model_copy(update=changes)
        return reading.leftovers_sentence(samples.passed().model_copy(update={"machine": machine}))

    assert say() == "not looked for yet"
    assert say(swept_at=samples.STARTED) == "nothing, looked at 2026-09-23T03:00:00Z"
    assert say(swept_at=samples.STARTED, leftovers=("vol-1",)).startswith("1 not gone")
    assert say(url="postgresql:///shop").startswith("kept running on purpose")


def test_money() -> None:
    dear = samples.passed()
    assert reading.spent(dear) == "0.0110 USD of 0.0120 USD estimated (92 %)"
    assert reading.spent_on(dear) == (
        "instance 0.0093 USD, volume 0.0012 USD, requests 0.0005 USD, transfer 0 USD; "
        "prices: pricing API, 2026-09-23"
    )
    assert reading.spent(samples.bare()) is None
    assert reading.spent_on(samples.bare()) is None


def test_money_without_an_estimate_or_without_parts() -> None:
    spent = samples.bare().model_copy(update={"cost": Cost(amount=1.5)})
    assert reading.spent(spent) == "1.50 USD, not estimated"
    assert reading.spent_on(spent) is None
    nothing_yet = samples.bare().model_copy(update={"cost": Cost(estimate=0.2)})
    assert reading.spent(nothing_yet) == "0 USD of 0.20 USD estimated"


def test_the_machine_and_how_it_came_to_life() -> None:
    report = samples.passed()
    assert reading.machine_sentence(report) == "ec2 i-0f3a91c27be4d8810 (m7i.large, spot, eu-central-1b)"
    assert reading.boot_sentence(report) == (
        "first word 17.8 s after the call that started it; "
        "the last of 2 machines that were started for this drill"
    )
    assert reading.boot_sentence(samples.bare()) is None


def test_bar_shows_something_for_something() -> None:
    assert text.bar(0.0001, 10).count("\N{FULL BLOCK}") == 1
    assert text.bar(0, 10).count("\N{FULL BLOCK}") == 0
    assert len(text.bar(7, 10)) == 10


def test_escape_is_quiet_on_plain_words() -> None:
    for words in ("public.orders_customer_idx", "1.3 GB, from PostgreSQL 17.10", "20260923T021500Z-7f3a"):
        assert markdown.escape(words) == words
