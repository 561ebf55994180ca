"""PASSED is proof (promise 1): properties that hold for every drill there could be."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoredrill.checks.ignoring import mark
from restoredrill.checks.verdict import judge
from restoredrill.known import IgnoreSpec
from restoredrill.model import CheckResult, Finding, Outcome, Severity, Verdict

NAMES = ("structure", "content", "orders are there")
RULES = ("ROWS_MISSING", "EXTENSION_VERSION")
OBJECTS = ("public.orders", "pg_trgm", "public.f(integer[])")

findings = st.builds(
    Finding,
    rule=st.sampled_from(RULES),
    severity=st.sampled_from(Severity),
    object=st.sampled_from(OBJECTS),
    message=st.just("something is wrong"),
)
results = st.builds(
    CheckResult,
    name=st.sampled_from(NAMES),
    kind=st.just("rows"),
    outcome=st.sampled_from(Outcome),
    findings=st.lists(findings, max_size=3).map(tuple),
)
entries = st.builds(
    IgnoreSpec,
    rule=st.sampled_from(RULES),
    object=st.sampled_from((*OBJECTS, "*", "public.*")),
    reason=st.just("known"),
)
drills = st.tuples(
    st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
    st.lists(results, max_size=4),
    st.lists(findings, max_size=3),
    st.lists(entries, max_size=3),
    st.sampled_from((None, "the machine was lost")),
)

Drill = tuple[list[str], list[CheckResult], list[Finding], list[IgnoreSpec], str | None]
ORDER = [Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED]


@given(drills)
def test_passed_means_planned_ran_and_passed_and_nothing_that_fails(drill: Drill) -> None:
    planned, given_results, _, _, broken = drill
    judgement = judge(*drill)
    proven = {r.name for r in judgement.checks if r.outcome is Outcome.PASSED}
    if judgement.verdict is Verdict.PASSED:
        assert planned
        assert set(planned) <= proven
        assert {r.name for r in given_results} <= proven
        assert broken is None
        assert not [f for f in judgement.findings if f.severity.fails and not f.ignored]


@given(drills)
def test_nothing_is_lost_and_ignored_findings_bear_their_reason(drill: Drill) -> None:
    _, given_results, given_findings, _, _ = drill
    judgement = judge(*drill)
    every = [*given_findings, *(f for r in given_results for f in r.findings)]
    assert [f.model_copy(update={"ignored": None}) for f in judgement.findings] == every
    assert {f.ignored for f in judgement.findings} <= {None, "known"}
    assert [r.name for r in judgement.checks] == [r.name for r in given_results]
    assert judgement.reasons


@given(drills, findings)
def test_one_more_finding_never_improves_a_verdict(drill: Drill, one_more: Finding) -> None:
    planned, given_results, given_findings, ignore, broken = drill
    before = judge(planned, given_results, given_findings, ignore, broken).verdict
    after = judge(planned, given_results, [*given_findings, one_more], ignore, broken).verdict
    assert ORDER.index(after) <= ORDER.index(before)


@given(drills, st.sampled_from(("rto", "another")))
def test_one_more_planned_check_never_makes_it_pass(drill: Drill, one_more: str) -> None:
    judgement = judge([*drill[0], one_more], *drill[1:])
    assert judgement.verdict is not Verdict.PASSED  # it did not run


@given(drills)
def test_a_failure_is_told_whatever_else_could_not_be_found_out(drill: Drill) -> None:
    planned, given_results, given_findings, ignore, broken = drill
    bad = CheckResult(name="bad", kind="sql", outcome=Outcome.FAILED, detail="3, expected == 0")
    judgement = judge(planned, [*given_results, bad], given_findings, ignore, broken)
    assert judgement.verdict is Verdict.FAILED


@given(drills)
def test_broken_off_never_passes(drill: Drill) -> None:
    assert judge(*drill[:4], "the disk was full").verdict is not Verdict.PASSED


@given(drills)
def test_without_ignoring_it_is_never_better(drill: Drill) -> None:
    planned, given_results, given_findings, _, broken = drill
    strict = judge(planned, given_results, given_findings, [], broken).verdict
    assert ORDER.index(strict) <= ORDER.index(judge(*drill).verdict)


# By example -----------------------------------------------------------------------------------------------


def result(name: str, outcome: Outcome, *found: Finding) -> CheckResult:
    return CheckResult(name=name, kind="sql", outcome=outcome, detail="the detail", findings=found)


def found(rule: str = "ROWS_MISSING", thing: str = "public.orders", severity: str = "high") -> Finding:
    return Finding(rule=rule, severity=Severity(severity), object=thing, message="2 rows are missing")


@pytest.mark.parametrize(
    ("planned", "results", "verdict", "reason"),
    [
        ((), (), "inconclusive", "nothing was planned, so nothing is proven"),
        ((), (result("a", Outcome.PASSED),), "inconclusive", "nothing was planned, so nothing is proven"),
        (("a",), (), "inconclusive", "a: did not run"),
        (("a",), (result("a", Outcome.NOT_RUN),), "inconclusive", "a: the detail"),
        (
            ("a",),
            (result("a", Outcome.PASSED), result("b", Outcome.NOT_RUN)),
            "inconclusive",
            "b: the detail",
        ),
        (("a", "a"), (result("a", Outcome.PASSED),), "inconclusive", "a: did not run"),
        (("a", "b"), (result("a", Outcome.FAILED),), "failed", "a: the detail"),
        (
            ("a",),
            (result("a", Outcome.PASSED, found()),),
            "failed",
            "ROWS_MISSING public.orders: 2 rows are missing",
        ),
        (
            ("a",),
            (result("a", Outcome.PASSED, found(severity="low")),),
            "passed",
            "all 1 checks that were planned ran and passed",
        ),
    ],
)
def test_verdicts(planned: Sequence[str], results: Sequence[CheckResult], verdict: str, reason: str) -> None:
    judgement = judge(planned, results)
    assert judgement.verdict == verdict
    assert judgement.reasons[0] == reason


def test_the_most_severe_reason_comes_first_and_not_all_are_listed() -> None:
    many = [found(thing=f"public.t{i}") for i in range(20)]
    judgement = judge(["a"], [result("a", Outcome.FAILED, *many, found(thing="worst", severity="critical"))])
    assert judgement.reasons[0].startswith("ROWS_MISSING worst")
    assert judgement.reasons[-1] == "and 11 more"


def test_a_check_passes_only_if_all_that_fails_it_is_ignored() -> None:
    known = IgnoreSpec(rule="EXTENSION_VERSION", object="pg_trgm", reason="see OPS-114")
    of_extension = found("EXTENSION_VERSION", "pg_trgm", "medium")
    alone = judge(["structure"], [result("structure", Outcome.FAILED, of_extension)], [], [known])
    assert alone.verdict is Verdict.PASSED
    assert "1 findings are ignored" in alone.reasons[0]
    assert alone.checks[0].detail == "ignored: the detail"
    assert alone.findings[0].ignored == "see OPS-114"
    both = judge(["structure"], [result("structure", Outcome.FAILED, of_extension, found())], [], [known])
    assert both.verdict is Verdict.FAILED
    unexplained = judge(["structure"], [result("structure", Outcome.FAILED)], [], [known])
    assert unexplained.verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("pattern", "thing", "fits"),
    [
        ("public.*", "public.orders", True),
        ("public.*", "(5 more)", False),
        ("*", "(5 more)", True),
        ("public.Orders", "public.orders", False),
        ("public.f(integer[])", "public.f(integer[])", True),
        ("orders", "public.orders", False),
    ],
)
def test_patterns(pattern: str, thing: str, fits: bool) -> None:
    entry = IgnoreSpec(rule="ROWS_MISSING", object=pattern, reason="known")
    (marked,) = mark([found(thing=thing)], [entry])
    assert (marked.ignored == "known") is fits
