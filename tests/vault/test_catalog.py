"""Backups: taken, published, listed, discarded, opened."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pyrage import x25519

from restoredrill.errors import (
    KeyMissing,
    KeyWrong,
    ObjectCorrupt,
    VaultConflict,
    VaultError,
    VaultMissing,
)
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.sealing import AgeSealer, AgeUnsealer
from restoredrill.vault.store import VaultStore
from tests.vault.samples import NOON, a_manifest, an_id

ID = an_id()


def keys(store: VaultStore) -> list[str]:
    """Everything in the vault."""
    return [entry.key for entry in store.list()]


def broken(data: bytes) -> Iterator[bytes]:
    """A dump that dies."""
    yield data
    raise ValueError("the dump died")


def test_a_backup_is_kept_published_listed_and_opened(store: VaultStore) -> None:
    backups = VaultBackups(store)
    table = backups.keep(ID, "3412.dat.zst", iter([b"row 1", b"row 2"]))
    globals_ = backups.keep(ID, "globals.sql.zst", iter([b"roles"]))
    assert table.model_dump() == {
        "name": "3412.dat.zst",
        "key": "data/3412.dat.zst",
        "size_bytes": 10,
        "plain_bytes": 10,
        "sha256": hashlib.sha256(b"row 1row 2").hexdigest(),
    }
    manifest = a_manifest(ID, (table, globals_))
    backups.publish(manifest)
    assert keys(store) == [
        f"backups/{ID}/data/3412.dat.zst",
        f"backups/{ID}/globals.sql.zst",
        f"backups/{ID}/manifest.json",
    ]
    assert backups.list() == (manifest,)
    archive = backups.open(ID)
    assert archive.manifest == manifest
    assert b"".join(archive.open("3412.dat.zst")) == b"row 1row 2"
    assert b"".join(archive.open("globals.sql.zst")) == b"roles"


def test_promise_3_without_a_manifest_there_is_no_backup(store: VaultStore) -> None:
    backups = VaultBackups(store)
    backups.keep(ID, "toc.dat", iter([b"toc"]))
    assert backups.list() == ()
    with pytest.raises(VaultMissing, match="no manifest"):
        backups.open(ID)


def test_promise_3_a_file_that_breaks_is_not_kept(store: VaultStore) -> None:
    backups = VaultBackups(store, AgeSealer([str(x25519.Identity.generate().to_public())]))
    with pytest.raises(ValueError, match="the dump died"):
        backups.keep(ID, "1.dat", broken(b"x" * 200_000))
    assert keys(store) == []
    assert store.unfinished() == ()


def test_promise_3_a_manifest_is_written_once(store: VaultStore) -> None:
    backups = VaultBackups(store)
    backups.publish(a_manifest(ID))
    with pytest.raises(VaultConflict):
        backups.publish(a_manifest(ID, database="other"))
    assert [m.database for m in backups.list()] == ["shop"]


def test_promise_3_a_manifest_never_names_what_is_not_there(store: VaultStore) -> None:
    backups = VaultBackups(store)
    kept = backups.keep(ID, "1.dat", iter([b"data"]))
    gone = backups.keep(ID, "2.dat", iter([b"data"]))
    store.delete([f"backups/{ID}/{gone.key}"])
    with pytest.raises(VaultError, match=r"data/2\.dat"):
        backups.publish(a_manifest(ID, (kept, gone)))
    store.put(f"backups/{ID}/{gone.key}", [b"dat"])
    with pytest.raises(VaultError, match=r"data/2\.dat"):
        backups.publish(a_manifest(ID, (kept, gone)))
    assert backups.list() == ()


def test_discard_removes_what_a_dead_backup_left(store: VaultStore) -> None:
    backups = VaultBackups(store)
    backups.keep(ID, "1.dat", iter([b"data"]))
    backups.keep(an_id(1), "1.dat", iter([b"data"]))
    backups.discard(ID)
    backups.discard(ID)
    assert keys(store) == [f"backups/{an_id(1)}/data/1.dat"]


def test_discard_does_not_touch_a_backup(store: VaultStore) -> None:
    backups = VaultBackups(store)
    kept = backups.keep(ID, "1.dat", iter([b"data"]))
    backups.publish(a_manifest(ID, (kept,)))
    with pytest.raises(VaultConflict, match="manifest"):
        backups.discard(ID)
    assert len(keys(store)) == 2


def test_backups_are_listed_newest_first(store: VaultStore) -> None:
    backups = VaultBackups(store)
    for hours in (3, 1, 40, 2):
        backups.publish(a_manifest(an_id(hours), taken_at=NOON + timedelta(hours=hours)))
    assert [m.id for m in backups.list()] == [an_id(hours) for hours in (40, 3, 2, 1)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "document"),
        (b"[]", "document"),
        (b"\xff\xfe", "document"),
        (b'{"schema": "restoredrill.manifest/2"}', "schema"),
        (a_manifest(an_id(5)).model_dump_json(by_alias=True).encode(), "manifest of"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named_and_hides_no_other(
    store: VaultStore, body: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    backups = VaultBackups(store)
    backups.publish(a_manifest(an_id(1)))
    store.put(f"backups/{an_id(2)}/manifest.json", [body])
    listing = backups.look()
    assert [m.id for m in listing.manifests] == [m.id for m in backups.list()] == [an_id(1)]
    assert an_id(2) in caplog.text
    [bad] = listing.unreadable
    assert bad.backup == an_id(2)
    assert reason in bad.reason
    with pytest.raises(ObjectCorrupt, match=reason):
        backups.open(an_id(2))


def test_what_a_later_version_adds_is_ignored(store: VaultStore) -> None:
    document = json.loads(a_manifest(ID).model_dump_json(by_alias=True))
    document["from_the_future"] = {"a": 1}
    store.put(f"backups/{ID}/manifest.json", [json.dumps(document).encode()])
    assert VaultBackups(store).list() == (a_manifest(ID),)


def test_folders_that_are_no_backups_are_passed_over(store: VaultStore) -> None:
    store.put("backups/readme/manifest.json", [b"{}"])
    store.put("backups/file", [b"x"])
    listing = VaultBackups(store).look()
    assert (listing.manifests, listing.unreadable) == ((), ())


@pytest.mark.parametrize("backup", ["latest", "../..", "", "20260923T120000Z-7F3A", f"{ID}/.."])
def test_what_is_no_id_is_not_found(store: VaultStore, backup: str) -> None:
    with pytest.raises(VaultMissing, match="not an id"):
        VaultBackups(store).open(backup)


def test_a_manifest_that_points_elsewhere_leads_nowhere(store: VaultStore) -> None:
    backups = VaultBackups(store)
    kept = backups.keep(ID, "1.dat", iter([b"data"]))
    store.put("secret", [b"data"])
    moved = kept.model_copy(update={"key": "../../secret"})
    store.put(
        f"backups/{ID}/manifest.json", [a_manifest(ID, (moved,)).model_dump_json(by_alias=True).encode()]
    )
    with pytest.raises(VaultError, match=r"without empty parts, \. or \.\."):
        list(backups.open(ID).open("1.dat"))


# Encryption -------------------------------------------------------------------------------------------------


def test_a_host_with_public_keys_only_writes_and_cannot_read(store: VaultStore) -> None:
    """Promise 6: backing up and restoring need different secrets."""
    mine, theirs = x25519.Identity.generate(), x25519.Identity.generate()
    recipients = (str(mine.to_public()),)
    secret = b"4111 1111 1111 1111 " * 1000
    writer = VaultBackups(store, AgeSealer(recipients))
    kept = writer.keep(ID, "1.dat.zst", iter([secret]))
    assert (kept.key, kept.plain_bytes) == ("data/1.dat.zst.age", len(secret))
    writer.publish(a_manifest(ID, (kept,), recipients=recipients))
    assert [m.id for m in writer.list()] == [ID]
    stored = b"".join(store.fetch(f"backups/{ID}/{kept.key}"))
    assert b"4111" not in stored
    assert (kept.size_bytes, kept.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
    with pytest.raises(KeyMissing):
        writer.open(ID)
    with pytest.raises(KeyWrong):
        VaultBackups(store, unsealer=AgeUnsealer(str(theirs))).open(ID)
    reader = VaultBackups(store, unsealer=AgeUnsealer(f"{theirs}\n{mine}"))
    assert b"".join(reader.open(ID).open("1.dat.zst")) == secret
    later = VaultBackups(store, unsealer=lambda: AgeUnsealer(str(mine)))
    assert b"".join(later.open(ID).open("1.dat.zst")) == secret


def test_a_backup_in_the_clear_opens_with_a_key_at_hand(store: VaultStore) -> None:
    backups = VaultBackups(store, unsealer=AgeUnsealer(str(x25519.Identity.generate())))
    kept = backups.keep(ID, "1.dat", iter([b"data"]))
    backups.publish(a_manifest(ID, (kept,)))
    assert b"".join(backups.open(ID).open("1.dat")) == b"data"


def test_what_lies_among_the_objects_of_a_backup_and_is_not_named(store: VaultStore) -> None:
    backups = VaultBackups(store)
    backups.publish(a_manifest(ID, (backups.keep(ID, "toc.dat", iter([b"x"])),)))
    assert backups.strays(ID) == ()
    store.put(f"backups/{ID}/data/toc.dat.1", [b"x"])
    store.put(f"backups/{ID}/readme", [b"x"])
    assert set(backups.strays(ID)) == {f"backups/{ID}/data/toc.dat.1", f"backups/{ID}/readme"}
