"""Dumps of every form are drilled as they lie there, and nothing is written beside them."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable

import lz4.frame
import pyrage
import pytest
import zstandard

from restoredrill.model import Report, Verdict
from restoredrill.vault.opening import open_store
from tests.dumps.conftest import Dumps, Pile, drilled
from tests.e2e.conftest import fresh_host
from tests.plugins.s3 import S3Vault

pytestmark = pytest.mark.xdist_group("dumps")

CHECKS = [
    {"name": "orders are there", "rows": {"table": "shop.orders", "min": 3000, "max": 3000}},
    {
        "name": "odd ones too",
        "sql": "select count(*) from shop.odd where t = E'\\\\.' or t is null",
        "expect": "== 2",
    },
    {"name": "the view", "sql": "select count(*) > 0 from shop.by_customer", "expect": "== true"},
    {"name": "blobs", "sql": "select count(*) from pg_largeobject_metadata", "expect": "== 1"},
]


def tar_of(files: dict[str, bytes], folder: str) -> bytes:
    """What `tar czf` makes of a directory archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, body in sorted(files.items()):
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


def passed(pile: Pile, *words: str) -> Report:
    """A drill that passes with nothing above low, and leaves the dumps alone."""
    before = {path: path.read_bytes() for path in pile.folder.rglob("*") if path.is_file()}
    report = pile.host.drill("shop", *words)
    assert report.verdict is Verdict.PASSED
    assert [f for f in report.findings if f.severity.fails] == []
    assert {check.name for check in report.checks} >= {"archive", "restore", "integrity"}
    assert {path: path.read_bytes() for path in pile.folder.rglob("*") if path.is_file()} == before
    return report


FORMS: dict[str, tuple[str, Callable[[Dumps], bytes]]] = {
    "custom": ("shop.dump", lambda d: d.pg_dump("-Fc")),
    "custom.zst": ("shop.dump.zst", lambda d: zstandard.compress(d.pg_dump("-Fc", "-Z0"))),
    "tar": ("shop.tar", lambda d: d.pg_dump("-Ft")),
    "directory.tgz": ("shop.tgz", lambda d: tar_of(d.directory(), "shop.dir")),
    "plain": ("shop.sql", lambda d: d.pg_dump()),
    "plain with create": ("shop-c.sql", lambda d: d.pg_dump("-C")),
    "inserts": ("shop-i.sql", lambda d: d.pg_dump("--inserts", "--rows-per-insert=50")),
    "plain.gz": ("shop.sql.gz", lambda d: gzip.compress(d.pg_dump())),
    "plain.lz4": ("shop.sql.lz4", lambda d: lz4.frame.compress(d.pg_dump())),
    "plain.xz": ("shop.sql.xz", lambda d: lzma.compress(d.pg_dump(), preset=0)),
    "plain.bz2": ("shop.sql.bz2", lambda d: bz2.compress(d.pg_dump())),
    "pg_dumpall": ("all.sql", lambda d: d.pg_dumpall()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_good_dump_passes(form: str, pile: Pile, dumps: Dumps) -> None:
    name, make = FORMS[form]
    drilled(pile, {"checks": CHECKS})
    pile.put(name, make(dumps))
    report = passed(pile)
    assert report.backup is not None
    assert report.machine.leftovers == ()


def test_a_directory_archive_passes(pile: Pile, dumps: Dumps) -> None:
    drilled(pile, {"checks": CHECKS})
    for name, body in dumps.directory().items():
        pile.put(f"nightly/shop-20260101.dir/{name}", body)
    passed(pile)


def test_a_sealed_dump_passes(pile: Pile, dumps: Dumps) -> None:
    identity = pyrage.x25519.Identity.generate()
    pile.host.environment["KEY"] = str(identity)
    pile.host.secrets.add(str(identity))
    drilled(pile, {"checks": CHECKS, "decrypt_with": "${KEY}"})
    pile.put("shop.sql.gz.age", pyrage.encrypt(gzip.compress(dumps.pg_dump()), [identity.to_public()]))
    passed(pile)


def test_a_bucket_of_dumps(dumps: Dumps, s3_vault: S3Vault) -> None:
    """The newest by its name, though it was written first; read with the vault's keys; nothing is written."""
    with fresh_host() as host:
        bucket = s3_vault.spec.url.removeprefix("s3://").partition("/")[0]
        place = s3_vault.spec.model_copy(update={"url": f"s3://{bucket}/nightly"})
        store = open_store(place, s3_vault.access_key, s3_vault.secret_key)
        store.put("shop-20260102.sql.gz", [gzip.compress(dumps.pg_dump())])
        store.put("shop-20260101.sql", [b"-- too old to matter\n"])
        store.put("SHA256SUMS", [b"nothing of it\n"])
        host.protect("shop", None, s3_vault, source={"dumps": place.url}, drill={"checks": CHECKS})
        report = host.drill("shop")
        assert report.verdict is Verdict.PASSED
        listed = host.document("backups", "shop")
        assert [one["key"] for one in listed["backups"]] == ["shop-20260102.sql.gz", "shop-20260101.sql"]
        assert len(list(store.list())) == 3
        (stands,) = host.document("status", "shop")["databases"]
        assert stands["proven"]
