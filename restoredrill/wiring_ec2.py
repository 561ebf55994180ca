"""From a database's file to the plan of a machine in the cloud, and to what may travel there.

A machine is its role: it gets no profile, no role to assume and no key of ours. What it has to be told, it is
told by the name of a secret that its role may read.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from restoredrill import secret, wiring
from restoredrill.ec2_settings import Ec2Settings, Network
from restoredrill.errors import PlanUnmet
from restoredrill.machines.ec2.ask import Ask
from restoredrill.model import CheckSpec, Cost, Errand, Manifest, Report, VaultSpec
from restoredrill.plan import AgentBundle, MachinePlan
from restoredrill.protocols import Store
from restoredrill.settings import DatabaseConfig, Purpose
from restoredrill.vault.journal import VaultJournal

EARLIER_AT_MOST = 20  # drills that an estimate rests on


def travelling(spec: VaultSpec) -> VaultSpec:
    """How the machine opens the vault: as its role, or with keys from a secret store."""
    stored = [key is not None and secret.stored(key) is not None for key in _keys(spec)]
    dropped: dict[str, None] = {"profile": None, "role_arn": None}
    if not all(stored):
        dropped |= {"access_key_id": None, "secret_access_key": None}
    return spec.model_copy(update=dropped)


def stays_behind(database: DatabaseConfig, spec: VaultSpec, purpose: Purpose) -> Iterator[str]:
    """What the machine would need and can't be given, each with what to do."""
    held = [key for key in _keys(spec) if key is not None and secret.stored(key) is None]
    if held and spec.endpoint_url is not None:
        yield (
            f"the vault's keys ({held[0]}) can't travel to a machine, and its role means nothing to a store "
            "of one's own: name secrets that hold them, secretsmanager:NAME or ssm:NAME"
        )
    if spec.url.startswith("file://"):
        yield "the vault is a folder, which a machine in the cloud can't see: drill from a vault in S3"
    if purpose == "backup":
        yield from _without_source(database)


def decrypt_with(database: DatabaseConfig) -> str | None:
    """The key that opens backups, by the name under which a machine's role may read it."""
    ec2 = settings(database)
    drill = database.drill
    return _if_stored(ec2.decrypt_with or (None if drill is None else drill.decrypt_with))


def source_url(database: DatabaseConfig) -> str | None:
    """The name of the secret that holds the source's URL."""
    backup = settings(database).backup
    named = None if backup is None else backup.source_url
    return _if_stored(named or (None if database.source is None else database.source.url))


def _if_stored(reference: str | None) -> str | None:
    return reference if reference is not None and secret.stored(reference) is not None else None


def settings(database: DatabaseConfig) -> Ec2Settings:
    """`machines.ec2` of a file. Raises `UsageError` if there is none."""
    wiring.reach(database)
    assert database.machines.ec2 is not None
    return database.machines.ec2


def plan_drill(
    database: DatabaseConfig,
    spec: VaultSpec,
    backup: Manifest,
    journal: VaultJournal,
    store: Store,
    now: datetime,
    keep_s: float | None = None,
) -> MachinePlan:
    """The machine for a drill of `backup`. Raises `PlanUnmet` with every reason there is against it."""
    assert database.drill is not None
    reports = recent(journal.reports(), database.name, now)
    ask = _ask(
        database,
        settings(database),
        spec,
        store,
        kind="drill",
        manifest=backup,
        earlier=tuple(reports[:EARLIER_AT_MOST]),
        jobs=database.drill.jobs,
        checks=bool(database.drill.checks),
        deadline_s=database.drill.deadline_s,
        kept_s=keep_s or 0.0,
        services=_services(decrypt_with(database), *_keys(travelling(spec))),
        spent_this_month_usd=_spent_usd(database, journal, reports, store, now),
        at=now,
    )
    problems = list(stays_behind(database, spec, "restore"))
    if backup.recipients and decrypt_with(database) is None:
        problems.append(
            f"backup {backup.id} is encrypted, and its key can't travel: put it into a secret store and name "
            "it in machines.ec2.decrypt_with, such as secretsmanager:NAME"
        )
    plan = _planned(database, ask, problems)
    return plan.model_copy(update={"notes": (*plan.notes, *_programs(database.drill.check_specs))})


def plan_backup(
    database: DatabaseConfig,
    spec: VaultSpec,
    last: Manifest | None,
    journal: VaultJournal,
    store: Store,
    now: datetime,
) -> MachinePlan:
    """The machine for a backup. `last`: the newest there is, to know the size by. Raises `PlanUnmet`."""
    assert database.backup is not None
    network = settings(database).backup
    if network is None:
        reason = "machines.ec2.backup is missing: subnets, security_groups and instance_profile with a route"
        raise PlanUnmet(database.name, (f"{reason} to the source",))
    reports = recent(journal.reports(), database.name, now)
    ask = _ask(
        database,
        network,
        spec,
        store,
        kind="backup",
        source=None if last is None else last.server,
        jobs=database.backup.jobs,
        deadline_s=database.backup.deadline_s,
        services=_services(source_url(database), *_keys(travelling(spec))),
        spent_this_month_usd=_spent_usd(database, journal, reports, store, now),
        at=now,
    )
    plan = _planned(database, ask, list(stays_behind(database, spec, "backup")))
    if last is not None:
        return plan
    unseen = "no backup was taken yet, so the size is not known: this is the smallest machine that would do"
    return plan.model_copy(update={"notes": (*plan.notes, unseen)})


def bundles(store: Store) -> tuple[AgentBundle, ...]:
    """What a machine may run, as it lies in the vault."""
    from restoredrill.vault.bundles import VaultBundles

    return VaultBundles(store).list()


def recent(reports: Iterable[Report], database: str, now: datetime) -> list[Report]:
    """Reports of a database, newest first: of this month, and as many as an estimate rests on. `reports` are
    read no further than that, as they get more for ever.
    """
    since = month_of(now)
    found: list[Report] = []
    for one in reports:
        if one.started_at < since and len(found) >= EARLIER_AT_MOST:
            break
        if one.database == database:
            found.append(one)
    return found


def month_of(now: datetime) -> datetime:
    """When the month began. Pure."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def spent_usd(
    reports: Iterable[Report], errands: Iterable[tuple[Errand, Cost | None]], now: datetime
) -> float:
    """What the drills and backups of this month have cost so far; those whose cost nobody knows (yet) count
    as estimated. Pure.
    """
    since = month_of(now)
    drills = sum(one.cost.amount for one in reports if one.started_at >= since)
    return drills + sum(
        _estimate_usd(job) if cost is None else cost.amount
        for job, cost in errands
        if job.started_at >= since
    )


def _estimate_usd(job: Errand) -> float:
    return 0.0 if job.plan is None else job.plan.usd_estimate


def _spent_usd(
    database: DatabaseConfig, journal: VaultJournal, reports: Iterable[Report], store: Store, now: datetime
) -> float:
    """Looked for only where there is a limit."""
    if settings(database).budget.per_month is None:
        return 0.0
    from restoredrill.vault.errands import VaultErrands

    since, known = month_of(now), list(reports)
    told = {one.drill for one in known}
    errands: list[tuple[Errand, Cost | None]] = [
        (job, None) for job in journal.open(since) if job.drill not in told
    ]
    errands += VaultErrands(store).costs(since)
    ours = [(job, cost) for job, cost in errands if job.database == database.name]
    return spent_usd(known, ours, now)


def _planned(database: DatabaseConfig, ask: Ask, problems: list[str]) -> MachinePlan:
    """A plan, or everything against it at once: also what only we know."""
    from restoredrill.machines.ec2 import planning

    hint = ""
    try:
        plan = planning.plan(ask, wiring.reach(database))
        if not problems:
            return plan
    except PlanUnmet as error:
        problems, hint = [*problems, *error.problems], error.hint
    raise PlanUnmet(ask.thing, tuple(problems), hint=hint)


def _ask(database: DatabaseConfig, network: Network, spec: VaultSpec, store: Store, **more: object) -> Ask:
    ec2 = settings(database)
    bucket = spec.url.removeprefix("s3://").partition("/")[0] if spec.url.startswith("s3://") else None
    return Ask(
        region=ec2.region,
        image=ec2.image,
        subnets=network.subnets,
        security_groups=network.security_groups,
        instance_profile=network.instance_profile,
        bundles=bundles(store),
        database=database.name,
        bucket=bucket,
        architecture=ec2.architecture,
        types=ec2.types,
        market=ec2.market,
        public_address=ec2.public_address,
        kms_key_id=ec2.kms_key_id,
        launch_template=ec2.launch_template,
        owner=ec2.owner,
        tags=ec2.tags,
        per_drill_usd=ec2.budget.per_drill,
        per_month_usd=ec2.budget.per_month,
        boot_timeout_s=ec2.boot_timeout_s,
        silence_s=ec2.silence_s,
        **more,  # type: ignore[arg-type]
    )


def _without_source(database: DatabaseConfig) -> Iterator[str]:
    if source_url(database) is None:
        yield (
            "the source's URL can't travel: put it into a secret store and name it in "
            "machines.ec2.backup.source_url, such as secretsmanager:NAME"
        )


def _programs(checks: Iterable[CheckSpec]) -> Iterator[str]:
    """A check that is a program runs where the database is."""
    for check in checks:
        if check.kind == "command":
            program = check.options["argv"][0]
            yield f"check {check.name!r} runs {program!r}: the image has to have it"


def _services(*references: str | None) -> tuple[str, ...]:
    found = [secret.stored(reference) for reference in references if reference is not None]
    return tuple(dict.fromkeys(kind for kind, _ in filter(None, found)))


def _keys(spec: VaultSpec) -> tuple[str | None, str | None]:
    return spec.access_key_id, spec.secret_access_key


def any_machine(database: DatabaseConfig, spec: VaultSpec, store: Store) -> Ask:
    """What is asked for where nothing is known yet, for whoever only looks if it could be had."""
    return _ask(database, settings(database), spec, store, services=_services(decrypt_with(database)))
