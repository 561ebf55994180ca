"""report.json: the form that all others are made from."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restoredrill.model import (
    BackupFacts,
    CheckResult,
    Cost,
    Finding,
    MachineFacts,
    Outcome,
    Phase,
    Report,
    Severity,
    Verdict,
)
from restoredrill.reports.forms import FORMS
from tests.reports import samples

WORDS = st.text(max_size=30)
SECONDS = st.floats(min_value=0, max_value=1e9)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone beside it
FINDINGS = st.builds(
    Finding,
    rule=st.from_regex(r"[A-Z][A-Z0-9_]{1,12}", fullmatch=True),
    severity=st.sampled_from(Severity),
    object=WORDS,
    message=WORDS,
    hint=WORDS,
    ignored=st.none() | WORDS,
)
CHECKS = st.builds(
    CheckResult,
    name=WORDS,
    kind=WORDS,
    outcome=st.sampled_from(Outcome),
    detail=WORDS,
    seconds=SECONDS,
    findings=st.just(()),
)
REPORTS = st.builds(
    Report,
    schema=st.just("restoredrill.report/1"),
    drill=WORDS,
    database=WORDS,
    verdict=st.sampled_from(Verdict),
    reasons=st.lists(WORDS, max_size=3).map(tuple),
    backup=st.none()
    | st.builds(
        BackupFacts,
        id=WORDS,
        taken_at=MOMENTS,
        age_s=SECONDS,
        bytes=st.integers(0, 2**50),
        server_version=WORDS,
    ),
    machine=st.builds(
        MachineFacts,
        provider=WORDS,
        id=WORDS,
        type=WORDS,
        leftovers=st.lists(WORDS, max_size=2).map(tuple),
        swept_at=st.none() | MOMENTS,
        url=st.none() | WORDS,
    ),
    phases=st.lists(
        st.builds(Phase, name=WORDS, seconds=SECONDS, bytes=st.none() | st.integers(0, 2**50)), max_size=4
    ).map(tuple),
    rto_s=st.none() | SECONDS,
    rto_target_s=st.none() | SECONDS,
    rpo_s=st.none() | SECONDS,
    rpo_target_s=st.none() | SECONDS,
    bottleneck=st.none() | WORDS,
    planned=st.lists(WORDS, max_size=3).map(tuple),
    checks=st.lists(CHECKS, max_size=4).map(tuple),
    findings=st.lists(FINDINGS, max_size=4).map(tuple),
    not_proven=st.lists(WORDS, max_size=2).map(tuple),
    cost=st.builds(Cost, currency=WORDS, amount=SECONDS, estimate=SECONDS),
    started_at=MOMENTS,
    finished_at=MOMENTS,
    made_by=WORDS,
)

DESIGN_8: dict[str, set[str]] = {
    "": {
        *("schema", "drill", "database", "verdict", "backup", "machine", "phases", "rto_s", "rto_target_s"),
        *("rpo_s", "rpo_target_s", "bottleneck", "checks", "findings", "cost", "started_at", "finished_at"),
    },
    "backup": {"id", "taken_at", "age_s", "bytes", "server_version"},
    "machine": {"provider", "id", "type", "leftovers"},
    "phases": {"name", "seconds"},
    "checks": {"name", "kind", "outcome", "detail", "seconds"},
    "findings": {"rule", "severity", "object", "message", "hint"},
    "cost": {"currency", "amount", "estimate"},
}


def test_the_keys_that_the_design_promises() -> None:
    document = json.loads(samples.failed().to_json())
    for place, keys in DESIGN_8.items():
        part = document[place] if place else document
        for item in part if isinstance(part, list) else [part]:
            assert keys <= item.keys(), place
    assert document["schema"] == "restoredrill.report/1"
    assert document["verdict"] == "failed"
    assert document["started_at"] == "2026-09-23T03:00:00Z"


def test_findings_stand_once_in_the_document() -> None:
    finding = samples.IGNORED
    check = CheckResult(name="x", kind="rows", outcome=Outcome.FAILED, findings=(finding,))
    document = json.loads(samples.bare().model_copy(update={"checks": (check,)}).to_json())
    assert "findings" not in document["checks"][0]


@given(REPORTS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_report_comes_back_from_json_as_it_was(report: Report) -> None:
    assert Report.model_validate_json(report.to_json()) == report


@given(REPORTS)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_every_form_takes_every_report(report: Report) -> None:
    for name, form in FORMS.items():
        assert form(report).strip(), name


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_form_is_the_same_each_time_it_is_made(name: str) -> None:
    report = samples.failed()
    assert FORMS[name](report) == FORMS[name](Report.model_validate_json(report.to_json()))


def test_what_a_later_version_adds_is_ignored() -> None:
    document = json.loads(samples.passed().to_json()) | {"moon": "full"}
    assert Report.model_validate_json(json.dumps(document)) == samples.passed()
