"""`doctor` tries out in small what backups and drills will need, and has a fix for every fault."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest

from restoredrill import clock
from restoredrill.doctor import Examined, Outcome, Patient, Probe, SecretState, examine
from restoredrill.errors import (
    Exit,
    RestoredrillError,
    SourceUnreachable,
    ToolMissing,
    VaultConflict,
    VaultDenied,
    VaultHeld,
    VaultUnreachable,
)
from restoredrill.model import ServerFacts
from restoredrill.protocols import Entry, Store
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.sealing import AgeSealer, AgeUnsealer
from tests.cli import programs
from tests.cli.programs import REAL
from tests.config.documents import PUBLIC_KEY
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault

MIB = 1024**2


class Fickle:
    """A store that is a folder, and can be told to be worse than one."""

    def __init__(
        self, folder: FolderStore, *, denies: str = "", raises: RestoredrillError | None = None
    ) -> None:
        self.folder = folder
        self.denies = denies.split()
        self.error = raises or VaultDenied("use", "the vault", "access denied")
        self.replaces = False
        self.changes = False
        self.hides = False
        self.keeps = False
        self.ahead = timedelta(0)

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        self._ask("put")
        self.folder.put(key, chunks)

    def put_once(self, key: str, body: bytes) -> None:
        self._ask("put_once")
        try:
            self.folder.put_once(key, body)
        except VaultConflict:
            if not self.replaces:
                raise

    def fetch(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        self._ask("fetch")
        for chunk in self.folder.fetch(key, start, length):
            yield chunk[::-1] if self.changes else chunk

    def list(self, prefix: str = "", *, folders: bool = False) -> Iterator[Entry]:
        self._ask("list")
        for entry in [] if self.hides else self.folder.list(prefix, folders=folders):
            yield dataclasses.replace(entry, modified_at=entry.modified_at + self.ahead)

    def delete(self, keys: Sequence[str]) -> None:
        self._ask("delete")
        if not self.keeps:
            self.folder.delete(keys)

    def _ask(self, deed: str) -> None:
        if deed in self.denies:
            raise self.error


@dataclasses.dataclass
class Shop:
    """A source that answers, or does not."""

    hidden: tuple[str, ...] = ()
    error: RestoredrillError | None = None
    size_bytes: int = 100 * MIB

    def facts(self) -> ServerFacts:
        if self.error is not None:
            raise self.error
        return ServerFacts(
            version="17.4",
            version_num=170004,
            database="shop",
            encoding="UTF8",
            collate="C",
            ctype="C",
            size_bytes=self.size_bytes,
        )

    def unreadable(self) -> list[str]:
        return list(self.hidden)


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "vault")


@pytest.fixture
def store(folder: FolderStore) -> Fickle:
    return Fickle(folder)


def probes(patient: Patient) -> dict[str, Probe]:
    return {probe.name: probe for probe in examine(patient, "7f3a")}


def at(*stores: Store) -> Patient:
    """A patient of which only the vault is examined: as the writer, the reader, the pruner."""
    names = ("writer", "reader", "pruner")
    return Patient("shop", **{name: give(store) for name, store in zip(names, stores, strict=False)})  # type: ignore[arg-type]


def give(store: Store) -> Callable[[], Store]:
    return lambda: store


def of(source: Examined) -> Patient:
    return Patient("shop", source=lambda: source, client=lambda major: f"pg_dump {major}.4")


# The vault --------------------------------------------------------------------------------------------------


def test_a_good_vault_is_left_as_it_was(folder: FolderStore, store: Fickle) -> None:
    found = probes(at(store, store, store))
    assert {probe.outcome for probe in found.values()} == {Outcome.OK}
    assert list(found) == [
        "vault: write",
        "vault: conditional write",
        "vault: read",
        "clock",
        "vault: delete",
    ]
    assert list(folder.list()) == []


def test_a_writer_that_may_only_write_is_fine_and_that_is_said(folder: FolderStore) -> None:
    writer = Fickle(folder, denies="fetch list delete")
    found = probes(at(writer))
    assert {name: (p.outcome, p.detail) for name, p in found.items() if name != "vault: write"} == {
        "vault: conditional write": (Outcome.OK, "a second write of the same object was refused"),
        "vault: read": (Outcome.OK, "the writer may not read, which is fine"),
        "clock": (Outcome.SKIPPED, "what was written can't be seen"),
        "vault: delete": (
            Outcome.OK,
            (
                "the writer may not delete, which is fine; scratch/doctor-7f3a/written, "
                "scratch/doctor-7f3a/once stay: delete them by hand"
            ),
        ),
    }


def test_each_deed_is_done_by_those_whose_it_is(folder: FolderStore) -> None:
    found = probes(
        at(Fickle(folder, denies="fetch list delete"), Fickle(folder, denies="put delete"), folder)
    )
    assert found["vault: read"].detail == "the restoring credentials may list and read"
    assert found["vault: delete"].detail == "the pruning credentials may delete, and the writer may not"
    assert list(folder.list()) == []


def test_a_writer_that_may_delete_though_another_should_is_told(folder: FolderStore) -> None:
    assert "it need not" in probes(at(folder, folder, folder))["vault: delete"].detail


@pytest.mark.parametrize(
    ("flaw", "probe", "detail", "fix"),
    [
        ({"denies": ["put"]}, "vault: write", "access denied", "allow s3:PutObject, also on scratch/*"),
        ({"denies": ["put_once"]}, "vault: conditional write", "access denied", ""),
        (
            {"replaces": True},
            "vault: conditional write",
            "in spite of If-None-Match",
            "use a store that honours",
        ),
        ({"denies": ["list"]}, "vault: read", "access denied", "allow s3:ListBucket and s3:GetObject"),
        ({"denies": ["fetch"]}, "vault: read", "access denied", "allow s3:ListBucket and s3:GetObject"),
        ({"hides": True}, "vault: read", "is not in the listing", "this store can't hold backups"),
        ({"changes": True}, "vault: read", "came back changed", "this store can't hold backups"),
        ({"ahead": timedelta(minutes=5)}, "clock", "300 s ahead of ours", "chrony"),
        ({"ahead": timedelta(minutes=-5)}, "clock", "s behind ours", "chrony"),
        ({"keeps": True}, "vault: delete", "still there", "allow s3:DeleteObject"),
    ],
)
def test_each_fault_of_a_vault_is_found(
    store: Fickle, flaw: dict[str, object], probe: str, detail: str, fix: str
) -> None:
    vars(store).update(flaw)
    found = probes(at(store, store))[probe]
    assert found.outcome is Outcome.FAILED
    assert detail in found.detail
    assert fix in found.fix


def test_clocks_that_differ_a_little_are_fine(store: Fickle) -> None:
    store.ahead = timedelta(seconds=20)
    found = probes(at(store, store))["clock"]
    assert found.outcome is Outcome.OK
    assert "20 s" in found.detail or "19 s" in found.detail


def test_nothing_more_is_tried_where_nothing_can_be_written(folder: FolderStore) -> None:
    writer = Fickle(
        folder, denies="put", raises=VaultUnreachable("reach", "the vault", "no answer", hint="look")
    )
    found = probes(at(writer, folder))
    assert [(p.name, p.outcome) for p in found.values()] == [
        ("vault: write", Outcome.FAILED),
        ("vault: read, delete", Outcome.SKIPPED),
    ]
    assert found["vault: write"].fix == "look", "an error's own hint comes first"


def test_pruning_credentials_that_may_not_delete_are_a_fault(folder: FolderStore) -> None:
    found = probes(at(Fickle(folder, denies="delete"), folder, Fickle(folder, denies="delete")))[
        "vault: delete"
    ]
    assert (found.outcome, found.fix) == (Outcome.FAILED, "allow s3:DeleteObject to those who prune")


def test_retention_is_no_fault(folder: FolderStore) -> None:
    held = Fickle(folder, denies="delete", raises=VaultHeld("delete", "k", "under retention"))
    found = probes(at(held, folder))["vault: delete"]
    assert found.outcome is Outcome.OK
    assert "under retention" in found.detail


def test_a_host_that_only_drills_writes_nothing(folder: FolderStore) -> None:
    reader = Fickle(folder, denies="put put_once delete")
    assert probes(Patient("shop", reader=give(reader)))["vault: list"].outcome is Outcome.OK
    reader.denies = ["list"]
    found = probes(Patient("shop", reader=give(reader)))["vault: list"]
    assert (found.outcome, found.fix) == (Outcome.FAILED, "allow s3:ListBucket to those who restore")


def test_an_examination_that_is_broken_off_takes_its_objects_along(folder: FolderStore) -> None:
    for probe in examine(at(folder, folder), "7f3a"):
        if probe.name == "vault: conditional write":
            break
    assert list(folder.list()) == []


def test_the_vault_is_opened_once_for_each_set_of_credentials(folder: FolderStore) -> None:
    opened: list[str] = []

    def find(who: str) -> Callable[[], Store]:
        def open_it() -> Store:
            opened.append(who)
            return folder

        return open_it

    list(examine(Patient("shop", writer=find("writer"), reader=find("reader")), "7f3a"))
    assert sorted(opened) == ["reader", "writer"]


# The source -------------------------------------------------------------------------------------------------


def test_a_good_source() -> None:
    found = probes(of(Shop()))
    assert [(p.name, p.outcome, p.detail) for p in found.values()] == [
        ("source", Outcome.OK, "PostgreSQL 17.4, database shop, 100 MB"),
        ("privileges", Outcome.OK, "everything that belongs in a backup can be read"),
        ("client programs", Outcome.OK, "pg_dump 17.4"),
    ]


def test_a_source_that_does_not_answer_stops_what_needs_it() -> None:
    found = probes(of(Shop(error=SourceUnreachable("connect to", "shop", "no answer"))))
    assert found["source"].outcome is Outcome.FAILED
    assert found["source"].fix == "check host, port, user, password and pg_hba.conf"
    assert found["privileges"].outcome is Outcome.SKIPPED
    assert found["client programs"].outcome is Outcome.SKIPPED


def test_what_can_not_be_read_is_named() -> None:
    found = probes(of(Shop(hidden=tuple(f"table public.t{n}" for n in range(12)))))["privileges"]
    assert found.outcome is Outcome.FAILED
    assert found.detail.startswith("can't read table public.t0, table public.t1")
    assert found.detail.endswith("table public.t9 and 2 more")
    assert "grant pg_read_all_data" in found.fix


def test_programs_that_are_missing_are_a_fault() -> None:
    def none(major: int) -> str:
        raise ToolMissing(
            "find", "client programs", f"none for {major}", hint=f"install postgresql-client-{major}"
        )

    found = probes(dataclasses.replace(of(Shop()), client=none, server=lambda major: f"postgres {major}"))
    assert (found["client programs"].outcome, found["client programs"].fix) == (
        Outcome.FAILED,
        "install postgresql-client-17",
    )
    assert found["server programs"].detail == "postgres 17"


# Here -------------------------------------------------------------------------------------------------------


def test_room_is_measured_where_there_is_a_directory_yet(tmp_path: Path) -> None:
    asked: list[Path] = []

    def free(path: Path) -> int:
        asked.append(path)
        return 2 * 1024**3

    patient = Patient(
        "shop",
        source=lambda: Shop(size_bytes=2 * 1024**3),
        spool=tmp_path / "spool",
        machines=tmp_path / "a" / "b",
        free_bytes=free,
    )
    found = probes(patient)
    assert asked == [tmp_path, tmp_path]
    assert found["room for dumps in passing"].outcome is Outcome.OK
    assert found["room for a restored database"].outcome is Outcome.FAILED
    assert "2,048 MB free, 3,072 MB needed" in found["room for a restored database"].detail


def test_secrets_that_lack_or_are_exposed_are_faults() -> None:
    states = (
        SecretState("source.url"),
        SecretState("vault.access_key_id", lacks=("KEY",)),
        SecretState("drill.decrypt_with", exposed=True),
    )
    found = list(examine(Patient("shop", secrets=states), "7f3a"))
    assert [(p.outcome, p.detail) for p in found] == [
        (Outcome.OK, "source.url: there"),
        (Outcome.FAILED, "vault.access_key_id: KEY is not there"),
        (Outcome.FAILED, "drill.decrypt_with: everybody on this host can read the file"),
    ]
    assert found[2].fix == "chmod 600 that file"


@pytest.mark.parametrize(("able", "outcome"), [(True, Outcome.OK), (False, Outcome.FAILED)])
def test_isolation(able: bool, outcome: Outcome) -> None:
    found = probes(Patient("shop", can_isolate=lambda: able))["isolation"]
    assert found.outcome is outcome
    assert bool(found.fix) is (outcome is Outcome.FAILED)


def test_a_fitting_key_opens() -> None:
    identity = pyrage.x25519.Identity.generate()
    patient = Patient(
        "shop",
        sealer=lambda: AgeSealer([PUBLIC_KEY, str(identity.to_public())]),
        unsealer=lambda: AgeUnsealer(str(identity)),
    )
    found = probes(patient)
    assert found["encryption"].detail == "to 2 public keys"
    assert found["decryption"].detail == "drill.decrypt_with opens what backup.encrypt_to closes"
    found = probes(dataclasses.replace(patient, sealer=lambda: AgeSealer([PUBLIC_KEY])))
    assert found["decryption"].outcome is Outcome.FAILED
    assert "none of the keys given opens it" in found["decryption"].detail
    assert found["decryption"].fix == "give drill.decrypt_with a key that fits one of backup.encrypt_to"


def test_a_key_that_is_none_is_a_fault() -> None:
    found = probes(Patient("shop", unsealer=lambda: AgeUnsealer("nonsense")))["decryption"]
    assert found.outcome is Outcome.FAILED
    assert "nonsense" not in found.detail


def test_no_encryption_is_said() -> None:
    assert probes(Patient("shop", sealer=lambda: AgeSealer()))["encryption"].detail == "none asked for"


def test_our_clock_is_told_by_who_asks(folder: FolderStore) -> None:
    late = clock.utcnow() + timedelta(hours=1)
    found = {probe.name: probe for probe in examine(at(folder, folder), "7f3a", now=lambda: late)}
    assert found["clock"].outcome is Outcome.FAILED
    assert "behind ours" in found["clock"].detail


# The whole of it, on real servers ---------------------------------------------------------------------------


def write_file(place: Path, url: str, vault: S3Vault, key: str) -> None:
    """JSON is YAML, so a document will do."""
    given = vault.spec.model_dump(exclude_none=True)
    drill = {"network": "open", "decrypt_with": key}
    document = {
        "source": {"url": url},
        "vault": given,
        "backup": {"encrypt_to": [PUBLIC_KEY]},
        "drill": drill,
    }
    place.mkdir()
    (place / "shop.yaml").write_text(json.dumps(document), encoding="utf-8")


def test_on_real_servers(
    tmp_path: Path, source_server: Callable[[int], SourceServer], s3_vault: S3Vault
) -> None:
    server = source_server(17)
    name = server.database(
        "CREATE TABLE seen (n int); CREATE TABLE hidden (n int); GRANT SELECT ON seen TO PUBLIC"
    )
    with server.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS doctor_reader")
        connection.execute("CREATE ROLE doctor_reader LOGIN")
    (tmp_path / "key").write_text("AGE-SECRET-KEY-1NONSENSE", encoding="utf-8")
    write_file(tmp_path / "schedules", server.url_as("doctor_reader", name), s3_vault, f"file:{tmp_path}/key")
    env = {
        **s3_vault.environment,
        "RESTOREDRILL_POSTGRES_PATH": str(server.tools.bindir),
        "RESTOREDRILL_MACHINES": str(tmp_path),
    }
    ran = programs.run(REAL, "doctor", "--json", cwd=tmp_path, env=env)
    assert ran.returncode == Exit.FAILED, ran.stderr
    document = json.loads(ran.stdout)
    found = [(p["name"], p["outcome"]) for p in document["databases"][0]["probes"] if p["name"] != "secret"]
    assert found == [
        ("source", "ok"),
        ("privileges", "failed"),
        ("client programs", "ok"),
        ("server programs", "ok"),
        ("vault: write", "ok"),
        ("vault: conditional write", "ok"),
        ("vault: read", "ok"),
        ("clock", "ok"),
        ("vault: delete", "ok"),
        ("encryption", "ok"),
        ("decryption", "failed"),
        ("room for dumps in passing", "ok"),
        ("room for a restored database", "ok"),
    ]
    assert "NONSENSE" not in ran.stdout + ran.stderr
    assert s3_vault.secret_key not in ran.stdout + ran.stderr
    by_name = {p["name"]: p for p in document["databases"][0]["probes"]}
    assert "hidden" in by_name["privileges"]["detail"]
    assert "seen" not in by_name["privileges"]["detail"]


def test_all_well_ends_with_0(tmp_path: Path, source_server: Callable[[int], SourceServer]) -> None:
    server = source_server(17)
    (tmp_path / "schedules").mkdir()
    vault = {"url": f"file://{tmp_path}/vault"}
    machines = {"local": {"directory": f"{tmp_path}/drills"}}
    document = {"source": {"url": server.url()}, "vault": vault, "backup": {}, "machines": machines}
    (tmp_path / "schedules" / "shop.yaml").write_text(json.dumps(document), encoding="utf-8")
    env = {"RESTOREDRILL_POSTGRES_PATH": str(server.tools.bindir)}
    ran = programs.run(REAL, "doctor", "shop", cwd=tmp_path, env=env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "shop:"
    assert lines[-1] == "nothing failed"
    assert all(line.startswith("  ok  ") for line in lines[1:-1])
    (room,) = (line for line in lines if "room for dumps" in line)
    assert f"{tmp_path}/drills: " in room, "where the backup will really work"
