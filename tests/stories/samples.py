"""Documents and stand-ins that the stories' tests share."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from restoredrill.errors import RestoredrillError, VaultUnreachable
from restoredrill.model import (
    BackupJob,
    Errand,
    Event,
    Fingerprint,
    FingerprintLevel,
    Job,
    MachineFacts,
    Manifest,
    Report,
    ServerFacts,
    StoredFile,
    VaultSpec,
    Verdict,
)
from restoredrill.outcome import BackupOutcome
from restoredrill.plan import MachinePlan, Need, Rung, Volume
from restoredrill.protocols import MachineState

NOW = datetime(2026, 9, 23, 3, 15, tzinfo=UTC)
DRILL = "20260923T031500Z-7f3a"


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C raises `KeyboardInterrupt`, whatever whoever started the tests wants."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def manifest(
    backup: str = "20260923T021500Z-0001", taken_at: datetime = NOW - timedelta(hours=1)
) -> Manifest:
    return Manifest(
        id=backup,
        database="shop",
        started_at=taken_at,
        taken_at=taken_at,
        finished_at=taken_at,
        server=ServerFacts(
            version="17.10",
            version_num=170010,
            database="shop",
            encoding="UTF8",
            collate="C",
            ctype="C",
            size_bytes=1,
        ),
        client_version="17.10",
        files=(StoredFile(name="toc.dat", key="data/toc.dat", size_bytes=3, sha256="0" * 64, plain_bytes=3),),
        fingerprint=Fingerprint(level=FingerprintLevel.CONTENT, algorithm="test/1"),
        made_by="test",
    )


def job(*, keep_s: float | None = None, deadline_s: float = 3600, started_at: datetime | None = None) -> Job:
    began = started_at or datetime.now(UTC)
    return Job(
        drill=DRILL,
        database="shop",
        backup=manifest().id,
        vault=VaultSpec(url="file:///nowhere"),
        provider="local",
        jobs=1,
        keep_s=keep_s,
        started_at=began,
        deadline_at=began + timedelta(seconds=deadline_s),
        expires_at=began + timedelta(seconds=deadline_s + 600),
    )


def report(verdict: Verdict = Verdict.PASSED, *, url: str | None = None, backup: str | None = None) -> Report:
    return Report(
        drill=DRILL,
        database="shop",
        verdict=verdict,
        backup=None
        if backup is None
        else {"id": backup, "taken_at": NOW, "age_s": 1, "bytes": 1, "server_version": "17"},  # type: ignore[arg-type]
        machine=MachineFacts(provider="local", id=DRILL, url=url),
        started_at=NOW,
        finished_at=NOW,
    )


class MemoryJournal:
    """A vault's drills in memory; it can be dead for some calls of `events`, and refuse to save."""

    def __init__(self, *, dead_for: int = 0, full: bool = False) -> None:
        self.jobs: list[Job] = []
        self.told: list[Event] = []
        self.numbers: list[int] = []
        self.forms: dict[str, str] = {}
        self.saved: list[Report] = []
        self._dead_for = dead_for
        self._full = full

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def emit(self, drill: str, number: int, event: Event) -> None:
        assert number not in self.numbers
        self.numbers.append(number)
        self.told.append(event)

    def events(self, drill: str, after: int) -> tuple[tuple[int, Event], ...]:
        if self._dead_for:
            self._dead_for -= 1
            raise VaultUnreachable("list", "events", "no answer")
        found = sorted(zip(self.numbers, self.told, strict=True), key=lambda one: one[0])
        return tuple((number, event) for number, event in found if number > after)

    def save(self, report: Report, forms: Mapping[str, str]) -> None:
        if self._full:
            raise VaultUnreachable("write", "report.json", "no answer")
        self.saved.append(report)
        self.forms = dict(forms)

    def reports(self, drill: str | None = None) -> Iterator[Report]:
        return iter(self.saved[-1:])


class Machine:
    """A machine that runs for some looks; `acts` happens at the first of them."""

    def __init__(self, looks: int = 2, *, detail: str = "", left: tuple[str, ...] = ()) -> None:
        self.ended: list[str] = []
        self._looks = looks
        self._detail = detail
        self._left = left

    def launch(self, job: Errand, attempt: int = 1) -> str:
        return job.id

    def last_words(self, machine: str) -> str:
        return ""

    def state(self, machine: str) -> MachineState:
        self._looks -= 1
        return MachineState(running=self._looks >= 0, detail=self._detail)

    def terminate(self, machine: str) -> None:
        self.ended.append(machine)

    def leftovers(self, errand: str) -> tuple[str, ...]:
        return self._left


def plan(*, first_word_s: float = 600.0, silence_s: float = 300.0) -> MachinePlan:
    """Spot first, then on-demand, in two zones."""
    rungs = tuple(
        Rung(type="m7i.large", market=market, zone=f"eu-central-1{zone}", subnet=zone, usd_per_hour=0.1)
        for market in ("spot", "on-demand")
        for zone in "ab"
    )
    return MachinePlan(
        region="eu-central-1",
        image="ami-0abc",
        rungs=rungs,
        volume=Volume(gb=20),
        bundles=(),
        instance_profile="drill",
        owner="ops",
        need=Need(memory_bytes=1, cores=1, disk_bytes=1, major=17),
        usd_estimate=0.02,
        prices_from="a table",
        first_word_s=first_word_s,
        silence_s=silence_s,
    )


def cloud_job(deadline_s: float = 3600, **limits: float) -> Job:
    """One whose machine has to be started first."""
    known = {"plan": plan(**limits), "provider": "ec2"}
    return job(deadline_s=deadline_s).model_copy(update=known)


Act = Callable[[int], MachineState]
"""act(look): what a look at a machine finds, and whatever happens there until then."""


class Cloud:
    """Machines that must be started: what each attempt's does, look by look. A refusal is an attempt, too."""

    def __init__(self, *acts: Act | RestoredrillError, console: str = "") -> None:
        self.launched: list[tuple[Errand, int]] = []
        self.did: list[str] = []
        self._acts = acts
        self._console = console
        self._looks = 0

    def launch(self, job: Errand, attempt: int = 1) -> str:
        act = self._acts[attempt - 1]
        self.did.append(f"launch {attempt}")
        if isinstance(act, RestoredrillError):
            raise act
        self.launched.append((job, attempt))
        self._looks = 0
        return f"i-{attempt}"

    def state(self, machine: str) -> MachineState:
        self._looks += 1
        act = self._acts[len(self.launched) - 1]
        assert not isinstance(act, RestoredrillError)
        return act(self._looks)

    def last_words(self, machine: str) -> str:
        return self._console

    def terminate(self, machine: str) -> None:
        self.did.append(f"terminate {machine}")

    def leftovers(self, errand: str) -> tuple[str, ...]:
        self.did.append("look")
        return ()


def backup_job(backup: str = DRILL) -> BackupJob:
    began = datetime.now(UTC)
    return BackupJob(
        backup=backup,
        database="shop",
        vault=VaultSpec(url="s3://bucket/shop"),
        provider="ec2",
        jobs=1,
        source_url="secretsmanager:shop/source",
        started_at=began,
        deadline_at=began + timedelta(hours=1),
        expires_at=began + timedelta(hours=2),
    )


class MemoryErrands:
    """What machines that take backups find and leave, in memory."""

    def __init__(self, *, dead_for: int = 0) -> None:
        self.jobs: list[BackupJob] = []
        self.told: dict[tuple[str, int], Event] = {}
        self.outcomes: dict[str, BackupOutcome] = {}
        self._dead_for = dead_for

    def submit(self, job: BackupJob) -> None:
        self.jobs.append(job)

    def emit(self, errand: str, number: int, event: Event) -> None:
        self.told[errand, number] = event

    def events(self, errand: str, after: int) -> tuple[tuple[int, Event], ...]:
        if self._dead_for:
            self._dead_for -= 1
            raise VaultUnreachable("list", "events", "no answer")
        return tuple((n, e) for (of, n), e in sorted(self.told.items()) if of == errand and n > after)

    def finish(self, outcome: BackupOutcome) -> None:
        self.outcomes[outcome.backup] = outcome

    def outcome(self, errand: str) -> BackupOutcome | None:
        return self.outcomes.get(errand)
