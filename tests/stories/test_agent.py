"""The agent's side of a drill, with a target that does as it is told: what becomes of every answer."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from restoredrill import agent
from restoredrill.agent import Parts
from restoredrill.errors import (
    CloudDenied,
    DeadlineOver,
    ObjectCorrupt,
    RestoredrillError,
    ServerFailed,
    VaultUnreachable,
)
from restoredrill.known import Before, Measured
from restoredrill.model import (
    CheckResult,
    CheckSpec,
    Finding,
    Fingerprint,
    FingerprintLevel,
    Job,
    MachineFacts,
    Manifest,
    Outcome,
    Phase,
    Report,
    ServerFacts,
    Severity,
    StoredFile,
    Verdict,
)
from restoredrill.protocols import Archive, Database, Progress, Restored, Rows
from tests.stories.samples import MemoryJournal, interruptible, job, manifest

FULL = Finding(rule="TABLE_MISSING", severity=Severity.CRITICAL, object="public.orders", message="gone")


class Shop:
    """A restored database that nothing is asked of."""

    url = "postgresql://x@/shop"

    def query(self, sql: str, timeout_s: float, parameters: Any = ()) -> Rows:
        raise NotImplementedError

    def table(self, name: str) -> str:
        raise NotImplementedError

    def describe(self) -> str:
        raise NotImplementedError

    def reader_url(self) -> str:
        raise NotImplementedError


@dataclass
class Target:
    """A target that raises where it is told to, and remembers whether it was stopped."""

    fails_at: Mapping[str, BaseException | Callable[[], object]] = field(default_factory=dict)
    found: tuple[Finding, ...] = ()
    stops: int = 0

    def _maybe(self, step: str) -> None:
        problem = self.fails_at.get(step)
        if isinstance(problem, BaseException):
            raise problem
        if problem is not None:
            problem()

    def start(self, facts: ServerFacts, jobs: int) -> None:
        self._maybe("start")

    def restore(self, archive: Archive, jobs: int, progress: Progress) -> Restored:
        self._maybe("restore")
        progress("halfway", 50.0, 10.0)
        phases = (Phase(name="data", seconds=100.0), Phase(name="post-data", seconds=200.0))
        return Restored(self.found, ("schema public exists",), phases, bottleneck="index build of orders_idx")

    def fingerprint(self, level: FingerprintLevel, jobs: int, progress: Progress) -> Fingerprint:
        self._maybe("fingerprint")
        return Fingerprint(level=level, algorithm="test/1")

    def database(self) -> Database:
        return Shop()

    def stop(self) -> None:
        self._maybe("stop")
        self.stops += 1


class OneBackup:
    """A vault with one backup."""

    def __init__(self, found: Manifest | RestoredrillError) -> None:
        self._found = found

    @property
    def manifest(self) -> Manifest:
        assert isinstance(self._found, Manifest)
        return self._found

    fetched_bytes = 0

    def open(self, backup: str) -> Any:
        if isinstance(self._found, RestoredrillError):
            raise self._found
        return self

    def keep(self, backup: str, name: str, chunks: Iterator[bytes]) -> StoredFile:
        raise NotImplementedError

    def publish(self, manifest: Manifest) -> None:
        raise NotImplementedError

    def discard(self, backup: str) -> None:
        raise NotImplementedError

    def list(self) -> tuple[Manifest, ...]:
        raise NotImplementedError


def same(manifest: Manifest, restored: Fingerprint) -> tuple[CheckResult, ...]:
    return tuple(CheckResult(name=n, kind=n, outcome=Outcome.PASSED) for n in ("structure", "content"))


def sound(url: str, deep: bool, progress: Progress) -> tuple[CheckResult, tuple[str, ...]]:
    return CheckResult(name="integrity", kind="integrity", outcome=Outcome.PASSED), ()


def fresh(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    return CheckResult(name=spec.name, kind="freshness", outcome=Outcome.PASSED, measured=spec.options["age"])


def drill(
    target: Target,
    the_job: Job | None = None,
    found: Manifest | RestoredrillError | None = None,
    journal: MemoryJournal | None = None,
    **more: Any,
) -> Report:
    parts = Parts(
        backups=OneBackup(found or manifest()),
        journal=journal or MemoryJournal(),
        target=target,
        compare=same,
        checks={"freshness": fresh},
        integrity=sound,
        select=lambda archive, tables: (archive, frozenset(tables)),
        render=lambda report: {},
        keep=lambda until: None,
        **more,
    )
    return agent.run(the_job or job(), parts)


def test_a_good_backup_passes_and_the_server_is_stopped_after_the_report_is_written() -> None:
    journal, target = MemoryJournal(), Target()
    found = drill(target, journal=journal)
    assert found.verdict is Verdict.PASSED
    assert found.planned == ("archive", "restore", "structure", "content", "integrity")
    assert journal.saved == [found]
    assert target.stops == 1
    kinds = [(event.phase, event.kind) for event in journal.told]
    assert (
        kinds.index(("restore", "started"))
        < kinds.index(("restore", "progress"))
        < kinds.index(("verify", "started"))
    )


def test_the_bottleneck_is_the_longest_phase_and_in_the_restore_its_longest_part() -> None:
    assert drill(Target()).bottleneck == "index build of orders_idx"


def test_the_phases_are_the_whole_of_the_rto() -> None:
    """Also what passed before the agent began: a user waits for that too."""
    late = job(started_at=datetime.now(UTC) - timedelta(seconds=1000))
    found = drill(Target(), late)
    assert found.phases[0].name == "provision"
    assert found.phases[0].seconds == pytest.approx(1000, abs=60)
    assert found.rto_s == pytest.approx(1000, abs=60)
    assert found.bottleneck == "provision"


@pytest.mark.parametrize("step", ["start", "restore", "fingerprint"])
def test_a_server_that_fails_is_inconclusive_and_stopped(step: str) -> None:
    """Promise 1: a machine's fault says nothing about the backup."""
    target = Target({step: ServerFailed(step, "the server", "it ended by itself")})
    found = drill(target)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("it ended by itself" in reason for reason in found.reasons)
    assert target.stops == 1


def test_a_corrupt_object_is_the_backups_fault() -> None:
    found = drill(
        Target({"restore": ObjectCorrupt("read", "data/1.dat", "its SHA-256 is not the manifest's")})
    )
    assert found.verdict is Verdict.FAILED
    assert [f.rule for f in found.findings] == ["OBJECT_CORRUPT"]


def test_a_finding_of_the_restore_fails_the_drill() -> None:
    found = drill(Target(found=(FULL,)))
    assert found.verdict is Verdict.FAILED
    assert [check.name for check in found.checks if check.outcome is Outcome.FAILED] == ["restore"]


def test_a_manifest_that_cannot_be_read_fails_before_a_server_is_started() -> None:
    found = drill(Target({"start": AssertionError()}), found=ObjectCorrupt("read", "manifest.json", "cut"))
    assert found.verdict is Verdict.FAILED
    assert found.backup is None


def test_a_key_that_may_not_be_read_says_nothing_about_the_backup() -> None:
    denied = CloudDenied("read", "secretsmanager:shop/key", "not allowed", hint="grant it")
    found = drill(Target(), found=denied)
    assert (found.verdict, [f.rule for f in found.findings]) == (Verdict.INCONCLUSIVE, ["SECRET_UNREADABLE"])
    assert "grant it" in found.reasons[-1]


def test_a_machine_says_of_itself_what_it_is() -> None:
    facts = MachineFacts(provider="ec2", id="i-0abc", type="m7i.large", zone="eu-central-1a", market="spot")
    journal = MemoryJournal()
    machine = drill(Target(), journal=journal, facts=facts, attempt=2).machine
    assert machine == facts.model_copy(update={"attempts": 2})
    assert journal.numbers[0] == 100_001


def test_an_interruption_stops_the_server_and_goes_on() -> None:
    target = Target({"restore": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        drill(target)
    assert target.stops == 1


def test_an_interruption_does_not_break_off_the_stopping_of_the_server() -> None:
    """Promise 4: whoever ends an agent that is ending its server gets both ended."""
    target = Target({"stop": lambda: signal.raise_signal(signal.SIGINT)})
    with interruptible(), pytest.raises(KeyboardInterrupt):
        drill(target)
    assert target.stops == 1


class Limit:
    """A deadline that passes at the end of the work, and says whether it still holds."""

    def __init__(self, *, passes: bool) -> None:
        self.on = False
        self._passes = passes

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.on = True
        try:
            yield
            if self._passes:
                raise DeadlineOver("drill", "shop", "its deadline passed")
        finally:
            self.on = False


def test_a_drill_whose_deadline_passes_is_inconclusive_and_reported() -> None:
    journal, target = MemoryJournal(), Target()
    assert drill(target, journal=journal, limit=Limit(passes=True)).verdict is Verdict.INCONCLUSIVE
    assert journal.saved
    assert target.stops == 1


def test_the_deadline_holds_for_the_work_and_for_nothing_after_it() -> None:
    """A report must be written and a server ended, however late it is."""
    limit = Limit(passes=False)
    seen = {}

    class Watched(MemoryJournal):
        def save(self, report: Report, forms: Mapping[str, str]) -> None:
            seen["save"] = limit.on

    target = Target(
        {step: lambda step=step: seen.update({step: limit.on}) for step in ("start", "fingerprint", "stop")}  # type: ignore[misc]
    )
    drill(target, journal=Watched(), limit=limit)
    assert seen == {"start": True, "fingerprint": True, "save": False, "stop": False}


def test_a_server_whose_report_cannot_be_written_is_not_kept() -> None:
    """Nobody would know of it."""
    target = Target()
    with pytest.raises(VaultUnreachable):
        drill(target, job(keep_s=7200), journal=MemoryJournal(full=True))
    assert target.stops == 1


def test_keep_leaves_a_passed_server_running_and_says_where() -> None:
    target = Target()
    assert drill(target, job(keep_s=7200)).machine.url == Shop.url
    assert target.stops == 0


def test_keep_does_not_keep_what_failed() -> None:
    target = Target(found=(FULL,))
    assert drill(target, job(keep_s=7200)).machine.url is None
    assert target.stops == 1


@pytest.mark.parametrize(
    ("level", "left_open"), [(FingerprintLevel.ROWS, "content"), (FingerprintLevel.NONE, "structure")]
)
def test_a_lesser_fingerprint_says_what_it_did_not_prove(level: FingerprintLevel, left_open: str) -> None:
    lesser = Fingerprint(level=level, algorithm="test/1")
    found = drill(Target(), found=manifest().model_copy(update={"fingerprint": lesser}))
    assert any(line.startswith(left_open) for line in found.not_proven)


def test_targets_are_checks_and_a_breach_is_a_finding() -> None:
    tight = job().model_copy(update={"rto_target_s": 1e6, "rpo_target_s": 60.0})
    found = drill(Target(), tight)
    assert {c.name: c.outcome for c in found.checks if c.kind == "target"} == {
        "rto": Outcome.PASSED,
        "rpo": Outcome.FAILED,
    }
    assert [f.rule for f in found.findings] == ["RPO_EXCEEDED"]


def test_rpo_is_the_age_of_the_newest_row_but_never_less_than_the_backups() -> None:
    def asking(*ages: float) -> Report:
        specs = tuple(
            CheckSpec(name=f"c{n}", kind="freshness", options={"age": age}) for n, age in enumerate(ages)
        )
        return drill(Target(), job().model_copy(update={"checks": specs}))

    backup_age_s = asking().rpo_s
    assert backup_age_s is not None
    assert asking(1.0).rpo_s == pytest.approx(backup_age_s, abs=60)
    assert asking(1e9, 2e9).rpo_s == 1e9


@pytest.mark.parametrize(
    ("age", "stale_after_s", "rule"),
    [
        (timedelta(hours=1), 3600.0 * 2, None),
        (timedelta(hours=3), 3600.0 * 2, "BACKUP_STALE"),
        (timedelta(days=900), None, None),
        (timedelta(minutes=-4), 3600.0 * 2, None),
        (timedelta(minutes=-6), None, "BACKUP_FROM_THE_FUTURE"),
    ],
)
def test_a_backup_out_of_its_time_fails(
    age: timedelta, stale_after_s: float | None, rule: str | None
) -> None:
    the_job = job().model_copy(update={"stale_after_s": stale_after_s})
    found = drill(Target(), the_job, manifest().model_copy(update={"taken_at": the_job.started_at - age}))
    assert [finding.rule for finding in found.findings] == ([] if rule is None else [rule])
    assert found.verdict is (Verdict.PASSED if rule is None else Verdict.FAILED)


def test_the_next_drill_is_compared_with_a_pass_before_it() -> None:
    """What was measured lies beside the report; the check is planned as soon as there is something to
    compare with.
    """
    journal = MemoryJournal()
    first = drill(Target(), journal=journal)
    measured = Measured.model_validate_json(journal.forms["measured.json"])
    assert (measured.drill, measured.backup) == (first.drill, manifest().id)
    before = measured.model_copy(update={"tables": {"public.orders": 7}})
    again = job().model_copy(update={"before": Before(passed=before)})
    found = drill(Target(), again)
    assert "change" in found.planned
    assert [finding.rule for finding in found.findings] == ["OTHER_DATABASE"]


@pytest.mark.parametrize(
    ("rule", "restore"), [("OBJECT_CORRUPT", Outcome.NOT_RUN), ("FILE_EXTRA", Outcome.PASSED)]
)
def test_a_restore_that_an_object_broke_off_has_not_passed(rule: str, restore: Outcome) -> None:
    bad = Finding(rule=rule, severity=Severity.CRITICAL, object="data/1.dat", message="bad")
    found = drill(Target(found=(bad,)))
    assert found.verdict is Verdict.FAILED
    outcomes = {check.name: check.outcome for check in found.checks}
    assert (outcomes["archive"], outcomes["restore"]) == (Outcome.FAILED, restore)
    assert ("structure" in outcomes) == (restore is Outcome.PASSED)
    assert not any("broken off: connect" in reason for reason in found.reasons)
