"""What `doctor` looks at where machines of the cloud are wanted, and the machine that `--try` starts."""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta

from restoredrill import __version__, clock, undecided, wiring, wiring_ec2
from restoredrill.cli.places import each, regions_of
from restoredrill.doctor import Outcome, Probe
from restoredrill.errors import CloudDenied, MachineFailed, PlanUnmet, RestoredrillError, VaultError
from restoredrill.machines.ec2.ask import Ask
from restoredrill.model import Job, make_id
from restoredrill.plan import AgentBundle, MachinePlan
from restoredrill.reports import units
from restoredrill.settings import DatabaseConfig
from restoredrill.trial import Trial, attempt
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.store import VaultStore

_SPARE = timedelta(minutes=5)  # between the last moment for a first word and the lease's end
_NO_BACKUP = "20000101T000000Z-0000"  # none is that old


def examine(database: DatabaseConfig, attempts: int) -> Iterator[Probe]:
    """Everything a drill on EC2 rests on, looked at and left as it was. Raises nothing of the cloud's."""
    spec = wiring.located(database, "restore")
    for problem in wiring_ec2.stays_behind(database, spec, "restore"):
        yield Probe("what travels", Outcome.FAILED, *_parted(problem))
    yield from _key(database)
    try:
        store = wiring.vault(database, "restore", attempts=attempts)
        ask = wiring_ec2.any_machine(database, spec, store)
        yield from _version(database, ask.bundles)
        yield from _looked(ask, database)
    except RestoredrillError as error:
        yield Probe(
            "account", Outcome.FAILED, str(error), error.hint or "mend the vault or credentials first"
        )
    yield from _regions(database)


def _parted(problem: str) -> tuple[str, str]:
    what, _, fix = problem.rpartition(": ")
    return (what, fix) if what else (fix, "")


def _key(database: DatabaseConfig) -> Iterator[Probe]:
    """The key's secret. That only the machine's role may read it is as it should be."""
    reference = wiring_ec2.decrypt_with(database)
    if reference is None:
        return
    region = wiring_ec2.settings(database).region
    try:
        wiring.unsealer(reference, database.name, region)
    except CloudDenied:
        yield Probe(
            "secret", Outcome.SKIPPED, f"{reference}: not to be read from here; --try asks the machine"
        )
    except RestoredrillError as error:
        fix = error.hint or "put an age private key there, in the machine's region"
        yield Probe("secret", Outcome.FAILED, f"{reference}: {error.reason}", fix)
    else:
        yield Probe("secret", Outcome.OK, f"{reference}: there, and an age private key")


def _version(database: DatabaseConfig, bundles: tuple[AgentBundle, ...]) -> Iterator[Probe]:
    if not bundles:
        return  # the look at the account says so
    if any(bundle.version == __version__ for bundle in bundles):
        yield Probe("agent's version", Outcome.OK, f"{__version__}, as here")
        return
    there = ", ".join(sorted({bundle.version for bundle in bundles}))
    fix = f"restoredrill agent publish {database.name}"
    yield Probe("agent's version", Outcome.NOTE, f"{there} in the vault, {__version__} here", fix)


def _looked(ask: Ask, database: DatabaseConfig) -> Iterator[Probe]:
    from restoredrill.machines.ec2 import planning

    outcomes = {
        "ok": Outcome.OK,
        "failed": Outcome.FAILED,
        "note": Outcome.NOTE,
        "unknown": Outcome.SKIPPED,
    }
    for one in planning.look(ask, wiring.reach(database)):
        yield Probe(one.name, outcomes[one.outcome.value], one.detail, one.fix)


def _regions(database: DatabaseConfig) -> Iterator[Probe]:
    """May the reaper look in every region. Whether it may end things shows when there is one to end."""
    for place in regions_of({database.name: database}):
        seen, unseen = each([place], lambda one: one.estate().leases())
        for one in unseen:
            fix = "give the reaper terraform/modules/roles/policies/reaper.json.tftpl"
            yield Probe(f"reaper in {one.place}", Outcome.FAILED, one.problem, fix)
        for leases in seen:
            lives = f"{len(leases):,} of ours live there" if leases else "nothing of ours lives there"
            yield Probe(f"reaper in {place.name}", Outcome.OK, lives)


# The machine that is really started -------------------------------------------------------------------------


def try_machine(database: DatabaseConfig, say: Callable[[str], None]) -> Iterator[Probe]:
    """Start the smallest machine, wait for its first word, end it. Its price is said before."""
    from restoredrill.machines.ec2 import planning

    spec = wiring.located(database, "restore")
    store = wiring.vault(database, "restore")
    try:
        plan = planning.plan(wiring_ec2.any_machine(database, spec, store), wiring.reach(database))
    except PlanUnmet as error:
        for problem in error.problems:
            yield Probe("trial: plan", Outcome.FAILED, *_parted(problem))
        return
    say(_price(plan))
    job = _job(database, plan)
    journal = VaultJournal(store)
    yield from attempt(
        Trial(
            job=job,
            machine=wiring.machine("ec2", database, job.vault, job.decrypt_with),
            submit=journal.submit,
            events=journal.events,
            forget=lambda: _forget(database, store, journal, job),
            first_word_s=plan.first_word_s,
        )
    )


def _price(plan: MachinePlan) -> str:
    first, dearest = plan.rungs[0], max(rung.usd_per_hour for rung in plan.rungs)
    most = (dearest + plan.volume.usd_per_hour) * (plan.first_word_s + 120) / 3600
    asked = f"{first.type}, {first.market} at {units.money(first.usd_per_hour)} an hour, in {plan.region}"
    return f"  starting {asked}; at most {units.money(most)}, by {plan.prices_from}"


def _job(database: DatabaseConfig, plan: MachinePlan) -> Job:
    now = clock.utcnow()
    deadline_at = now + timedelta(seconds=plan.first_word_s)
    return Job(
        drill=make_id(now, secrets.token_hex(4)),
        database=database.name,
        backup=_NO_BACKUP,
        vault=wiring_ec2.travelling(wiring.located(database, "restore")),
        provider="ec2",
        jobs=1,
        started_at=now,
        deadline_at=deadline_at,
        expires_at=deadline_at + _SPARE,
        decrypt_with=wiring_ec2.decrypt_with(database),
        plan=plan,
    )


def _forget(database: DatabaseConfig, store: VaultStore, journal: VaultJournal, job: Job) -> str:
    """No trial is to be taken for a drill: neither by `report` nor by whoever goes on with open ones."""
    keys = [entry.key for entry in store.list(f"drills/{job.id}/")]
    for who in (store, None if database.vault.prune_as is None else wiring.vault(database, "prune")):
        try:
            if who is not None:
                who.delete(keys)
                return f"what the trial wrote ({len(keys):,} objects) is deleted"
        except VaultError:
            continue
    told = MachineFailed("drill", job.database, "no drill: `doctor --try` started its machine for one word")
    report = undecided.inconclusive(job, None, told)
    machine = report.machine.model_copy(update={"swept_at": clock.utcnow()})  # closed: nobody goes on with it
    report = report.model_copy(update={"machine": machine})
    journal.save(report, wiring.render(report))
    return f"nobody here may delete: drill {job.id} stays, as inconclusive and closed"


def is_wanted(database: DatabaseConfig, machine: str | None) -> bool:
    """Does a drill run on EC2: by the option, else by the file."""
    drill = database.drill
    return (machine or (None if drill is None else drill.machine)) == "ec2"
