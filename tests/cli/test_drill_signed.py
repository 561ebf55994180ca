"""A drill's report is signed where it is saved, if `_service.yaml` names a key; and never by a machine."""

import json
from pathlib import Path
from typing import Any

import pytest

from restoredrill import wiring
from restoredrill.errors import VaultUnreachable
from restoredrill.evidence import statements
from restoredrill.evidence.signing import Signer, Trusted, new_key
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.journal import VaultJournal
from tests.cli.programs import REAL, run
from tests.stories.samples import DRILL, job, manifest, report

FILE = "vault: {{url: 'file://{vault}'}}\ndrill: {{}}\nmachines: {{local: {{directory: '{machines}'}}}}\n"
PRIVATE, PUBLIC = new_key()
BACKUP = manifest()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    for name in ("schedules", "vault", "machines"):
        (tmp_path / name).mkdir(mode=0o700)
    text = FILE.format(vault=tmp_path / "vault", machines=tmp_path / "machines")
    (tmp_path / "schedules" / "shop.yaml").write_text(text)
    (tmp_path / "evidence.pem").write_text(PRIVATE)
    service(tmp_path, f"file:{tmp_path}/evidence.pem")
    return tmp_path


def service(host: Path, reference: str) -> None:
    (host / "schedules" / "_service.yaml").write_text(f"evidence: {{key: '{reference}'}}\n")


def drilled(host: Path, *words: str, **env: str) -> tuple[int, Any, str]:
    done = run(REAL, "drill", "shop", "--json", *words, cwd=host, env=env)
    return done.returncode, json.loads(done.stdout), done.stderr


def statement_of(host: Path, drill: str) -> statements.Statement:
    folder = host / "vault" / "drills" / drill
    signed = (folder / "report.dsse.json").read_bytes()
    statement = Trusted([(PUBLIC, "here")]).opened(signed, statements.DRILL)
    body = (folder / "report.json").read_bytes()
    assert statement.sha256_of(f"drills/{drill}/report.json") == statements.sha256(body)
    return statement


def store_manifest(host: Path) -> bytes:
    body = BACKUP.model_dump_json(by_alias=True, indent=1).encode()
    FolderStore(host / "vault").put(f"backups/{BACKUP.id}/manifest.json", [body])
    return body


def test_the_report_of_a_drill_that_ran_is_signed_with_its_backups_manifest(host: Path) -> None:
    """The backup is nothing but a manifest, so it can not pass; what it says is signed all the same."""
    body = store_manifest(host)
    code, told, _ = drilled(host)
    assert (code, told["verdict"]) in ((1, "failed"), (3, "inconclusive"))
    assert told["machine"]["swept_at"] is not None
    statement = statement_of(host, told["drill"])
    assert statement.sha256_of(f"backups/{BACKUP.id}/manifest.json") == statements.sha256(body)
    assert statement.predicate["verdict"] == told["verdict"]


def test_a_drill_that_could_not_even_begin_is_signed(host: Path) -> None:
    code, told, _ = drilled(host)
    assert (code, told["verdict"]) == (1, "failed")
    assert statement_of(host, told["drill"]).predicate["backup"] is None


def test_the_key_may_be_a_variable(host: Path) -> None:
    service(host, "${EVIDENCE_KEY}")
    _, told, _ = drilled(host, EVIDENCE_KEY=PRIVATE)
    assert statement_of(host, told["drill"]).predicate["drill"] == told["drill"]


def test_without_a_key_nothing_is_signed(host: Path) -> None:
    (host / "schedules" / "_service.yaml").unlink()
    _, told, _ = drilled(host)
    names = {path.name for path in (host / "vault" / "drills" / told["drill"]).iterdir()}
    assert names == {"report.json", "report.html"}


@pytest.mark.parametrize("reference", ["${NO_SUCH_KEY}", "file:/nowhere/evidence.pem"])
def test_a_key_that_is_not_there_is_said_before_the_drill(host: Path, reference: str) -> None:
    store_manifest(host)
    service(host, reference)
    code, told, _ = drilled(host)
    assert (code, told["error"]["thing"]) == (2, "evidence.key")
    assert not (host / "vault" / "drills").exists()


def test_a_drill_under_way_comes_to_its_end_without_a_key(host: Path) -> None:
    store_manifest(host)
    VaultJournal(FolderStore(host / "vault")).submit(job(deadline_s=1))
    service(host, "${NO_SUCH_KEY}")
    _, told, err = drilled(host, "--resume", DRILL)
    assert told["machine"]["swept_at"] is not None
    assert "warning: the report will not be signed" in err
    assert not (host / "vault" / "drills" / DRILL / "report.dsse.json").exists()


def test_a_drill_under_way_is_signed_by_whoever_goes_on_with_it(host: Path) -> None:
    store_manifest(host)
    VaultJournal(FolderStore(host / "vault")).submit(job(deadline_s=1))
    drilled(host, "--resume", DRILL)
    assert statement_of(host, DRILL).predicate["drill"] == DRILL


def test_a_backup_that_is_pruned_by_now_takes_no_signature_away(tmp_path: Path) -> None:
    render = wiring.sealed_render(FolderStore(tmp_path), Signer(PRIVATE))
    told = report(backup=BACKUP.id)
    envelope = render(told)["report.dsse.json"].encode()
    assert len(Trusted([(PUBLIC, "here")]).opened(envelope, statements.DRILL).subject) == 1


def test_a_vault_that_does_not_answer_is_no_missing_manifest(tmp_path: Path) -> None:
    class Dead(FolderStore):
        def fetch(self, key: str, start: int = 0, length: int | None = None) -> Any:
            raise VaultUnreachable("read", key, "no answer")

    with pytest.raises(VaultUnreachable):
        wiring.sealed_render(Dead(tmp_path), Signer(PRIVATE))(report(backup=BACKUP.id))
