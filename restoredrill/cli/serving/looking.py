"""One look at the history for metrics."""

from collections.abc import Sequence
from datetime import datetime

from restoredrill.configuration import Loaded
from restoredrill.ledger import History
from restoredrill.metrics.prometheus import Look
from restoredrill.model import Lease
from restoredrill.standing import month_of


def look(
    history: History,
    loaded: Loaded,
    now: datetime,
    leases: Sequence[Lease] = (),
    *,
    leads: bool = False,
    ticked_at: datetime | None = None,
) -> Look:
    """A handful of queries, however many databases there are. Raises `HistoryError`."""
    return Look(
        loaded=loaded,
        now=now,
        standings=history.proofs.standings(now),
        verdicts=history.proofs.verdicts(),
        open_tasks=history.tasks.open(),
        leases=leases,
        alarms=history.alarms.standing(),
        undelivered=len(history.outbox.undelivered()),
        spent_usd=history.proofs.spent_usd(month_of(now)),
        leads=leads,
        ticked_at=ticked_at,
    )
