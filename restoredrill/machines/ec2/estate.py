"""Everything of ours in the account, as the reaper sees it: tags and expiry, nothing that we wrote down."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from restoredrill import clock
from restoredrill.aws.session import Reach
from restoredrill.errors import MachineFailed
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.account import Account, Found
from restoredrill.machines.ec2.ending import WAITS, Waits, end, remains
from restoredrill.model import Lease

# Ends that may be waited for side by side, each by a thread: as many as a client keeps connections.
AT_ONCE = 32
# Of what carries our tag and no expiry that can be read: longer than any drill should be.
UNTOLD = timedelta(hours=24)
# What belongs to a machine may be in sight some seconds before the machine: not an orphan yet.
_YOUNG = timedelta(minutes=10)


class Ec2Estate:
    """Machines of ours in every region of `reach`, whoever started them."""

    def __init__(self, reach: Reach, waits: Waits = WAITS) -> None:
        self._account = Account(reach)
        self._waits = waits

    def leases(self) -> tuple[Lease, ...]:
        """One for each machine that has not ended, one for each errand of whose machines only volumes or the
        like are left. Raises `CloudError` if any region can't be looked at.
        """
        machines = [one for one in self._account.instances() if not one.gone]
        tended = {one.errand for one in machines}
        rest: dict[str, list[Found]] = {}
        for one in self._account.belongings():
            if one.errand not in tended:
                rest.setdefault(one.errand, []).append(one)
        now = clock.utcnow()
        return (*map(_lease, machines), *(_orphan(errand, left, now) for errand, left in rest.items()))

    def terminate(self, machine: str) -> None:
        """End a lease's machine, and what belongs to its errand once no other machine of that lives; an
        errand's id ends all of it. Returns when it is gone.

        Raises `MachineFailed` for what is not ours or stays, `CloudError`.
        """
        if not machine.startswith("i-"):
            end(self._account, machine, self._waits)
            return
        found = self._account.instance(machine)
        if found is None:
            return
        if not found.errand:
            raise MachineFailed("end", machine, f"it does not carry the tag {tags.ERRAND}, so it is not ours")
        end(self._account, found.errand, self._waits, only=machine)

    def leftovers(self, errand: str) -> tuple[str, ...]:
        """Everything of the errand that exists in any region, machines first. Raises `CloudError`."""
        return remains(self._account, errand)


def _lease(one: Found) -> Lease:
    started_at = one.born_at or tags.time_in(one.tags, tags.LAUNCHED_AT) or clock.utcnow()
    expires_at, said = _expiry(one.tags, started_at)
    number = tags.attempt(one.tags)
    words = (
        one.state,
        "spot" if one.spot else "on-demand",
        f"attempt {number}" if number else "",
        f"owner {one.tags[tags.OWNER]}" if one.tags.get(tags.OWNER) else "",
        said,
    )
    return Lease(
        machine=one.id,
        provider="ec2",
        drill=one.errand,
        database=one.tags.get(tags.DATABASE, ""),
        started_at=started_at,
        expires_at=expires_at,
        detail=", ".join(filter(None, words)),
        region=one.region,
        type=one.type,
        usd_per_hour=tags.usd_per_hour(one.tags),
    )


def _orphan(errand: str, left: Sequence[Found], now: datetime) -> Lease:
    """The lease of what has no machine any more; overdue at once, unless all of it is still young."""
    born = [one.born_at for one in left if one.born_at]
    first = left[0]
    started_at = min(born, default=None) or tags.time_in(first.tags, tags.LAUNCHED_AT) or now
    expires_at, said = _expiry(first.tags, started_at)
    return Lease(
        machine=errand,
        provider="ec2",
        drill=errand,
        database=first.tags.get(tags.DATABASE, ""),
        started_at=started_at,
        expires_at=expires_at,
        orphan=max(born, default=now - _YOUNG) <= now - _YOUNG,
        detail=", ".join(filter(None, ("no machine", *map(str, left), said))),
        region=", ".join(sorted({one.region for one in left})),
    )


def _expiry(words: Mapping[str, str], started_at: datetime) -> tuple[datetime, str]:
    """From the tag alone; without one that can be read, a day after the start, and that is said."""
    found = tags.time_in(words, tags.EXPIRES_AT)
    if found is not None:
        return found, ""
    what = "an expiry that can't be read" if tags.EXPIRES_AT in words else "no expiry"
    return started_at + UNTOLD, f"{what}: a day is assumed"
