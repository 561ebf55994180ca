"""`restoredrill agent HOME`: the program on a machine. Takes `HOME/job.json`; not for people."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

import click

from restoredrill import agent, clock, wiring
from restoredrill.agent import Parts
from restoredrill.checks.fingerprint import compare
from restoredrill.checks.registry import CHECKS
from restoredrill.cli.forms import exit_of
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import DeadlineOver
from restoredrill.machines import local
from restoredrill.model import Job
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal


@new_command
@click.argument("home", type=click.Path(exists=True, file_okay=False, path_type=Path))
def command(context: Context, home: Path) -> Answer:
    """Do the job in HOME/job.json."""
    job = Job.model_validate_json((home / "job.json").read_bytes())

    def keep(expires_at: datetime) -> None:
        local.keep(home, expires_at)

    store = wiring.store(job.vault, job.database)
    parts = Parts(
        backups=VaultBackups(store, unsealer=wiring.unsealer(job.decrypt_with, job.database)),
        journal=VaultJournal(store),
        target=wiring.target(home, job),
        compare=compare,
        checks=CHECKS,
        render=wiring.render,
        keep=keep,
        limit=lambda: _deadline(job),
    )
    report = agent.run(job, parts)
    return Answer(report, f"{report.verdict.value} {report.drill}", exit_of(report))


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
