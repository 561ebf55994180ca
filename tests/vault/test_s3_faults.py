"""S3 through a network and a server that go wrong: what can be retried is, the rest is said clearly."""

import uuid
from collections.abc import Iterator

import pytest

from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.errors import (
    VaultConflict,
    VaultDenied,
    VaultError,
    VaultFull,
    VaultMissing,
    VaultUnreachable,
)
from restoredrill.vault.s3 import S3Store
from restoredrill.vault.s3_client import bucket_of
from restoredrill.vault.s3_upload import MIB
from tests.plugins.s3 import vault_on
from tests.vault import faulty
from tests.vault.conftest import SMALL
from tests.vault.faulty import Proxy

DATA = bytes(range(253)) * (11 * MIB // 253)  # three parts


def pieces() -> Iterator[bytes]:
    """DATA as a stream."""
    for start in range(0, len(DATA), MIB):
        yield DATA[start : start + MIB]


def content(store: S3Store, key: str) -> bytes:
    """What `fetch` brings."""
    return b"".join(store.fetch(key))


def keys(store: S3Store) -> list[str]:
    """What `list` shows."""
    return [entry.key for entry in store.list()]


SLOW_DOWN = faulty.refused(503, "SlowDown")


@pytest.mark.parametrize(
    "what", ["PUT .*/file$", "PUT .*partNumber=2", r"POST .*\?uploads", "POST .*uploadId"]
)
@pytest.mark.parametrize("act", [SLOW_DOWN, faulty.reset_before, faulty.refused(500, "InternalError")])
def test_a_write_survives_trouble(proxied: S3Store, proxy: Proxy, what: str, act: faulty.Act) -> None:
    small = what.endswith("file$")
    proxy.fail(what, act, times=2)
    proxied.put("file", [b"small"] if small else pieces())
    assert content(proxied, "file") == (b"small" if small else DATA)
    assert len(proxy.seen(what)) >= 3
    assert proxied.unfinished() == ()


def test_reading_and_listing_survive_trouble(proxied: S3Store, proxy: Proxy) -> None:
    proxied.put("a/file", [b"data"])
    for act in (SLOW_DOWN, faulty.reset_before):
        proxy.fail("GET ", act)
        assert content(proxied, "a/file") == b"data"
        proxy.fail("GET .*list-type", act)
        assert keys(proxied) == ["a/file"]
        proxy.fail("DELETE ", act)
        proxied.delete(["a/nothing"])


def test_trouble_that_does_not_end_is_told_and_leaves_nothing(proxied: S3Store, proxy: Proxy) -> None:
    proxy.fail("PUT .*partNumber=2", SLOW_DOWN, times=100)
    with pytest.raises(VaultUnreachable, match="SlowDown") as caught:
        proxied.put("file", pieces())
    assert "overloaded" in caught.value.hint
    assert proxied.unfinished() == ()
    assert keys(proxied) == []


@pytest.mark.parametrize("politely", [False, True])
def test_a_download_that_breaks_goes_on_where_it_stopped(
    proxied: S3Store, proxy: Proxy, politely: bool
) -> None:
    proxied.put("file", pieces())
    # Three attempts in a row may bring nothing; a reset takes back what had arrived and was not read yet.
    breaks = 3 if politely else 2
    proxy.fail("GET .*/file", faulty.cut_after(3_000_000, politely=politely), times=breaks)
    assert content(proxied, "file") == DATA
    gets = proxy.seen("GET .*/file")
    assert len(gets) == breaks + 1
    assert all("If-Match" in get.headers for get in gets[1:])
    if politely:
        starts = [int(get.headers["Range"].removeprefix("bytes=").removesuffix("-")) for get in gets[1:]]
        assert starts == [3_000_000, 6_000_000, 9_000_000]


def test_a_range_that_breaks_goes_on_where_it_stopped(proxied: S3Store, proxy: Proxy) -> None:
    proxied.put("file", pieces())
    proxy.fail("GET .*/file", faulty.cut_after(1_000_000), times=2)
    assert b"".join(proxied.fetch("file", 1_000, 5_000_000)) == DATA[1_000:5_001_000]


def test_a_download_that_breaks_without_end_is_given_up(proxied: S3Store, proxy: Proxy) -> None:
    proxied.put("file", pieces())
    proxy.fail("GET .*/file", faulty.cut_after(0), times=1000)
    with pytest.raises(VaultUnreachable):
        content(proxied, "file")


def test_an_object_replaced_while_it_is_read_is_not_mixed(proxied: S3Store, proxy: Proxy) -> None:
    proxied.put("file", pieces())
    proxy.fail("GET .*/file", faulty.cut_after(3_000_000, politely=True))
    chunks = proxied.fetch("file")
    next(chunks)
    proxied.put("file", [b"other"])
    with pytest.raises(VaultError, match="replaced"):
        list(chunks)


def test_a_store_that_ignores_ranges_is_found_out(proxied: S3Store, proxy: Proxy) -> None:
    whole = faulty.accepted({"ETag": '"x"', "Content-Type": "binary/octet-stream"}, b"0123456789")
    proxy.fail("GET .*/file", whole, times=5)
    assert content(proxied, "file") == b"0123456789"
    with pytest.raises(VaultError, match="ignores ranges"):
        list(proxied.fetch("file", 5))


def test_bytes_damaged_on_their_way_are_refused_and_sent_again(proxied: S3Store, proxy: Proxy) -> None:
    proxy.fail("PUT .*/small", faulty.damaged, times=2)
    proxied.put("small", [b"x" * 1000])
    assert content(proxied, "small") == b"x" * 1000
    proxy.fail("PUT .*partNumber=2", faulty.damaged)
    proxied.put("file", pieces())
    assert content(proxied, "file") == DATA
    assert len(proxy.seen("PUT .*partNumber=2")) == 2


def test_every_byte_that_is_sent_is_sent_with_checksums(proxied: S3Store, proxy: Proxy) -> None:
    proxied.put("small", [b"x"])
    proxied.put_once("once", b"x")
    proxied.put("file", pieces())
    puts = proxy.seen("PUT ")
    assert len(puts) == 5
    for put in puts:
        assert put.headers["x-amz-checksum-crc32"]
        assert len(put.headers["X-Amz-Content-SHA256"]) == 64
        assert "aws-chunked" not in put.headers.get("Content-Encoding", "")


def test_an_answer_that_got_lost_is_no_conflict(proxied: S3Store, proxy: Proxy) -> None:
    proxy.fail("PUT .*/manifest", faulty.reset_after)
    proxied.put_once("manifest", b"mine")
    assert len(proxy.seen("PUT .*/manifest")) == 2
    proxy.fail("PUT .*/manifest", faulty.reset_before)
    with pytest.raises(VaultConflict):
        proxied.put_once("manifest", b"theirs")
    assert content(proxied, "manifest") == b"mine"


def test_two_conditional_writes_at_the_same_moment_are_decided(proxied: S3Store, proxy: Proxy) -> None:
    conflict = faulty.refused(409, "ConditionalRequestConflict")
    proxy.fail("PUT .*/manifest", conflict, times=2)
    proxied.put_once("manifest", b"mine")
    proxy.fail("PUT .*/other", conflict, times=100)
    with pytest.raises(VaultConflict):
        proxied.put_once("other", b"mine")


def test_a_completion_whose_answer_got_lost_is_complete(proxied: S3Store, proxy: Proxy) -> None:
    proxy.fail("POST .*uploadId", faulty.reset_after)
    proxied.put("file", pieces())
    assert content(proxied, "file") == DATA
    gone = faulty.refused(404, "NoSuchUpload")
    proxy.fail("POST .*uploadId", faulty.reset_after)
    proxy.fail("POST .*uploadId", gone)
    proxied.put("file", pieces())
    assert content(proxied, "file") == DATA


def test_an_upload_that_was_taken_away_fails(proxied: S3Store, proxy: Proxy) -> None:
    proxy.fail("POST .*uploadId", faulty.refused(404, "NoSuchUpload"))
    with pytest.raises(VaultMissing) as caught:
        proxied.put("file", pieces())
    assert "lifecycle" in caught.value.hint
    assert keys(proxied) == []


@pytest.mark.parametrize(
    ("status", "code", "kind", "hint"),
    [
        (403, "AccessDenied", VaultDenied, "policy"),
        (403, "ExpiredToken", VaultDenied, "expired"),
        (403, "RequestTimeTooSkewed", VaultDenied, "clock"),
        (403, "QuotaExceeded", VaultFull, "quota"),
        (404, "NoSuchBucket", VaultMissing, "bucket"),
        (400, "SomethingNew", VaultError, ""),
    ],
)
def test_refusals_are_told_apart(
    proxied: S3Store, proxy: Proxy, status: int, code: str, kind: type[VaultError], hint: str
) -> None:
    proxy.fail(".*", faulty.refused(status, code), times=1000)
    for attempt in (
        lambda: proxied.put("file", [b"x"]),
        lambda: proxied.put("file", pieces()),
        lambda: proxied.put_once("file", b"x"),
        lambda: list(proxied.fetch("file")),
        lambda: list(proxied.list()),
        lambda: proxied.unfinished(),
    ):
        with pytest.raises(kind, match=code) as caught:
            attempt()
        assert type(caught.value) is kind
        assert hint in caught.value.hint
        assert caught.value.thing.startswith("s3://")
        assert caught.value.__cause__ is not None


def test_a_wrong_secret_and_an_unknown_key_are_denied(s3_server: SeaweedFS) -> None:
    vault = vault_on(s3_server)
    for access_key, secret_key in ((vault.access_key, "wrong"), ("nobody", vault.secret_key)):
        store = S3Store(bucket_of(vault.spec, s3_server.bucket, access_key, secret_key))
        with pytest.raises(VaultDenied) as caught:
            store.put("file", [b"x"])
        assert "access key" in caught.value.hint
        assert secret_key not in f"{caught.value}{caught.value.__cause__}"


def test_a_bucket_that_is_not_there_is_missing(s3_server: SeaweedFS) -> None:
    vault = vault_on(s3_server)
    bucket = bucket_of(vault.spec, "no-such-bucket", vault.access_key, vault.secret_key)
    store = S3Store(bucket, "a")
    for attempt in (lambda: list(store.list()), lambda: list(store.fetch("x")), lambda: store.unfinished()):
        with pytest.raises(VaultMissing):
            attempt()


def test_an_endpoint_that_is_dead_is_unreachable(s3_server: SeaweedFS) -> None:
    vault = vault_on(s3_server)
    dead = vault.spec.model_copy(update={"endpoint_url": "http://127.0.0.1:9"})
    store = S3Store(bucket_of(dead, "bucket", vault.access_key, vault.secret_key, attempts=2), "", SMALL)
    for attempt in (lambda: store.put("a", [b"x"]), lambda: store.put_once("a", b"x"), lambda: keys(store)):
        with pytest.raises(VaultUnreachable, match=r"127\.0\.0\.1:9") as caught:
            attempt()
        assert "endpoint_url" in caught.value.hint


def test_encryption_and_storage_class_are_asked_for(s3_server: SeaweedFS, proxy: Proxy) -> None:
    vault = vault_on(s3_server)
    wanted = {"sse_kms_key_id": "key-1", "storage_class": "STANDARD_IA", "endpoint_url": proxy.endpoint_url}
    spec = vault.spec.model_copy(update=wanted)
    bucket = bucket_of(spec, s3_server.bucket, vault.access_key, vault.secret_key, attempts=1)
    store = S3Store(bucket, uuid.uuid4().hex, SMALL)
    proxy.fail("PUT ", faulty.accepted({"ETag": '"x"'}), times=2)
    proxy.fail(r"POST .*\?uploads", faulty.refused(400, "Enough"))
    store.put("a", [b"x"])
    store.put_once("b", b"x")
    with pytest.raises(VaultError, match="Enough"):
        store.put("c", pieces())
    for request in proxy.requests:
        assert request.headers["x-amz-server-side-encryption"] == "aws:kms"
        assert request.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "key-1"
        assert request.headers["x-amz-storage-class"] == "STANDARD_IA"
    assert len(proxy.requests) == 3
