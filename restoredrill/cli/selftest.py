"""`restoredrill selftest NAME`: break copies of the newest backup, and see the drill catch each of them."""

import itertools
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from restoredrill import clock, drill, picking, wiring
from restoredrill.cli.drill import Wanted, request
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.drill import Hands
from restoredrill.errors import Exit, UsageError
from restoredrill.interruptions import postponed
from restoredrill.known import Before, Measured
from restoredrill.model import Manifest, Report, VaultSpec, make_id
from restoredrill.picking import DrillRequest
from restoredrill.reports import units
from restoredrill.sabotage.bench import Bench, Planted, Sabotage
from restoredrill.sabotage.registry import CORPUS
from restoredrill.sabotage.trying import End, Tried, each
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.layout import SCRATCH
from restoredrill.vault.store import VaultStore


@new_command
@click.argument("name")
@click.option("--backup", metavar="ID", help="Break copies of this one instead of the newest.")
@click.option("--only", multiple=True, metavar="SABOTAGE", help="Only this one; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Say what would be tried, and how much that copies.")
def command(context: Context, name: str, backup: str | None, only: tuple[str, ...], dry_run: bool) -> Answer:
    """Drill the alarm: broken copies of a backup of NAME must fail for the right reason, a good one pass."""
    corpus = _wanted(only)
    database = context.database(name)
    good = _newest(database, backup)
    if dry_run:
        return _would(good, corpus)
    with _scene(context, database, good) as scene, context.progress() as progress:
        progress("a good copy", 0.0, None)
        passed, measured = scene.good_drill()
        if measured is None:
            return _answer(good, passed, ())
        tried = []
        for one in each(scene.bench(measured), corpus, lambda planted: scene.drill(planted, measured)):
            tried.append(one)
            progress(f"{one.name}: {one.end}", 100.0 * len(tried) / len(corpus), None)
    return _answer(good, passed, tried)


def _wanted(only: Sequence[str]) -> list[Sabotage]:
    names = [sabotage.name for sabotage in CORPUS]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise UsageError("try", unknown[0], "no such sabotage", hint=f"there are: {', '.join(names)}")
    return [sabotage for sabotage in CORPUS if not only or sabotage.name in only]


def _newest(database: DatabaseConfig, backup: str | None) -> Manifest:
    listed = VaultBackups(wiring.vault(database, "restore")).look().manifests
    backups = [manifest for manifest in listed if manifest.database == database.name]
    if not backups:
        hint = f"take one with `restoredrill backup {database.name}`"
        raise UsageError("copy", f"a backup of {database.name}", "the vault holds none", hint=hint)
    return picking.choose(backup or "latest", backups, frozenset(), 0)


# Where it plays ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scene:
    """The good backup, the scratch vault, and what a drill is asked for."""

    database: DatabaseConfig
    good: Manifest
    scratch: VaultStore
    spec: VaultSpec  # of the scratch vault
    asked: DrillRequest
    names: Iterator[str]
    folder: Path

    def bench(self, before: Measured) -> Bench:
        source = wiring.vault(self.database, "restore")
        unsealer = wiring.unsealer(self.asked.decrypt_with, self.database.name)
        archive = VaultBackups(source, unsealer=unsealer).open(self.good.id)
        return Bench(archive, source, self.scratch, self.names, before, self.folder)

    def good_drill(self) -> tuple[Report, Measured | None]:
        """Of a copy that nothing was done to; None if it did not pass, since then nothing can be told."""
        nothing = Measured(drill="none", backup=self.good.id, taken_at=self.good.taken_at, database="")
        report = self.drill(Planted(self.bench(nothing).copy()), None)
        passed = report.verdict.value == "passed"
        return report, VaultJournal(self.scratch).measured(report.drill) if passed else None

    def drill(self, planted: Planted, before: Measured | None) -> Report:
        """On this host. The user's own checks and targets are left out: they are not what is tried here."""
        key = self.asked.decrypt_with if planted.decrypt_with is None else planted.decrypt_with or None
        asked = replace(
            self.asked,
            decrypt_with=key,
            checks=planted.checks,
            stale_after_s=planted.stale_after_s,
            deadline_s=planted.deadline_s or self.asked.deadline_s,
        )
        backup = self.good.model_copy(update={"id": planted.backup})
        known = Before(passed=planted.before or before)
        job = picking.make_job(asked, next(self.names), backup, clock.utcnow(), before=known)
        machine = wiring.machine("local", self.database, self.spec, key)
        hands = Hands(machine, VaultJournal(self.scratch), lambda report: {}, lambda event: None)
        return drill.conduct(job, backup, hands)


@contextmanager
def _scene(context: Context, database: DatabaseConfig, good: Manifest) -> Iterator[_Scene]:
    """A scratch vault below the vault, which `prune` empties after a day if we die here."""
    asked = request(context, database, Wanted(machine="local"))
    place = wiring.located(database, "backup")
    run = make_id(clock.utcnow(), secrets.token_hex(4))
    spec = place.model_copy(update={"url": f"{place.url.rstrip('/')}/{SCRATCH}selftest-{run}"})
    scratch = wiring.store(spec, database.name)
    asked = replace(asked, vault=spec, keep_s=None, rto_target_s=None, rpo_target_s=None)
    names = (make_id(clock.utcnow(), secrets.token_hex(4)) for _ in itertools.count())
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield _Scene(database, good, scratch, spec, asked, names, Path(folder))
        finally:
            with postponed():
                scratch.abandon(scratch.unfinished(""))
                scratch.delete([entry.key for entry in scratch.list()])


# What is said of it -----------------------------------------------------------------------------------------


def _would(good: Manifest, corpus: Sequence[Sabotage]) -> Answer:
    copies = len(corpus) + 1
    document = {
        "backup": good.id,
        "copies": copies,
        "bytes": copies * good.size_bytes,
        "sabotages": [{"name": one.name, "rules": one.rules} for one in corpus],
    }
    text = (
        f"would drill {copies} copies of {good.id} on this host, one after the other:"
        f" {units.size(copies * good.size_bytes)} copied within the vault, and removed again"
    )
    return Answer(document, text)


def _answer(good: Manifest, passed: Report, tried: Sequence[Tried]) -> Answer:
    counts = {end: sum(one.end is end for one in tried) for end in End}
    well = passed.verdict.value == "passed" and not counts[End.MISSED]
    document: dict[str, Any] = {
        "database": good.database,
        "backup": good.id,
        "good": {"verdict": passed.verdict, "reasons": passed.reasons},
        "caught": counts[End.CAUGHT],
        "planted": len(tried) - counts[End.NOT_APPLICABLE],
        "sabotages": tried,
    }
    return Answer(document, _table(good, passed, tried, counts), Exit.PASSED if well else Exit.FAILED)


def _table(good: Manifest, passed: Report, tried: Sequence[Tried], counts: dict[End, int]) -> Table:
    planted = len(tried) - counts[End.NOT_APPLICABLE]
    caption = f"a good copy {passed.verdict.value}; {counts[End.CAUGHT]} of {planted} caught"
    if passed.verdict.value != "passed":
        caption = f"a good copy {passed.verdict.value}, so nothing can be told: {passed.reasons[0]}"
    table = Table("sabotage", "must fire", "end", "verdict", "fired", "s", box=None, pad_edge=False)
    table.title, table.caption = f"copies of {good.id}", caption
    for one in tried:
        verdict = one.verdict.value if one.verdict else one.detail
        must = " or ".join(one.expected) or "a check that did not run"
        table.add_row(one.name, must, one.end.value, verdict, ", ".join(one.found), f"{one.seconds:.1f}")
    return table
