"""The programs of the boot data, run for real: against a real S3 server, with keys of a stand-in's role."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from restoredrill.machines.ec2 import boot
from restoredrill.model import Event, VaultSpec
from restoredrill.plan import AgentBundle
from restoredrill.vault.opening import open_store
from restoredrill.vault.store import VaultStore
from tests.machines.ec2.errands import Metadata, bundle, job, metadata
from tests.machines.ec2.guest import Guest
from tests.plugins.s3 import S3Vault

FETCH = Path(boot.__file__).with_name("onboard") / "fetch.py"
# Stands for the agent: says how it was called.
AGENT = b"import sys; print('agent', *sys.argv[1:]); sys.exit(3)\n"
NOW = datetime.now(UTC)


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path / "guest")


@pytest.fixture
def store(s3_vault: S3Vault) -> VaultStore:
    return open_store(s3_vault.spec, s3_vault.access_key, s3_vault.secret_key)


@pytest.fixture
def told(s3_vault: S3Vault, guest: Guest) -> Iterator[Metadata]:
    """The metadata service of the guest, whose role may use the vault."""
    with metadata(s3_vault.access_key, s3_vault.secret_key) as told:
        guest.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = told.url
        yield told


def of_role(vault: S3Vault) -> VaultSpec:
    """The vault as a machine opens it: with the keys of its role."""
    return vault.spec.model_copy(update={"access_key_id": None, "secret_access_key": None})


def published(store: VaultStore, body: bytes = AGENT) -> AgentBundle:
    found = bundle(body)
    store.put(f"agents/{found.name}", [body])
    return found


def last_words(store: VaultStore, attempt: int = 1) -> Event:
    key = f"drills/20261126T031500Z-7f3a/events/{attempt * 100000 - 1:06d}.json"
    return Event.model_validate_json(b"".join(store.fetch(key)))


def is_off(guest: Guest) -> bool:
    return "systemctl poweroff" in guest.done and "poweroff -f" in guest.done


# The script as a whole --------------------------------------------------------------------------------------


def test_the_agent_is_fetched_and_run(
    s3_vault: S3Vault, store: VaultStore, told: Metadata, guest: Guest
) -> None:
    said = guest.boot(job(of_role(s3_vault), published(store), began=NOW))
    assert f"agent agent errand {guest.work}" in said
    assert "powering off: the agent has ended (3)" in said
    assert is_off(guest)


def test_a_name_with_odd_letters_is_a_name(s3_vault: S3Vault, told: Metadata, guest: Guest) -> None:
    odd = s3_vault.spec.model_copy(update={"url": f"{s3_vault.spec.url}/it's ü+%41 & co"})
    store = open_store(odd, s3_vault.access_key, s3_vault.secret_key)
    spec = of_role(S3Vault(odd, s3_vault.access_key, s3_vault.secret_key))
    assert "agent agent errand" in guest.boot(job(spec, published(store), began=NOW))


def test_what_is_not_what_was_published_is_not_run(
    s3_vault: S3Vault, store: VaultStore, told: Metadata, guest: Guest
) -> None:
    found = published(store)
    store.put(f"agents/{found.name}", [AGENT.replace(b"agent", b"demon")])
    said = guest.boot(job(of_role(s3_vault), found, began=NOW), attempt=2)
    assert "demon" not in said
    assert f"and not {found.sha256}: it is not run" in said
    assert "it is not run" in last_words(store, 2).message
    assert is_off(guest)


def test_no_bundle_in_the_vault(s3_vault: S3Vault, store: VaultStore, told: Metadata, guest: Guest) -> None:
    said = guest.boot(job(of_role(s3_vault), bundle(AGENT), began=NOW))
    assert "NoSuchKey" in said
    assert last_words(store).phase == "boot"
    assert is_off(guest)


def test_a_role_that_may_not_read(s3_vault: S3Vault, told: Metadata, store: VaultStore, guest: Guest) -> None:
    told.keys["SecretAccessKey"] = "wrong"
    said = guest.boot(job(of_role(s3_vault), published(store), began=NOW))
    assert "403" in said
    assert is_off(guest)


def test_no_python_that_fits(s3_vault: S3Vault, store: VaultStore, told: Metadata, guest: Guest) -> None:
    said = guest.boot(job(of_role(s3_vault), bundle(AGENT, python="3.99"), began=NOW))
    assert "looking for a package" in said
    assert "dnf install -q -y python3.99" in guest.done
    assert "no Python of 3.99 is on this image" in last_words(store).message
    assert is_off(guest)


def test_a_baked_bundle_is_not_fetched(
    s3_vault: S3Vault, told: Metadata, guest: Guest, tmp_path: Path
) -> None:
    found = bundle(AGENT)
    (tmp_path / found.name).write_bytes(AGENT)
    note = boot.note_of(job(of_role(s3_vault), found), job(None, found).plan, 1)  # type: ignore[arg-type]
    assert fetched(guest, note.model_copy(update={"baked": str(tmp_path)})) == (0, str(tmp_path / found.name))


def test_a_baked_bundle_that_was_changed_is_passed_over(
    s3_vault: S3Vault, store: VaultStore, told: Metadata, guest: Guest, tmp_path: Path
) -> None:
    found = published(store)
    (tmp_path / found.name).write_bytes(b"changed")
    note = boot.note_of(job(of_role(s3_vault), found), job(None, found).plan, 1)  # type: ignore[arg-type]
    status, path = fetched(guest, note.model_copy(update={"baked": str(tmp_path)}))
    assert (status, path) == (0, str(guest.work / found.name))


# Patience ---------------------------------------------------------------------------------------------------


def fetched(guest: Guest, note: boot.Note) -> tuple[int, str]:
    """Exit status and standard output of `fetch.py get`."""
    path = guest.work / "boot.json"
    path.write_text(note.model_dump_json(by_alias=True))
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    argv = [sys.executable, "-I", str(FETCH), "get", str(path), python, str(guest.work)]
    done = subprocess.run(
        argv,
        env={**guest.environment, "RD_REFUSED_S": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.strip()


def note_for(spec: VaultSpec, found: AgentBundle, patience_s: float = 60) -> boot.Note:
    errand = job(spec, found)
    assert errand.plan is not None
    return boot.note_of(errand, errand.plan, 1).model_copy(update={"patience_s": patience_s})


def test_a_metadata_service_that_is_late(
    s3_vault: S3Vault, store: VaultStore, told: Metadata, guest: Guest
) -> None:
    told.refuses = 3
    found = published(store)
    assert fetched(guest, note_for(of_role(s3_vault), found)) == (0, str(guest.work / found.name))


def test_no_metadata_service_at_all(s3_vault: S3Vault, guest: Guest) -> None:
    guest.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1"
    assert fetched(guest, note_for(of_role(s3_vault), bundle(AGENT), patience_s=0))[0] == 1


class Breaking:
    """An S3 server of few words that breaks off in the middle of its first `breaks` answers."""

    def __init__(self, body: bytes, breaks: int) -> None:
        self.ranges: list[str] = []
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range", "bytes=0-")
                outer.ranges.append(asked)
                rest = body[int(asked.removeprefix("bytes=").rstrip("-")) :]
                self.send_response(206)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest[: len(rest) // 2] if len(outer.ranges) <= breaks else rest)
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_connection_that_breaks_is_resumed_where_it_broke(told: Metadata, guest: Guest) -> None:
    body = AGENT * 1000
    server = Breaking(body, 1)
    try:
        spec = VaultSpec(url="s3://acme/shop", endpoint_url=server.url)
        status, path = fetched(guest, note_for(spec, bundle(body)))
    finally:
        server.close()
    assert status == 0
    assert Path(path).read_bytes() == body
    assert server.ranges == ["bytes=0-", f"bytes={len(body) // 2}-"]


def test_the_endpoint_of_the_environment_is_asked(told: Metadata, guest: Guest) -> None:
    server = Breaking(AGENT, 0)
    guest.environment["AWS_ENDPOINT_URL_S3"] = server.url
    try:
        assert fetched(guest, note_for(VaultSpec(url="s3://acme/shop"), bundle(AGENT)))[0] == 0
    finally:
        server.close()


# The disk ---------------------------------------------------------------------------------------------------

LOCAL, EBS = "Amazon EC2 NVMe Instance Storage", "Amazon Elastic Block Store"


def prepared(guest: Guest, scratch: str) -> tuple[str, list[str]]:
    """What was said and done about disks; there is no Python that fits, so that is all there is."""
    guest.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1"
    errand = job(None, bundle(AGENT, python="3.99"), began=NOW, scratch=scratch)
    note = errand.model_copy(update={"expires_at": errand.started_at + timedelta(seconds=60)})
    guest.program("python3", 1)
    said = guest.boot(note)
    return said, [line for line in guest.done if line.startswith(("mkfs", "mount", "mdadm"))]


def test_the_local_disk_is_used_where_it_was_planned(guest: Guest) -> None:
    guest.disk("nvme0n1", EBS, 64, partitions=2)
    guest.disk("nvme1n1", LOCAL, 900)
    said, did = prepared(guest, "nvme")
    assert did[0].startswith("mkfs.ext4 ")
    assert did[0].endswith(" /dev/nvme1n1")
    assert did[1] == f"mount -o noatime,nosuid,nodev /dev/nvme1n1 {guest.work}"
    assert f"work goes to /dev/nvme1n1 ({LOCAL.removeprefix('Amazon EC2 NVMe ')}, 1 found)" in said


def test_several_local_disks_become_one(guest: Guest) -> None:
    guest.disk("nvme1n1", LOCAL, 900)
    guest.disk("nvme2n1", LOCAL, 900)
    _, did = prepared(guest, "nvme")
    assert did[0].startswith("mdadm --create /dev/md/restoredrill --run --force --level=0 --raid-devices=2 ")
    assert did[1].endswith(" /dev/md/restoredrill")


def test_without_mdadm_the_largest_is_used(guest: Guest) -> None:
    guest.program("mdadm", 127)
    guest.disk("nvme1n1", LOCAL, 900)
    guest.disk("nvme2n1", LOCAL, 1900)
    _, did = prepared(guest, "nvme")
    assert did[1].endswith(" /dev/nvme2n1")


def test_a_volume_is_used_where_it_was_planned(guest: Guest) -> None:
    guest.disk("nvme0n1", EBS, 64, partitions=2)
    guest.disk("nvme1n1", LOCAL, 900)
    guest.disk("nvme2n1", EBS, 500)
    _, did = prepared(guest, "gp3")
    assert did[0].endswith(" /dev/nvme2n1")


def test_the_root_volume_is_never_formatted(guest: Guest) -> None:
    guest.disk("nvme0n1", EBS, 64, partitions=2)
    said, did = prepared(guest, "gp3")
    assert did == []
    assert "work goes to the root volume" in said


def test_a_disk_with_something_on_it_is_left_alone(guest: Guest) -> None:
    guest.program("blkid", 0)
    guest.disk("nvme1n1", LOCAL, 900)
    assert prepared(guest, "nvme")[1] == []


def test_a_disk_that_can_not_be_mounted_is_told(guest: Guest) -> None:
    guest.program("mount", 32)
    guest.disk("nvme1n1", LOCAL, 900)
    assert "could not be prepared: work goes to the root volume" in prepared(guest, "nvme")[0]


# The timer --------------------------------------------------------------------------------------------------


def seconds(guest: Guest) -> int:
    """When the timer goes off."""
    (run,) = (line for line in guest.done if line.startswith("systemd-run"))
    return int(run.split("--on-active=")[1].split("s ")[0])


def sleeps(guest: Guest) -> bool:
    """Is there a process that pulls the plug? It is started in the background, so it may be in a moment."""
    until = time.monotonic() + 30
    while not any(line.startswith("setsid sh -c") for line in guest.done):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_the_timer_goes_off_when_the_lease_ends(guest: Guest) -> None:
    said = guest.hook(job(began=datetime.now(UTC), lease_s=4200))
    assert 4100 < seconds(guest) <= 4200
    assert "(a timer, and a process)" in said
    assert sleeps(guest)


def test_a_clock_that_is_behind_does_not_lengthen_the_lease(guest: Guest) -> None:
    guest.hook(job(began=datetime.now(UTC) + timedelta(days=400), lease_s=4200))
    assert seconds(guest) == 4200


def test_a_lease_that_is_over_leaves_time_for_a_word(guest: Guest) -> None:
    guest.hook(job(began=datetime.now(UTC) - timedelta(days=400), lease_s=4200))
    assert seconds(guest) == 60


def test_without_systemd_there_is_still_a_process(guest: Guest) -> None:
    guest.program("systemd-run", 1)
    assert "(no timer, and a process)" in guest.hook(job(began=NOW))
    assert sleeps(guest)


def test_armed_again_the_earlier_end_is_forgotten(guest: Guest) -> None:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as sleeper:
        (guest.root / "run" / "restoredrill-end.pid").write_text(str(sleeper.pid))
        guest.hook(job(began=NOW))
        until = time.monotonic() + 30
        while sleeper.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        assert sleeper.poll() is not None
    assert guest.done.index("systemctl stop restoredrill-end.timer") < next(
        number for number, line in enumerate(guest.done) if line.startswith("systemd-run")
    )


def test_an_event_is_json_that_ours_can_read(
    s3_vault: S3Vault, store: VaultStore, told: Metadata, guest: Guest
) -> None:
    path = guest.work / "boot.json"
    path.write_text(note_for(of_role(s3_vault), bundle(AGENT)).model_dump_json(by_alias=True))
    words = 'it\'s "odd" \u00fc ' + "x" * 3000
    argv = [sys.executable, "-I", str(FETCH), "tell", str(path), words]
    subprocess.run(argv, env=guest.environment, check=True, timeout=60)
    assert last_words(store).message == words[:2000]
    assert json.loads(path.read_text())["attempt"] == 1
