"""`restoredrill agent run HOME`: the program on a machine. Takes `HOME/job.json`; not for people."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

import click

from restoredrill import agent, backup, clock, wiring, wiring_dumps
from restoredrill.agent import Parts
from restoredrill.backup import MachineParts
from restoredrill.checks.fingerprint import compare
from restoredrill.checks.registry import CHECKS
from restoredrill.cli.forms import exit_of
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import DeadlineOver, Exit, VaultDenied
from restoredrill.machines import local
from restoredrill.machines.ec2 import inside
from restoredrill.machines.ec2.inside import Standing
from restoredrill.model import BackupJob, Errand, Job
from restoredrill.protocols import Backups
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.errands import VaultErrands
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.sealing import AgeSealer
from restoredrill.vault.store import VaultStore


@new_command
@click.argument("home", type=click.Path(exists=True, file_okay=False, path_type=Path))
def command(context: Context, home: Path) -> Answer:
    """Do the job in HOME/job.json: a drill or a backup."""
    text = (home / "job.json").read_bytes()
    standing = inside.standing(home)
    if json.loads(text)["schema"] == BackupJob.model_fields["schema_"].default:
        return _backup(BackupJob.model_validate_json(text), home, standing)
    return _drill(Job.model_validate_json(text), home, standing)


def _drill(job: Job, home: Path, standing: Standing | None) -> Answer:
    def keep(expires_at: datetime) -> None:
        (local.keep if standing is None else inside.keep)(home, expires_at)

    store = _store(job, standing)
    parts = Parts(
        backups=_backups(job, store),
        journal=VaultJournal(store),
        target=wiring.target(home, job) if job.dumps is None else wiring_dumps.target(home, job),
        compare=compare,
        checks=CHECKS,
        integrity=wiring.integrity,
        select=wiring.select,
        strays=lambda: _strays(job, store),
        render=wiring.render,
        keep=keep,
        limit=lambda: _deadline(job),
        facts=standing.facts if standing else None,
        attempt=standing.attempt if standing else 1,
        rungs=wiring_dumps.rungs(job, store),
    )
    report = agent.run(job, parts)
    return Answer(report, f"{report.verdict.value} {report.drill}", exit_of(report))


def _strays(job: Job, store: VaultStore) -> tuple[str, ...]:
    """Nothing where a machine may read the backup and not list it: then the manifest's word has to do."""
    if job.dumps is not None:
        return ()
    try:
        return VaultBackups(store).strays(job.backup)
    except VaultDenied:
        return ()


def _backups(job: Job, store: VaultStore) -> Backups:
    if job.dumps is not None:
        return wiring_dumps.backups(job.dumps, job.decrypt_with)
    region = wiring.region_of(job)
    return VaultBackups(store, unsealer=lambda: wiring.unsealer(job.decrypt_with, job.database, region))


def _backup(job: BackupJob, home: Path, standing: Standing | None) -> Answer:
    store = _store(job, standing)
    parts = MachineParts(
        source=lambda: wiring.source_of(job),
        backups=VaultBackups(store, AgeSealer(job.recipients)),
        errands=VaultErrands(store),
        spool=home / "spool",
        facts=standing.facts if standing else None,
        attempt=standing.attempt if standing else 1,
    )
    outcome = backup.on_machine(job, parts)
    status = Exit.PASSED if outcome.taken else Exit.FAILED
    return Answer(outcome, f"{'taken' if outcome.taken else 'not taken'} {outcome.backup}", status)


def _store(job: Errand, standing: Standing | None) -> VaultStore:
    """On a throwaway machine patient to the end of its lease, since nobody else has what it found out."""
    attempts = inside.PATIENT_ATTEMPTS if standing else None
    return wiring.store(job.vault, job.database, attempts=attempts, region=wiring.region_of(job))


@contextmanager
def _deadline(job: Job) -> Iterator[None]:
    """Raise `DeadlineOver` in the middle of whatever goes on when the drill's deadline passes."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise DeadlineOver("drill", job.database, f"its deadline passed at {job.deadline_at:%H:%M:%S} UTC")

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(0.1, (job.deadline_at - clock.utcnow()).total_seconds()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
