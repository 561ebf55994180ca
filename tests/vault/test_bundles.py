"""The agent's bundles in a vault."""

import hashlib
import os
from pathlib import Path

import pytest

from restoredrill import __version__
from restoredrill.errors import ObjectCorrupt
from restoredrill.plan import AgentBundle
from restoredrill.vault.bundles import VaultBundles
from restoredrill.vault.folder import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "vault").mkdir()
    return FolderStore(tmp_path / "vault")


def made(folder: Path, body: bytes, version: str = __version__) -> tuple[Path, AgentBundle]:
    digest = hashlib.sha256(body).hexdigest()
    name = f"restoredrill-{version}-linux_x86_64-py311-{digest[:12]}.pyz"
    (folder / name).write_bytes(body)
    told = AgentBundle(
        name=name,
        version=version,
        sha256=digest,
        size_bytes=len(body),
        platform="linux_x86_64",
        python="3.11",
    )
    return folder / name, told


def test_what_is_published_is_there(tmp_path: Path, store: FolderStore) -> None:
    path, told = made(tmp_path, b"agent" * 1_000_000)
    bundles = VaultBundles(store)
    assert bundles.list() == ()
    bundles.publish(path, told)
    bundles.publish(path, told)
    assert bundles.list() == (told,)
    assert b"".join(store.fetch(f"agents/{told.name}")) == path.read_bytes()


def test_ours_come_first_then_the_newest(tmp_path: Path, store: FolderStore) -> None:
    bundles = VaultBundles(store)
    told = [
        made(tmp_path, body, version)
        for body, version in ((b"1", __version__), (b"2", "0.0.1"), (b"3", __version__))
    ]
    for path, one in told:
        bundles.publish(path, one)
        stamp = 1_800_000_000 + told.index((path, one))
        for name in (one.name, f"{one.name}.json"):
            _touch(tmp_path / "vault" / "agents" / name, stamp)
    assert [one.name for one in bundles.list()] == [told[2][1].name, told[0][1].name, told[1][1].name]


def _touch(path: Path, stamp: int) -> None:
    os.utime(path, (stamp, stamp))


def test_what_is_not_there_whole_is_not_told(tmp_path: Path, store: FolderStore) -> None:
    bundles = VaultBundles(store)
    (path, told), (other, second) = made(tmp_path, b"1"), made(tmp_path, b"2")
    bundles.publish(path, told)
    bundles.publish(other, second)
    store.delete([f"agents/{told.name}"])
    store.delete([f"agents/{second.name}.json"])
    assert bundles.list() == ()


def test_a_document_under_another_name_is_passed_over(tmp_path: Path, store: FolderStore) -> None:
    """Somebody's copy: the machine would fetch what the document names."""
    path, told = made(tmp_path, b"1")
    VaultBundles(store).publish(path, told)
    store.put("agents/copy.pyz", [b"1"])
    store.put("agents/copy.pyz.json", [told.model_dump_json().encode()])
    assert VaultBundles(store).list() == (told,)


def test_a_file_that_is_not_its_documents_is_refused(tmp_path: Path, store: FolderStore) -> None:
    path, told = made(tmp_path, b"1")
    path.write_bytes(b"2")
    with pytest.raises(ObjectCorrupt, match="SHA-256"):
        VaultBundles(store).publish(path, told)
    assert VaultBundles(store).list() == ()


def test_a_document_that_is_none_is_told(tmp_path: Path, store: FolderStore) -> None:
    store.put("agents/x.pyz", [b"1"])
    store.put("agents/x.pyz.json", [b"{}"])
    with pytest.raises(ObjectCorrupt, match=r"x\.pyz\.json"):
        VaultBundles(store).list()
