"""Configurations, reports and rows that the tests of messages share."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from restoredrill import config
from restoredrill.configuration import Loaded
from restoredrill.model import Finding, Report, Severity, Verdict, make_id
from restoredrill.records import DrillRow, Notice
from restoredrill.secret import Secret
from tests.history.samples import NOON, a_drill, at
from tests.stories.samples import report

FAILING = Finding(
    rule="CONTENT_DIFFERS",
    severity=Severity.CRITICAL,
    object="public.orders",
    message="the rows are not those that were dumped",
    hint="drill an older backup",
)


def a_report(verdict: Verdict = Verdict.FAILED, hours: float = 0, **changed: Any) -> Report:
    """Of a drill that began so many hours after noon."""
    made = report(verdict, backup=make_id(at(hours - 1), "0001")).model_copy(
        update={
            "drill": make_id(at(hours), "7f3a"),
            "started_at": at(hours),
            "finished_at": at(hours) + timedelta(minutes=2),
            "findings": (FAILING,) if verdict is Verdict.FAILED else (),
            "rto_s": 122.0,
            "rto_target_s": 1800.0,
        }
    )
    return made.model_copy(update=changed)


def a_row(verdict: Verdict, hours: float) -> DrillRow:
    """What the history has of a drill."""
    return a_drill(hours, verdict=verdict)


def a_told(key: str = "drill:1", hours: float = 0, **changed: Any) -> Notice:
    notice = Notice(
        key=key,
        database="shop",
        kind="failed",
        severity=Severity.HIGH,
        title="shop: FAILED",
        body="rows are missing",
        at=at(hours),
    )
    return notice.model_copy(update=changed)


def loaded(directory: Path, shop: str = "", service: str = "") -> Loaded:
    """One database, `shop`, with more lines in its file and in the service's."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "shop.yaml").write_text(f"vault: {{url: 'file:///var/backups/shop'}}\ndrill: {{}}\n{shop}")
    if service:
        (directory / "_service.yaml").write_text(service)
    return Loaded(config.load(directory), config.service(directory), NOON)


def revealing(**values: str) -> Any:
    """Looks references up in these, as if they were the environment."""

    def reveal(reference: str, where: str) -> Secret:
        return config.resolve(reference, where, values)

    return reveal
