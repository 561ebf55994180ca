"""Names to things: which adapter stands behind which word, in dicts one can read.

What costs time to import (boto3, psycopg, jinja2) is imported where it is used.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from restoredrill import clock, config, secret
from restoredrill.errors import ToolMissing, UsageError, VaultMissing
from restoredrill.machines.local import LocalMachine
from restoredrill.model import BackupJob, CheckResult, Errand, Job, MachineFacts, Report, VaultSpec
from restoredrill.protocols import Archive, Bill, Estate, Machine, Progress, Source, Store
from restoredrill.secret import Secret
from restoredrill.settings import DatabaseConfig, Purpose
from restoredrill.vault.layout import SIGNATURE, manifest_key
from restoredrill.vault.opening import open_store
from restoredrill.vault.sealing import AgeUnsealer
from restoredrill.vault.store import VaultStore

if TYPE_CHECKING:
    from restoredrill.aws.session import Reach
    from restoredrill.engines.postgres.target import PostgresTarget
    from restoredrill.evidence.signing import Signer
    from restoredrill.machines.ec2.machine import Ec2Machine

# Forms of a report that lie beside report.json in the vault, by file name.
STORED_FORMS = {"report.html": "html"}


def reveal(reference: str, where: str, region: str = "") -> Secret:
    """The value of any reference, also of one to a secret store of the cloud: that one is read in `region`,
    else in the one that the host's own configuration names.

    Raises `SecretMissing`, `CloudError`.
    """
    if secret.stored(reference) is None:
        return config.resolve(reference, where)
    from restoredrill.aws import secrets
    from restoredrill.aws.session import Reach

    return secrets.fetch(reference, where, Reach(region))


def region_of(job: Errand) -> str:
    """Where an errand's secrets are read: in its machine's region."""
    return "" if job.plan is None else job.plan.region


def store(spec: VaultSpec, database: str, *, attempts: int | None = None, region: str = "") -> VaultStore:
    """The vault's store; `attempts` at each request instead of the usual ones.

    Raises `SecretMissing`, `UsageError`, `VaultDenied`.
    """
    where = f"of the vault of {database}"
    located = config.locate(spec, database)
    keys = [
        None if reference is None else reveal(reference, f"{name} {where}", region).reveal()
        for name, reference in (
            ("access_key_id", located.access_key_id),
            ("secret_access_key", located.secret_access_key),
        )
    ]
    return open_store(located, keys[0], keys[1], attempts=attempts)


def vault(database: DatabaseConfig, purpose: Purpose, *, attempts: int | None = None) -> VaultStore:
    """The vault's store, with the credentials for `purpose`."""
    return store(database.vault.spec(purpose), database.name, attempts=attempts)


def located(database: DatabaseConfig, purpose: Purpose) -> VaultSpec:
    """How to open the vault, place filled in, keys still references: fit to leave this host in a job."""
    return config.locate(database.vault.spec(purpose), database.name)


def unsealer(decrypt_with: str | None, database: str, region: str = "") -> AgeUnsealer | None:
    """The private keys, where the file names some."""
    if decrypt_with is None:
        return None
    return AgeUnsealer(reveal(decrypt_with, f"drill.decrypt_with of {database}", region).reveal())


# Databases --------------------------------------------------------------------------------------------------


def _postgres(url: str, lock_timeout_s: float, connect_timeout_s: float) -> Source:
    from restoredrill.engines.postgres import toolchain
    from restoredrill.engines.postgres.connect import Limits
    from restoredrill.engines.postgres.source import PostgresSource

    tools = toolchain.installed(config.postgres_directories())
    return PostgresSource(url, tools, Limits(lock_timeout_s=lock_timeout_s), connect_timeout_s)


ENGINES: Mapping[str, Callable[[str, float, float], Source]] = {"postgres": _postgres}


def source(database: DatabaseConfig) -> Source:
    """The database to back up; there is only PostgreSQL so far. Raises `SecretMissing`, `CloudError`."""
    settings = database.source
    assert settings is not None
    if settings.url is None:
        raise UsageError("back up", database.name, "its dumps are taken by somebody else")
    url = reveal(settings.url, f"source.url of {database.name}").reveal()
    return ENGINES["postgres"](url, settings.lock_timeout_s, settings.connect_timeout_s)


def source_of(job: BackupJob) -> Source:
    """The database that a job wants backed up, as the machine beside it sees it; raises as `source`."""
    url = reveal(job.source_url, f"source_url of {job.database}", region_of(job)).reveal()
    return ENGINES["postgres"](url, job.lock_timeout_s, job.connect_timeout_s)


def target(home: Path, job: Job) -> "PostgresTarget":
    """The throwaway server of a job, below a machine's directory."""
    from restoredrill.engines.postgres import toolchain
    from restoredrill.engines.postgres.target import PostgresTarget

    tools = toolchain.installed(config.postgres_directories())
    return PostgresTarget(home / "server", tools, job.isolated)


def integrity(url: str, deep: bool, progress: Progress) -> tuple[CheckResult, tuple[str, ...]]:
    """The check `integrity` of a restored database, and what it could not look at."""
    from restoredrill.checks.integrity import integrity as judge
    from restoredrill.engines.postgres.integrity import examine

    began_s = clock.monotonic_s()
    examined = examine(url, deep, progress)
    return judge(examined, clock.monotonic_s() - began_s), examined.not_proven


def select(archive: Archive, tables: tuple[str, ...]) -> tuple[Archive, frozenset[str]]:
    """The schema of a backup, with the rows of `tables` and of what they need; which tables those are.

    Raises `UsageError` for a table that is not there.
    """
    from restoredrill.engines.postgres.selection import PartialArchive

    part = PartialArchive(archive, tables)
    return part, part.tables


# Machines ---------------------------------------------------------------------------------------------------


def _local(database: DatabaseConfig, spec: VaultSpec, decrypt_with: str | None) -> Machine:
    dumps = None if database.source is None else database.source.dumps_spec(spec, database.name)
    known = config.agent_environment(spec, decrypt_with, None if dumps is None else dumps.place)
    return LocalMachine(machines_directory(database), known)


def _ec2(database: DatabaseConfig, _spec: VaultSpec, _decrypt_with: str | None) -> Machine:
    return _ec2_machine(reach(database))


@functools.cache
def _ec2_machine(place: "Reach") -> "Ec2Machine":
    """One for all who are in the same account: a look at EC2 then serves all their errands."""
    from restoredrill.machines.ec2.machine import Ec2Machine

    return Ec2Machine(place)


MACHINES: Mapping[str, Callable[[DatabaseConfig, VaultSpec, str | None], Machine]] = {
    "local": _local,
    "ec2": _ec2,
}


def machines_directory(database: DatabaseConfig) -> Path:
    """Where the local machines of a database live, and the spools of its backups."""
    named = database.machines.local.directory
    return config.machines_directory() if named is None else Path(named)


def machine(provider: str, database: DatabaseConfig, spec: VaultSpec, decrypt_with: str | None) -> Machine:
    """A provider of machines, whose agents may know what opens this vault and nothing else of ours."""
    return MACHINES[provider](database, spec, decrypt_with)


def reach(database: DatabaseConfig) -> "Reach":
    """The account where a database's machines are started. Raises `UsageError` where its file names none."""
    from restoredrill.aws.session import Reach

    ec2 = database.machines.ec2
    if ec2 is None:
        hint = "name subnets, security_groups and instance_profile there; `restoredrill schema` has the rest"
        raise UsageError("use", f"machine ec2 for {database.name}", "its file has no machines.ec2", hint=hint)
    endpoint = ec2.endpoint_url
    if endpoint is not None:
        endpoint = config.resolve(endpoint, f"machines.ec2.endpoint_url of {database.name}").reveal()
    return Reach(ec2.region, ec2.regions, ec2.profile, ec2.role_arn, endpoint)


def estate(database: DatabaseConfig) -> Estate:
    """All that lives in a database's regions."""
    from restoredrill.machines.ec2.estate import Ec2Estate

    return Ec2Estate(reach(database))


def facts(provider: str, database: DatabaseConfig) -> Callable[[str], MachineFacts] | None:
    """What a provider knows of its machines besides whether they live."""
    if provider == "local":
        return None
    return _ec2_machine(reach(database)).facts


def bill(provider: str, database: DatabaseConfig) -> Bill | None:
    """What says what an errand has cost; nothing, where nobody is paid."""
    if provider == "local":
        return None
    from restoredrill.machines.ec2.bill import Ec2Bill

    return Ec2Bill(reach(database))


# Reports ----------------------------------------------------------------------------------------------------


def render(report: Report) -> Mapping[str, str]:
    """The forms that are stored beside report.json."""
    from restoredrill.reports.forms import FORMS

    return {name: FORMS[form](report) for name, form in STORED_FORMS.items()}


# Evidence ---------------------------------------------------------------------------------------------------


def signer(schedules: Path) -> "Signer | None":
    """The key that `_service.yaml` names for evidence, if it names one.

    Raises `ConfigError`, `SecretMissing`, `CloudError`, `EvidenceUnfit`, `ToolMissing`.
    """
    reference = config.service(schedules).evidence.key
    if reference is None:
        return None
    try:
        from restoredrill.evidence.signing import Signer
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    return Signer(reveal(reference, "evidence.key").reveal())


def sealed_render(store: Store, key: "Signer | None") -> Callable[[Report], Mapping[str, str]]:
    """`render`, and with a key the signature under the report as it is going to be stored. It calls the vault
    for the manifest that is signed, too: whoever uses it is ready for `VaultError`.
    """
    if key is None:
        return render

    def render_and_sign(report: Report) -> Mapping[str, str]:
        from restoredrill.evidence.signing import sign

        manifest = None if report.backup is None else _manifest(store, report.backup.id)
        return {**render(report), SIGNATURE: sign(report.to_json().encode(), manifest, key).decode()}

    return render_and_sign


def _manifest(store: Store, backup: str) -> bytes | None:
    """The bytes as they lie in the vault; None of a backup that is pruned by now, or has no id of ours."""
    try:
        return b"".join(store.fetch(manifest_key(backup)))
    except VaultMissing:
        return None
