"""Names to things: which adapter stands behind which word, in dicts one can read.

What costs time to import (boto3, psycopg, jinja2) is imported where it is used.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from restoredrill import config
from restoredrill.config import resolve
from restoredrill.machines.local import LocalMachine
from restoredrill.model import Job, Report, VaultSpec
from restoredrill.protocols import Machine, Source
from restoredrill.settings import DatabaseConfig, Purpose
from restoredrill.vault.opening import open_store
from restoredrill.vault.sealing import AgeUnsealer
from restoredrill.vault.store import VaultStore

if TYPE_CHECKING:
    from restoredrill.engines.postgres.target import PostgresTarget

# Forms of a report that lie beside report.json in the vault, by file name.
STORED_FORMS = {"report.html": "html"}


def store(spec: VaultSpec, database: str, *, attempts: int | None = None) -> VaultStore:
    """The vault's store; `attempts` at each request instead of the usual ones.

    Raises `SecretMissing`, `UsageError`, `VaultDenied`.
    """
    where = f"of the vault of {database}"
    located = config.locate(spec, database)
    keys = [
        None if reference is None else resolve(reference, f"{name} {where}").reveal()
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


def unsealer(decrypt_with: str | None, database: str) -> AgeUnsealer | None:
    """The private keys, where the file names some."""
    if decrypt_with is None:
        return None
    return AgeUnsealer(resolve(decrypt_with, f"drill.decrypt_with of {database}").reveal())


# Databases --------------------------------------------------------------------------------------------------


def _postgres(url: str, database: DatabaseConfig) -> Source:
    from restoredrill.engines.postgres import toolchain
    from restoredrill.engines.postgres.connect import Limits
    from restoredrill.engines.postgres.source import PostgresSource

    assert database.source is not None
    limits = Limits(lock_timeout_s=database.source.lock_timeout_s)
    tools = toolchain.installed(config.postgres_directories())
    return PostgresSource(url, tools, limits, database.source.connect_timeout_s)


ENGINES: Mapping[str, Callable[[str, DatabaseConfig], Source]] = {"postgres": _postgres}


def source(database: DatabaseConfig) -> Source:
    """The database to back up; there is only PostgreSQL so far. Raises `SecretMissing`."""
    assert database.source is not None
    url = resolve(database.source.url, f"source.url of {database.name}").reveal()
    return ENGINES["postgres"](url, database)


def target(home: Path, job: Job) -> "PostgresTarget":
    """The throwaway server of a job, below a machine's directory."""
    from restoredrill.engines.postgres import toolchain
    from restoredrill.engines.postgres.target import PostgresTarget

    tools = toolchain.installed(config.postgres_directories())
    return PostgresTarget(home / "server", tools, job.isolated)


# Machines ---------------------------------------------------------------------------------------------------


MACHINES: Mapping[str, Callable[[Path, Mapping[str, str]], Machine]] = {"local": LocalMachine}


def machines_directory(database: DatabaseConfig) -> Path:
    """Where the local machines of a database live, and the spools of its backups."""
    named = database.machines.local.directory
    return config.machines_directory() if named is None else Path(named)


def machine(provider: str, directory: Path, spec: VaultSpec, decrypt_with: str | None) -> Machine:
    """A provider of machines, whose agents may know what opens this vault and nothing else of ours."""
    return MACHINES[provider](directory, config.agent_environment(spec, decrypt_with))


# Reports ----------------------------------------------------------------------------------------------------


def render(report: Report) -> Mapping[str, str]:
    """The forms that are stored beside report.json."""
    from restoredrill.reports.forms import FORMS

    return {name: FORMS[form](report) for name, form in STORED_FORMS.items()}
