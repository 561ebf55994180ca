"""S3 as a whole: a server that dies, locks that hold, roles, opening by URL, memory."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from restoredrill import clock
from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.errors import UsageError, VaultDenied, VaultError, VaultHeld
from restoredrill.model import VaultSpec
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.opening import open_store
from restoredrill.vault.prune import execute, survey
from restoredrill.vault.retention import Keep
from restoredrill.vault.s3 import S3Store
from restoredrill.vault.s3_bucket import Bucket
from restoredrill.vault.s3_client import bucket_of
from restoredrill.vault.s3_upload import MIB
from tests.plugins.s3 import S3Vault, vault_on
from tests.vault.conftest import SMALL
from tests.vault.samples import NOON, a_manifest, an_id

# A server that dies -----------------------------------------------------------------------------------------


def test_promise_2_backups_outlive_a_server_that_is_killed(tmp_path: Path) -> None:
    with SeaweedFS(tmp_path / "s3") as server:
        vault = vault_on(server)
        store = S3Store(bucket_of(vault.spec, server.bucket, vault.access_key, vault.secret_key), "v", SMALL)
        backups = VaultBackups(store)
        kept = backups.keep(an_id(), "1.dat", iter([b"x" * 6 * MIB, b"end"]))
        backups.publish(a_manifest(an_id(), (kept,)))

        def dying() -> Iterator[bytes]:
            yield b"y" * 11 * MIB
            server.kill()
            restarted = threading.Thread(target=server.restart)
            restarted.start()
            yield b"z" * 11 * MIB
            restarted.join()

        # Not even the upload notices: what it sends meanwhile is sent again.
        later = backups.keep(an_id(1), "1.dat", dying())
        backups.publish(a_manifest(an_id(1), (later,), taken_at=NOON + timedelta(hours=1)))
        assert [m.id for m in backups.list()] == [an_id(1), an_id()]
        for backup in (an_id(), an_id(1)):
            assert sum(map(len, backups.open(backup).open("1.dat"))) > 6 * MIB


# Locks ------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(s3_server: SeaweedFS) -> S3Store:
    """A vault in a bucket that was made with object lock."""
    vault = vault_on(s3_server)
    bucket = bucket_of(vault.spec, f"locked-{uuid.uuid4().hex[:8]}", vault.access_key, vault.secret_key)
    bucket.client.create_bucket(Bucket=bucket.name, ObjectLockEnabledForBucket=True)
    return S3Store(bucket, "vault", SMALL)


def lock(store: S3Store, key: str, until: datetime) -> None:
    """Put `key` under retention."""
    bucket: Bucket = store._bucket
    bucket.client.put_object_retention(
        Bucket=bucket.name,
        Key=f"vault/{key}",
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
    )


def test_what_is_under_retention_or_hold_is_not_deleted(locked: S3Store) -> None:
    for key in ("a", "b", "c"):
        locked.put(key, [b"x"])
    lock(locked, "b", clock.utcnow() + timedelta(hours=1))
    locked._bucket.client.put_object_legal_hold(
        Bucket=locked._bucket.name, Key="vault/c", LegalHold={"Status": "ON"}
    )
    assert locked.held(["a", "b", "c", "missing"]) == ("b", "c")
    for keys in (["a", "b"], ["a", "c"]):
        with pytest.raises(VaultHeld, match="retention or legal hold") as caught:
            locked.delete(keys)
        assert caught.value.hint
    assert [entry.key for entry in locked.list()] == ["a", "b", "c"]
    locked.delete(["a"])
    assert [entry.key for entry in locked.list()] == ["b", "c"]


def test_prune_keeps_a_backup_with_a_locked_object(locked: S3Store) -> None:
    backups = VaultBackups(locked)
    for hours in range(3):
        kept = backups.keep(an_id(hours), "1.dat", iter([b"data"]))
        backups.publish(a_manifest(an_id(hours), (kept,), taken_at=NOON + timedelta(hours=hours)))
    now = max(clock.utcnow(), NOON + timedelta(days=1))
    pruning = survey(locked, Keep(last=1), now)
    assert [backup for backup, _ in pruning.retention.delete] == [an_id(1), an_id(0)]
    lock(locked, f"backups/{an_id(0)}/data/1.dat", clock.utcnow() + timedelta(hours=1))
    # A lock that came after the look counts too.
    done = execute(locked, pruning, now)
    assert done.deleted == (an_id(1),)
    assert done.skipped == ((an_id(0), "under an object lock"),)
    again = survey(locked, Keep(last=1), now)
    assert (an_id(0), "under an object lock") in again.retention.keep
    assert again.retention.delete == ()
    assert [m.id for m in backups.list()] == [an_id(2), an_id(0)]


# Opening ----------------------------------------------------------------------------------------------------


def test_a_vault_on_s3_opens_by_its_url(s3_vault: S3Vault) -> None:
    store = open_store(s3_vault.spec, s3_vault.access_key, s3_vault.secret_key)
    store.put("a/b", [b"x"])
    other = open_store(
        s3_vault.spec.model_copy(update={"url": f"{s3_vault.spec.url}/a/"}),
        s3_vault.access_key,
        s3_vault.secret_key,
    )
    assert [entry.key for entry in other.list()] == ["b"]


def test_a_vault_in_a_folder_opens_by_its_url(tmp_path: Path) -> None:
    store = open_store(VaultSpec(url=f"file://{tmp_path}/my%20vault"), None, None)
    store.put("a", [b"x"])
    assert isinstance(store, FolderStore)
    assert (tmp_path / "my vault" / "a").read_bytes() == b"x"


@pytest.mark.parametrize(
    "url", ["", "shop", "gs://b/p", "s3://", "s3:///p", "file://x/y", "file:", "file:///"]
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(VaultSpec(url=url), None, None)
    assert "//" in caught.value.hint


def test_a_profile_that_does_not_exist_is_named(s3_vault: S3Vault) -> None:
    spec = s3_vault.spec.model_copy(update={"profile": "no-such-profile"})
    with pytest.raises(VaultDenied, match="no-such-profile"):
        open_store(spec, None, None)


def test_without_credentials_one_is_told(s3_vault: S3Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(VaultDenied) as caught:
        open_store(s3_vault.spec, None, None).put("a", [b"x"])
    assert "access_key_id" in caught.value.hint
    with pytest.raises(VaultDenied):
        open_store(s3_vault.spec.model_copy(update={"role_arn": "arn:aws:iam::1:role/x"}), None, None)


@pytest.mark.parametrize(
    ("wanted", "url"),
    [
        ({"endpoint_url": "https://s3.example.com"}, "https://s3.example.com/bucket/key"),
        (
            {"endpoint_url": "https://s3.example.com", "path_style": False},
            "https://bucket.s3.example.com/key",
        ),
        ({"region": "eu-central-1"}, "https://bucket.s3.amazonaws.com/key"),
        (
            {"region": "eu-central-1", "path_style": True},
            "https://s3.eu-central-1.amazonaws.com/bucket/key",
        ),
    ],
)
def test_buckets_are_addressed_as_the_spec_says(wanted: dict[str, Any], url: str) -> None:
    bucket = bucket_of(VaultSpec(url="s3://bucket", **wanted), "bucket", "a", "b")
    signed = bucket.client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})
    assert signed.partition("?")[0] == url


def test_a_server_on_this_host_is_reached_without_the_proxy(
    s3_vault: S3Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    store = open_store(s3_vault.spec, s3_vault.access_key, s3_vault.secret_key)
    store.put("a", [b"x"])
    assert b"".join(store.fetch("a")) == b"x"


ASSUMED = """<AssumeRoleResponse
xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{0}</AccessKeyId><SecretAccessKey>{1}</SecretAccessKey><SessionToken></SessionToken>
<Expiration>{2}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@pytest.fixture
def sts(s3_vault: S3Vault) -> Iterator[tuple[str, list[str]]]:
    """Hands out the server's own keys as a role's, for a minute each; its URL, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            until = (clock.utcnow() + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
            body = ASSUMED.format(s3_vault.access_key, s3_vault.secret_key, until).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_a_role_is_assumed_and_renewed(
    s3_vault: S3Vault, sts: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = sts
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    role = "arn:aws:iam::123456789012:role/backup"
    spec = s3_vault.spec.model_copy(update={"role_arn": role})
    store = open_store(spec, "AKIDOFTHEHOST", "secret")
    store.put("a", [b"x"])
    assert b"".join(store.fetch("a")) == b"x"
    # Credentials that end within minutes are renewed with every request.
    assert len(asked) >= 2
    assert "RoleSessionName=restoredrill" in asked[0]
    assert "role%2Fbackup" in asked[0]


# Memory -----------------------------------------------------------------------------------------------------

MEASURE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from restoredrill.model import VaultSpec
from restoredrill.vault.archive import VaultArchive
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.opening import open_store
from restoredrill.vault.sealing import AgeSealer, AgeUnsealer
from pyrage import x25519
from tests.vault.samples import a_manifest, an_id

def peak_mb():
    [line] = [l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM")]
    return int(line.split()[1]) / 1024

store = open_store(VaultSpec.model_validate_json(sys.argv[1]), sys.argv[2], sys.argv[3])
store.put("warm", [b"x"])
before = peak_mb()
key = x25519.Identity.generate()
recipients = (str(key.to_public()),)
backups = VaultBackups(store, AgeSealer(recipients), AgeUnsealer(str(key)))
block = bytes(range(256)) * 4096
names = ["1.dat", "2.dat", "3.dat", "4.dat"]
with ThreadPoolExecutor(4) as pool:
    files = tuple(pool.map(lambda name: backups.keep(an_id(), name, (block for _ in range(30))), names))
backups.publish(a_manifest(an_id(), files, recipients=recipients))
put = peak_mb()
archive = backups.open(an_id())
with ThreadPoolExecutor(4) as pool:
    sizes = list(pool.map(lambda name: sum(map(len, archive.open(name))), names))
assert sizes == [30 * len(block)] * 4, sizes
print(round(put - before), round(peak_mb() - before))
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="Linux says how much memory was used at most"
)
def test_promise_7_memory_stays_bounded_however_much_passes(s3_vault: S3Vault) -> None:
    """Four files of 30 MB at once, sealed, out and back: what takes memory is what is on its way."""
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            MEASURE,
            s3_vault.spec.model_dump_json(),
            s3_vault.access_key,
            s3_vault.secret_key,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert found.returncode == 0, found.stderr
    print(found.stdout)
    put_mb, both_mb = map(int, found.stdout.split())
    assert put_mb < 110
    assert both_mb < 160


def test_the_servers_other_tools_find_what_we_store(s3_vault: S3Vault, s3_server: SeaweedFS) -> None:
    """Promise 2: no help from us is needed to read the bucket."""
    store = open_store(s3_vault.spec, s3_vault.access_key, s3_vault.secret_key)
    store.put("data/1.dat", [b"x"])
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint_url,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        region_name="us-east-1",
    )
    prefix = s3_vault.spec.url.removeprefix(f"s3://{s3_server.bucket}/")
    [item] = client.list_objects_v2(Bucket=s3_server.bucket, Prefix=prefix)["Contents"]
    assert item["Key"] == f"{prefix}/data/1.dat"


def test_errors_of_one_thread_reach_the_caller(s3_store: S3Store) -> None:
    with ThreadPoolExecutor(2) as pool:
        wrong = pool.submit(store_wrong, s3_store)
        assert isinstance(wrong.exception(), VaultError)


def store_wrong(store: S3Store) -> None:
    """A key no vault takes."""
    store.put("../x", [b"x"])
