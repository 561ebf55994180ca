"""Each way to break a backup that `selftest` knows is caught for the right reason, and a good copy passes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest

from restoredrill.checks.rules import RULES
from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.errors import Exit
from restoredrill.sabotage.registry import CORPUS
from tests.e2e.conftest import fresh_host
from tests.e2e.host import Host
from tests.plugins.postgres import SourceServer
from tests.plugins.s3 import S3Vault, vault_on

pytestmark = pytest.mark.xdist_group("sabotage")

WARES = Path(__file__).with_name("wares.sql")


def protected(host: Host, server: SourceServer, vault: S3Vault | Path, **drill: Any) -> str:
    """A backup of the wares, encrypted; its id."""
    identity = pyrage.x25519.Identity.generate()
    host.environment["KEY"] = str(identity)
    host.secrets.add(str(identity))
    name = server.database(WARES.read_text("utf-8"), name="wares")
    host.protect(
        *("wares", server.url(name), vault),
        backup={"encrypt_to": [str(identity.to_public())]},
        drill={"decrypt_with": "${KEY}", **drill},
    )
    return host.backup("wares")


@dataclass(frozen=True)
class Selftest:
    """A whole one, and the host it ran on."""

    host: Host
    document: dict[str, Any]

    def of(self, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.document["sabotages"] if one["name"] == name]
        return dict(found)


@pytest.fixture(scope="module")
def selftest(source_server: Callable[[int], SourceServer]) -> Iterator[Selftest]:
    with fresh_host() as host:
        protected(host, source_server(17), host.folder / "vault")
        yield Selftest(host, host.run("selftest", "wares", "--json", code=None, limit_s=900).document)


def test_a_good_copy_passes(selftest: Selftest) -> None:
    assert selftest.document["good"]["verdict"] == "passed", selftest.document["good"]


@pytest.mark.parametrize("name", [sabotage.name for sabotage in CORPUS])
def test_it_is_caught_for_the_right_reason(
    selftest: Selftest, name: str, record_property: Callable[[str, object], None]
) -> None:
    """Promise 1: what is broken does not pass."""
    record_property("sabotage", name)
    found = selftest.of(name)
    assert found["end"] == "caught", found


def test_nothing_is_lost_and_nothing_is_left(selftest: Selftest) -> None:
    document = selftest.document
    assert document["caught"] == document["planted"] == len(CORPUS)
    assert [key for key in selftest.host.keys("wares", "") if "scratch" in key] == []


def test_every_sabotage_names_rules_that_there_are() -> None:
    assert {rule for sabotage in CORPUS for rule in sabotage.rules} <= RULES.keys()
    names = [sabotage.name for sabotage in CORPUS]
    assert len(set(names)) == len(names)


@pytest.fixture(scope="module")
def plain(source_server: Callable[[int], SourceServer], s3_server: SeaweedFS) -> Iterator[Host]:
    """A host whose backups, on S3, are neither encrypted nor fingerprinted, and whose file ignores a rule."""
    server = source_server(17)
    with fresh_host() as host:
        name = server.database(WARES.read_text("utf-8"), name="plain")
        host.protect(
            *("plain", server.url(name), vault_on(s3_server)),
            backup={"fingerprint": "none"},
            drill={"ignore": [{"rule": "TRIGGER_DISABLED", "reason": "known"}]},
        )
        host.backup("plain")
        yield host


def ends(host: Host, *words: str, code: int) -> dict[str, str]:
    only = [part for word in words for part in ("--only", word)]
    document = host.document("selftest", "plain", *only, code=code)
    return {one["name"]: one["end"] for one in document["sabotages"]}


def test_an_alarm_that_does_not_ring_is_told(plain: Host) -> None:
    """Without a fingerprint nobody can see that a row is missing: then selftest fails, and says so."""
    assert ends(plain, "last row missing", "object beside the others", "object bit flipped", code=1) == {
        "last row missing": "missed",
        "object beside the others": "caught",
        "object bit flipped": "caught",
    }


def test_what_is_ignored_or_is_not_there_is_no_miss(plain: Host) -> None:
    assert ends(plain, "trigger disabled", "wrong key", code=Exit.PASSED) == {
        "trigger disabled": "muted",
        "wrong key": "not applicable",
    }


def test_a_dry_run_does_nothing(plain: Host) -> None:
    before = plain.keys("plain")
    said = plain.document("selftest", "plain", "--dry-run")
    assert said["copies"] == len(CORPUS) + 1
    assert plain.keys("plain") == before


def test_an_unknown_sabotage_and_a_vault_without_a_backup(plain: Host, host: Host) -> None:
    error = plain.document("selftest", "plain", "--only", "nonsense", code=Exit.USAGE)["error"]
    assert "object bit flipped" in error["hint"]
    host.protect("empty", None, host.folder / "vault")
    error = host.document("selftest", "empty", code=Exit.USAGE)["error"]
    assert "none" in error["reason"]


def test_if_not_even_a_good_copy_passes_nothing_is_told(
    host: Host, source_server: Callable[[int], SourceServer]
) -> None:
    server = source_server(17)
    name = server.database("CREATE TABLE t (id serial); INSERT INTO t VALUES (7)", name="behind")
    host.protect("behind", server.url(name), host.folder / "vault")
    host.backup("behind")
    ended = host.run("selftest", "behind", code=Exit.FAILED)
    assert "nothing can be told" in ended.out
    assert "SEQUENCE_BEHIND" in ended.out
    assert host.keys("behind", "scratch/") == ()
