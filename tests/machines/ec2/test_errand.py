"""The whole of a machine's work, but for the machine: boot data run for real, the real bundle fetched by a
role from a real vault, a real backup restored by the PostgreSQL it brings.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restoredrill import backup
from restoredrill.backup import BackupRequest
from restoredrill.engines.postgres.connect import Limits
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.model import BackupJob, FingerprintLevel, Job, Manifest, Verdict
from restoredrill.outcome import BackupOutcome
from restoredrill.vault.bundles import VaultBundles
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.errands import VaultErrands
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.opening import open_store
from restoredrill.vault.store import VaultStore
from tests.machines.ec2.errands import BACKUP, DRILL, Metadata, backup_job, job, metadata
from tests.machines.ec2.guest import Guest
from tests.plugins.bundle import Built
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault

BARE = getattr(sys, "_base_executable", sys.executable)
ORDERS = "CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, 5000) n;"


@pytest.fixture
def store(s3_vault: S3Vault) -> VaultStore:
    return open_store(s3_vault.spec, s3_vault.access_key, s3_vault.secret_key)


@pytest.fixture
def guest(short_path: Path, s3_vault: S3Vault) -> Iterator[tuple[Guest, Metadata]]:
    """A machine whose only Python has nothing installed, and whose role may use the vault."""
    found = Guest(short_path / "g")
    for folder in (found.root, found.work):
        folder.chmod(0o711)
    found.python("python3.11", BARE)
    with metadata(s3_vault.access_key, s3_vault.secret_key) as told:
        found.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = told.url
        yield found, told


def prepared(store: VaultStore, built: Built, source: SourceServer, spool: Path) -> Manifest:
    """A backup and the agent's bundle in the vault."""
    VaultBundles(store).publish(built.path, built.bundle)
    request = BackupRequest(BACKUP, "shop", 1, FingerprintLevel.CONTENT, (), spool)
    spool.mkdir()
    url = source.url(source.database(ORDERS))
    origin = PostgresSource(url, (source.tools,), Limits(lock_timeout_s=30), 10)
    return backup.take(request, origin, VaultBackups(store), lambda *_: None)


def of_role(vault: S3Vault) -> dict[str, object]:
    return vault.spec.model_dump() | {"access_key_id": None, "secret_access_key": None}


def here(vault: S3Vault, built: Built, errand: Job | BackupJob) -> Job | BackupJob:
    return errand.model_copy(update={"vault": vault.spec.model_validate(of_role(vault))})


def test_a_drill_from_boot_data_to_the_report(
    s3_vault: S3Vault,
    store: VaultStore,
    agent_bundle: Built,
    source_server: Callable[[int], SourceServer],
    guest: tuple[Guest, Metadata],
    short_path: Path,
) -> None:
    machine, _ = guest
    prepared(store, agent_bundle, source_server(17), short_path / "spool")
    errand = here(s3_vault, agent_bundle, job(None, agent_bundle.bundle, began=datetime.now(UTC)))
    assert isinstance(errand, Job)
    journal = VaultJournal(store)
    journal.submit(errand)
    said = machine.boot(errand, attempt=2, timeout_s=240)
    report = next(journal.reports(DRILL), None)
    assert report is not None, said
    assert report.verdict is Verdict.PASSED, report.reasons
    assert (report.machine.id, report.machine.type) == ("i-0a1b2c3d4e5f60718", "m7i.large")
    numbers = [number for number, _ in journal.events(DRILL, 0)]
    assert min(numbers) == 100_001
    assert f"passed {DRILL}" in b"".join(store.fetch(f"drills/{DRILL}/agent-2.log")).decode()
    assert machine.done.count("systemctl poweroff") == 2, "the agent's, and the script's"
    assert _left_below(machine.root) == ""


def test_a_backup_from_boot_data_to_the_outcome(
    s3_vault: S3Vault,
    store: VaultStore,
    agent_bundle: Built,
    source_server: Callable[[int], SourceServer],
    guest: tuple[Guest, Metadata],
    short_path: Path,
) -> None:
    machine, _ = guest
    VaultBundles(store).publish(agent_bundle.path, agent_bundle.bundle)
    source = source_server(17)
    secret = short_path / "url"
    secret.write_text(source.url(source.database(ORDERS)))
    began = job(None, agent_bundle.bundle, began=datetime.now(UTC))
    times = {name: getattr(began, name) for name in ("started_at", "deadline_at", "expires_at")}
    errand = here(s3_vault, agent_bundle, backup_job(None, agent_bundle.bundle))
    errand = errand.model_copy(update={"source_url": f"file:{secret}", **times})
    assert isinstance(errand, BackupJob)
    errands = VaultErrands(store)
    errands.submit(errand)
    said = machine.boot(errand, timeout_s=240)
    outcome = errands.outcome(BACKUP)
    assert isinstance(outcome, BackupOutcome), said
    assert outcome.taken, said
    assert outcome.machine.zone == "eu-central-1a"
    (taken,) = VaultBackups(store).list()
    assert taken.fingerprint.tables[0].rows == 5000
    assert "systemctl poweroff" in machine.done


def _left_below(root: Path) -> str:
    """Processes that still work there."""
    found = subprocess.run(["pgrep", "-f", str(root)], capture_output=True, text=True, check=False)
    return found.stdout
