"""What Prometheus is told: judged by promtool, read back by a parser, asked for by rules and dashboard."""

import json
import re
import shutil
import subprocess
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from restoredrill import config
from restoredrill.configuration import Loaded
from restoredrill.metrics.prometheus import Look, render, write
from restoredrill.model import Lease, Severity, Verdict
from restoredrill.records import TaskState
from restoredrill.service_settings import ServiceSettings
from restoredrill.standing import standing
from tests.history.samples import NOON, a_backup, a_drill, a_task, an_alarm, an_id, at
from tests.plugins.requirements import missing

FILE = 'vault: {url: "file:///v"}\ndrill: {}\n'
RULES = resources.files("restoredrill.metrics").joinpath("alerts.yaml")
DASHBOARD = resources.files("restoredrill.metrics").joinpath("dashboard.json")


def look(**changed: Any) -> Look:
    """Two databases: one as it should be, one of which nothing is known."""
    databases = {name: config.parse(FILE, name, f"{name}.yaml") for name in ("shop", "crm.new")}
    service = ServiceSettings.model_validate({"limits": {"usd_per_month": 20}})
    drills = [a_drill(-1, backup=an_id(-2), usd=0.25), a_drill(-25, verdict=Verdict.FAILED)]
    known: dict[str, Any] = {
        "loaded": Loaded(databases, service, NOON),
        "now": NOON,
        "standings": {"shop": standing("shop", drills, [a_backup(-2), a_backup(-3)], NOON)},
        "verdicts": {("shop", Verdict.PASSED): 41, ("shop", Verdict.FAILED): 1},
        "open_tasks": [a_task(-1), a_task(-2, "0002", state=TaskState.RUNNING)],
        "alarms": [an_alarm()],
        "spent_usd": 1.5,
        "leads": True,
        "ticked_at": at(-0.001),
    }
    return Look(**{**known, **changed})


def samples(given: Look) -> dict[tuple[str, ...], float]:
    """By name and label values, in the labels' order."""
    text = render(given)[0].decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def promtool(*words: str | Path, stdin: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    found = shutil.which("promtool")
    if found is None:
        missing("no promtool: Debian's package prometheus has it")
    return subprocess.run([found, *words], input=stdin, capture_output=True, timeout=120, check=False)


def test_what_is_known_is_told_and_what_is_not_is_left_out() -> None:
    found = samples(look())
    assert found["restoredrill_database_proven", "shop"] == 1
    assert found["restoredrill_database_proven", "crm.new"] == 0
    assert found["restoredrill_last_pass_timestamp_seconds", "shop"] == a_drill(-1).finished_at.timestamp()
    assert ("restoredrill_last_pass_timestamp_seconds", "crm.new") not in found
    assert found["restoredrill_last_drill_verdict", "shop", "passed"] == 1
    assert found["restoredrill_last_drill_verdict", "shop", "failed"] == 0
    assert found["restoredrill_drills", "shop", "passed"] == 41
    assert found["restoredrill_drill_phase_seconds", "shop", "restore"] == 1.5
    assert found["restoredrill_rpo_target_seconds", "shop"] == 3600
    assert ("restoredrill_rto_target_seconds", "shop") not in found
    assert (found["restoredrill_backups", "shop"], found["restoredrill_backups_verified", "shop"]) == (2, 1)
    assert found["restoredrill_drill_cost_usd", "shop"] == 0.25
    assert found["restoredrill_tasks", "drill", "waiting"] == 1
    assert found["restoredrill_tasks", "backup", "running"] == 0
    assert found["restoredrill_oldest_waiting_task_timestamp_seconds",] == at(-1).timestamp()
    assert found["restoredrill_month_spent_usd",] == 1.5
    assert found["restoredrill_alarms", an_alarm().severity.value] == 1


def test_leases_leaks_and_files_that_are_no_good() -> None:
    lease = Lease(
        machine="i-0a",
        provider="ec2",
        drill=an_id(),
        database="shop",
        started_at=at(-2),
        expires_at=NOON - timedelta(seconds=1),
    )
    other = lease.model_copy(update={"machine": "i-0b", "expires_at": at(1)})
    loaded = look().loaded
    broken = Loaded(loaded.databases, loaded.service, NOON, problem=Exception("x"))  # type: ignore[arg-type]
    found = samples(look(leases=[lease, other], loaded=broken))
    assert (found["restoredrill_leases",], found["restoredrill_leases_overdue",]) == (2, 1)
    assert found["restoredrill_configuration_valid",] == 0
    assert samples(look())["restoredrill_configuration_valid",] == 1


def test_promtool_finds_nothing_to_say() -> None:
    done = promtool("check", "metrics", stdin=render(look())[0])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    bad = promtool("check", "metrics", stdin=b"# TYPE drill_ms counter\ndrill_ms 1\n")
    assert bad.returncode != 0, "it would"


def test_whoever_asks_for_openmetrics_gets_it() -> None:
    body, content_type = render(look(), "application/openmetrics-text; version=1.0.0")
    assert "openmetrics" in content_type
    assert body.endswith(b"# EOF\n")
    assert render(look())[1].startswith("text/plain")


def test_the_textfile_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "restoredrill.prom"
    write(look(), path)
    assert path.read_bytes() == render(look())[0]
    assert path.stat().st_mode & 0o777 == 0o644
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError, match="there"):
        write(look(), tmp_path / "there")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["restoredrill.prom", "there"]


# Alert rules ------------------------------------------------------------------------------------------------

_SHOP = '{database="shop"}'
STILL, GOES_ON = (
    "0x500",
    "0+600x500",
)  # a sample each ten minutes: a time that stands still, and one that does not


def always(number: int) -> str:
    return f"{number}x500"


# Of each rule: series that make it ring after a while, and the same ones as they should be.
RINGING = {
    "RestoredrillDown": (
        {"restoredrill_last_tick_timestamp_seconds": STILL},
        {"restoredrill_last_tick_timestamp_seconds": GOES_ON},
    ),
    "RestoredrillDrillFailed": (
        {'restoredrill_last_drill_verdict{database="shop",verdict="failed"}': always(1)},
        {'restoredrill_last_drill_verdict{database="shop",verdict="failed"}': always(0)},
    ),
    "RestoredrillNotProven": (
        {f"restoredrill_last_pass_timestamp_seconds{_SHOP}": STILL},
        {f"restoredrill_last_pass_timestamp_seconds{_SHOP}": GOES_ON},
    ),
    "RestoredrillNeverProven": (
        {f"restoredrill_database_proven{_SHOP}": always(0)},
        {
            f"restoredrill_database_proven{_SHOP}": always(0),
            f"restoredrill_last_pass_timestamp_seconds{_SHOP}": GOES_ON,
        },
    ),
    "RestoredrillNoBackup": (
        {f"restoredrill_last_backup_timestamp_seconds{_SHOP}": STILL},
        {f"restoredrill_last_backup_timestamp_seconds{_SHOP}": GOES_ON},
    ),
    "RestoredrillTooSlow": (
        {
            f"restoredrill_rto_seconds{_SHOP}": always(61),
            f"restoredrill_rto_target_seconds{_SHOP}": always(60),
        },
        {
            f"restoredrill_rto_seconds{_SHOP}": always(59),
            f"restoredrill_rto_target_seconds{_SHOP}": always(60),
        },
    ),
    "RestoredrillLeak": (
        {"restoredrill_leases_overdue": always(1)},
        {"restoredrill_leases_overdue": always(0)},
    ),
    "RestoredrillUndelivered": (
        {"restoredrill_undelivered_notices": always(2)},
        {"restoredrill_undelivered_notices": always(0)},
    ),
    "RestoredrillBudgetUsedUp": (
        {"restoredrill_month_spent_usd": always(20), "restoredrill_month_budget_usd": always(20)},
        {"restoredrill_month_spent_usd": always(19), "restoredrill_month_budget_usd": always(20)},
    ),
    "RestoredrillConfiguration": (
        {"restoredrill_configuration_valid": always(0)},
        {"restoredrill_configuration_valid": always(1)},
    ),
    "RestoredrillQueueStuck": (
        {"restoredrill_oldest_waiting_task_timestamp_seconds": STILL},
        {"restoredrill_oldest_waiting_task_timestamp_seconds": GOES_ON},
    ),
    "RestoredrillAlarm": (
        {'restoredrill_alarms{severity="critical"}': always(1)},
        {'restoredrill_alarms{severity="critical"}': always(0)},
    ),
}


def test_the_rules_are_rules_and_each_is_tested() -> None:
    assert promtool("check", "rules", str(RULES)).returncode == 0
    named = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    assert named == set(RINGING)


def test_each_rule_rings_and_each_is_quiet(tmp_path: Path) -> None:
    """By promtool's own test runner, after three days; which also finds each expectation wrong that is."""
    right = [
        expected(alert, series, firing)
        for alert, both in RINGING.items()
        for series, firing in zip(both, (1, 0), strict=True)
    ]
    done = judged(tmp_path, right)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    wrong = [
        expected(alert, series, firing)
        for alert, both in RINGING.items()
        for series, firing in zip(both, (0, 1), strict=True)
    ]
    refused = judged(tmp_path, wrong)
    assert refused.returncode != 0
    told = refused.stdout.decode() + refused.stderr.decode()
    assert told.count("time: 3d") == len(wrong), told


def expected(alert: str, series: dict[str, str], firing: int) -> dict[str, Any]:
    """A test of promtool: so many of this alert fire."""
    count = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    sample = {"labels": "{}", "value": firing}
    return {
        "interval": "10m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": count, "eval_time": "72h", "exp_samples": [sample]}],
    }


def judged(folder: Path, tests: list[dict[str, Any]]) -> "subprocess.CompletedProcess[bytes]":
    path = folder / "tests.yaml"
    document = {"rule_files": [str(RULES)], "evaluation_interval": "10m", "tests": tests}
    path.write_text(json.dumps(document))
    return promtool("test", "rules", str(path))


# The dashboard ----------------------------------------------------------------------------------------------


def test_the_dashboard_asks_for_what_there_is() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
    there = {name for name, *_ in samples(look(leases=()))} | {"restoredrill_rto_target_seconds"}
    for expression in (target["expr"] for panel in panels for target in panel["targets"]):
        asked = set(re.findall(r"restoredrill_\w+", expression))
        assert asked, expression
        assert asked <= there, expression


def test_the_dashboards_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        taken |= cells


def test_severities_are_all_there() -> None:
    found = samples(look(alarms=[]))
    assert {key[1] for key in found if key[0] == "restoredrill_alarms"} == {one.value for one in Severity}
