"""Which backup a drill takes, why, and what earlier drills have said of the others."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from restoredrill import coverage, picking, undecided
from restoredrill.cron import longest_gap_s
from restoredrill.known import Before, Picked
from restoredrill.model import Finding, Manifest
from restoredrill.picking import Choice, DrillRequest
from restoredrill.settings import DrillSettings
from restoredrill.vault.catalog import Listing
from restoredrill.vault.journal import VaultJournal

_DAY_S = 86400.0
_LOOK_BACK = 400  # drills: more than a year of nightly ones


@dataclass(frozen=True)
class Turn:
    """Whose turn it is to be drilled: what the choice among the backups depends on."""

    settings: DrillSettings | None
    by_hand: bool  # somebody said which
    seed: int
    now: datetime

    @property
    def within_s(self) -> float | None:
        """The promise that every backup is drilled so often."""
        return None if self.settings is None else self.settings.coverage_s

    def most_urgent(
        self, backups: Sequence[Manifest], proven: Mapping[str, datetime], last: Picked | None
    ) -> coverage.Due | None:
        """What the promise asks for before all else, unless somebody said what to drill.

        Where more is kept than can be drilled in time, every other drill is left to what `pick` says: a
        promise that can't be kept must not take the newest backup's proof.
        """
        if self.within_s is None or self.by_hand:
            return None
        if len(backups) * self.every_s > self.within_s and last is not None and last.by == "coverage":
            return None
        return coverage.urgent(coverage.due(backups, proven, self.within_s), self.every_s, self.now)

    @property
    def every_s(self) -> float:
        """How often drills come; by hand, once a day."""
        cron = None if self.settings is None else self.settings.cron
        return _DAY_S if cron is None else longest_gap_s(cron)


def choose(request: DrillRequest, listing: Listing, journal: VaultJournal, turn: Turn) -> Choice | Finding:
    """The backup to drill, or why there is none: a failed drill and no usage error."""
    backups = [backup for backup in listing.manifests if backup.database == request.database]
    newest = max(listing.unreadable, key=lambda one: one.backup, default=None)
    if newest is not None and request.pick == "latest" and all(b.id < newest.backup for b in backups):
        return undecided.unreadable(newest.backup, newest.reason)
    if not backups:
        return undecided.no_backup(request.database, {backup.database for backup in listing.manifests})
    reports = (report for report in journal.reports() if report.database == request.database)
    last = next(reports, None)
    proven = coverage.proofs(reports if last is None else itertools.chain([last], reports), backups)
    facts = coverage.facts(backups, proven, turn.within_s, turn.now)
    first = turn.most_urgent(backups, proven, None if last is None else last.picked)
    pick = request.pick if first is None else first.backup
    backup = picking.choose(pick, backups, frozenset(proven), turn.seed)
    why = "" if first is None else f"it is due by {first.at:%Y-%m-%d %H:%M} UTC"
    picked = Picked(by=request.pick if first is None else "coverage", seed=turn.seed, why=why)
    return Choice(backup, picked, facts)


def before(journal: VaultJournal, backup: Manifest) -> Before:
    """What earlier drills have said, as far as it is worth looking back."""
    looked_at = itertools.islice(journal.reports(), _LOOK_BACK)
    reports = (report for report in looked_at if report.database == backup.database)
    last = next(reports, None)
    if last is None:
        return Before()
    passed = picking.last_pass(itertools.chain([last], reports), backup)
    if passed is None:
        return Before(ignores=last.ignores)
    counted = (one for one in passed.checks if one.kind == "rows")
    rows = {one.name: one.measured for one in counted if one.measured is not None}
    return Before(ignores=last.ignores, rows=rows, passed=journal.measured(passed.drill))
