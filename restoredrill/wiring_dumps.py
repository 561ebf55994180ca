"""Where dumps of somebody else's lie: from a file's words, or a job's, to what finds and restores them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from restoredrill import config, wiring
from restoredrill.agent import Rung
from restoredrill.dumps.catalog import DumpBackups
from restoredrill.errors import RestoredrillError, UsageError
from restoredrill.known import Tier
from restoredrill.model import DumpsSpec, FingerprintLevel, Job, Manifest
from restoredrill.protocols import Progress, Store, Unsealer
from restoredrill.settings import DatabaseConfig
from restoredrill.source_settings import lies_within
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.store import VaultStore

if TYPE_CHECKING:
    from restoredrill.engines.postgres.foreign.target import ForeignTarget


def located(database: DatabaseConfig) -> DumpsSpec | None:
    """Where a database's dumps are, place filled in, keys still references; None: it has none.

    Raises `SecretMissing`, `ConfigError`, `UsageError` if the vault lies among them.
    """
    if database.source is None:
        return None
    vault = wiring.located(database, "restore")
    spec = database.source.dumps_spec(vault, database.name)
    if spec is None:
        return None
    place = config.locate(spec.place, f"the dumps of {database.name}")
    if lies_within(vault.url, place.url):
        hint = "give the vault another prefix: what lies among the dumps is only read"
        raise UsageError("use", vault.url, "it lies among the dumps", hint=hint)
    return spec.model_copy(update={"place": place})


def wanted(database: DatabaseConfig, provider: str, tier: Tier) -> DumpsSpec | None:
    """The dumps that a drill is of; None: it is of the vault's backups. Raises `UsageError` where dumps can't
    be drilled like that, and as `located` does.
    """
    spec = located(database)
    if spec is not None and provider != "local":
        raise UsageError("drill", spec.name, f"dumps are drilled on this host only so far, not on {provider}")
    if spec is not None and tier is not Tier.FULL:
        raise UsageError("drill", spec.name, f"dumps are restored whole, so tier {tier.value} means nothing")
    return spec


def backups(spec: DumpsSpec, decrypt_with: str | None) -> DumpBackups:
    """The dumps of a place, as backups; the key is looked up when it is needed first."""
    from restoredrill.engines.postgres.foreign.look import look

    store = wiring.store(spec.place, f"{spec.name}'s dumps")
    return DumpBackups(store, spec, look, _once(lambda: wiring.unsealer(decrypt_with, spec.name)))


def manifests(database: DatabaseConfig, store: VaultStore) -> tuple[Manifest, ...]:
    """The backups of a database, newest first: its dumps, where somebody else takes them, or the vault's."""
    spec = located(database)
    if spec is None:
        return VaultBackups(store).look().manifests
    decrypt_with = None if database.drill is None else database.drill.decrypt_with
    return backups(spec, decrypt_with).look().manifests


def look_at_live(
    database: DatabaseConfig, job: Job, store: Store, progress: Progress, warn: Callable[[str], None]
) -> None:
    """Note what the live database holds beside the job, if its file wants that: here, so that whoever
    restores needs no way to it (promise 5). If it can't be read, the check `live` did not run.
    """
    settings = database.source
    if job.dumps is None or settings is None or settings.compare_with is None:
        return
    try:
        url = wiring.reveal(settings.compare_with, f"source.compare_with of {database.name}").reveal()
        source = wiring.ENGINES["postgres"](url, settings.lock_timeout_s, settings.connect_timeout_s)
        with source.snapshot() as snapshot:
            seen = snapshot.fingerprint(FingerprintLevel.ROWS, job.jobs, progress)
        VaultJournal(store).note_live(job.drill, seen)
    except RestoredrillError as error:
        warn(f"the live database is not compared with: {error}")


def _once(find: Callable[[], Unsealer | None]) -> Callable[[], Unsealer | None]:
    found: list[Unsealer | None] = []

    def unseal() -> Unsealer | None:
        if not found:
            found.append(find())
        return found[0]

    return unseal


def target(home: Path, job: Job) -> "ForeignTarget":
    """The throwaway server for a dump, below a machine's directory."""
    from restoredrill.engines.postgres import toolchain
    from restoredrill.engines.postgres.foreign.target import ForeignTarget

    tools = toolchain.installed(config.postgres_directories())
    wanted = None if job.dumps is None else job.dumps.database
    return ForeignTarget(home / "server", tools, job.isolated, wanted)


def rungs(job: Job, store: Store) -> tuple[Rung, ...]:
    """What a drill of a dump asks besides, since nobody noted what was dumped: what differs from the live
    database, where that was looked at.
    """
    from restoredrill.checks.live import NAME, live

    if job.dumps is None or not job.dumps.compare_live:
        return ()
    return (Rung(NAME, lambda here: live(VaultJournal(store).live(job.drill), here, job.max_fall)),)
