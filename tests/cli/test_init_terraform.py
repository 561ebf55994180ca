"""`init --from-terraform`: what terraform/ made becomes valid files; all that is wrong with it is named."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from restoredrill import config
from restoredrill.cli import COMMANDS, frame
from restoredrill.errors import Exit
from tests.cli import programs
from tests.cli.programs import REAL
from tests.config.documents import PUBLIC_KEY

HANDED: dict[str, Any] = {
    "region": "eu-central-1",
    "regions": ["eu-central-1", "eu-west-1"],
    "vault_url": "s3://acme-backups",
    "kms_key_id": "arn:aws:kms:eu-central-1:123456789012:key/0f",
    "image": None,
    "subnets": ["subnet-0a", "subnet-0b"],
    "security_groups": ["sg-0drill"],
    "instance_profiles": {"shop": "restoredrill-shop-drill", "crm": "restoredrill-crm-drill"},
    "backup": {
        "subnets": ["subnet-0src"],
        "security_groups": ["sg-0backup"],
        "instance_profiles": {"shop": "restoredrill-shop-backup"},
    },
    "launch_template": "lt-0a1b",
    "decrypt_with": {"shop": "secretsmanager:restoredrill/shop/age"},
    "owner": "dba@acme.example",
    "something_newer": {"x": 1},
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs happen in a directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*argv: str) -> int:
    return frame.run(COMMANDS, "restoredrill.cli", ["init", *argv])


def write(value: Any, *, wrapped: bool = True) -> str:
    document = {"restoredrill": {"sensitive": False, "type": "object", "value": value}} if wrapped else value
    Path("outputs.json").write_text(json.dumps(document), encoding="utf-8")
    return "outputs.json"


def changed(**more: Any) -> dict[str, Any]:
    return {**HANDED, **more}


def problems(capsys: Any, value: Any, *argv: str) -> list[str]:
    capsys.readouterr()
    assert init("--from-terraform", write(value), "--json", *argv) == Exit.USAGE
    assert not Path("schedules").exists()
    error = json.loads(capsys.readouterr().out)["error"]
    return error["problems"] or [error["reason"]]


def test_every_database_gets_a_file_that_is_valid_as_it_stands(capsys: Any) -> None:
    assert init("--from-terraform", write(HANDED), "--encrypt-to", PUBLIC_KEY, "shop", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"files": ["schedules/shop.yaml"]}
    assert init("--from-terraform", write(HANDED), "crm") == 0
    shop, crm = (config.load(Path("schedules"))[name] for name in ("shop", "crm"))
    assert (shop.vault.url, shop.vault.region) == ("s3://acme-backups/shop", "eu-central-1")
    assert shop.drill is not None
    assert (shop.drill.machine, shop.drill.decrypt_with) == ("ec2", "secretsmanager:restoredrill/shop/age")
    ec2 = shop.machines.ec2
    assert ec2 is not None
    assert ec2.swept == ("eu-central-1", "eu-west-1")
    assert (ec2.subnets, ec2.security_groups) == (("subnet-0a", "subnet-0b"), ("sg-0drill",))
    assert (ec2.instance_profile, ec2.launch_template) == ("restoredrill-shop-drill", "lt-0a1b")
    assert (ec2.kms_key_id, ec2.owner) == (HANDED["kms_key_id"], "dba@acme.example")
    assert ec2.image.startswith("ssm:"), "what was not given has its default"
    assert ec2.backup is not None
    assert ec2.backup.instance_profile == "restoredrill-shop-backup"
    assert shop.backup is not None
    assert shop.backup.machine == "local", "nobody said where a machine finds the source's URL"
    assert crm.machines.ec2 is not None
    assert crm.machines.ec2.backup is None
    assert crm.drill is not None
    assert crm.drill.decrypt_with is None


def test_backups_run_beside_the_source_where_its_url_is_in_a_secret_store() -> None:
    beside = {**HANDED["backup"], "source_urls": {"shop": "secretsmanager:restoredrill/shop/source"}}
    assert init("--from-terraform", write(changed(backup=beside)), "shop") == 0
    shop = config.load_one(Path("schedules"), "shop")
    assert shop.backup is not None
    assert shop.backup.machine == "ec2"
    assert shop.machines.ec2 is not None
    assert shop.machines.ec2.backup is not None
    assert shop.machines.ec2.backup.source_url == "secretsmanager:restoredrill/shop/source"


@pytest.mark.parametrize("form", ["alone", "state", "stdin", "bom"])
def test_the_output_may_come_in_other_forms(form: str, tmp_path: Path) -> None:
    text = json.dumps(HANDED)
    if form == "state":
        text = json.dumps({"version": 4, "outputs": {"restoredrill": {"value": HANDED}}})
    Path("o.json").write_text(("\ufeff" if form == "bom" else "") + text, encoding="utf-8")
    if form == "stdin":
        script = f"import sys; sys.stdin = open('o.json'); {REAL}"
        done = programs.run(script, "init", "--from-terraform", "-", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    else:
        assert init("--from-terraform", "o.json") == 0
    assert sorted(config.load(Path("schedules"))) == ["crm", "shop"]


def test_every_problem_is_named_and_nothing_is_written(capsys: Any) -> None:
    lacking = {k: v for k, v in HANDED.items() if k not in ("region", "subnets")}
    lacking |= {"vault_url": "http://x", "decrypt_with": {"shop": "hunter2-is-a-secret"}}
    found = problems(capsys, lacking)
    assert found == [
        "outputs.json: restoredrill.region: is missing",
        "outputs.json: restoredrill.vault_url: must start with s3:// or file:///",
        "outputs.json: restoredrill.subnets: is missing",
        (
            "outputs.json: restoredrill.decrypt_with.shop: must be secretsmanager:NAME or ssm:NAME, which a "
            "machine reads by its own role"
        ),
    ]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"instance_profiles": {}}, "restoredrill.instance_profiles: "),
        ({"instance_profiles": {"../x": "p", "shop": "p"}}, "'../x' can't be a database's name"),
        ({"decrypt_with": {"hr": "ssm:/hr"}}, "'hr' has no instance profile to read it with"),
        ({"backup": {**HANDED["backup"], "instance_profiles": {"hr": "p"}}}, "'hr' has none to drill with"),
        ({"vault_url": "file:///v"}, "must be a bucket"),
        ({"subnets": ["a b"]}, "restoredrill.subnets.0: "),
        ({"subnets": []}, "restoredrill.subnets: "),
        ({"backup": {}}, "restoredrill.backup.subnets: is missing"),
        ({"region": None}, "restoredrill.region: "),
    ],
)
def test_each_fault_is_found(capsys: Any, more: dict[str, Any], problem: str) -> None:
    assert any(problem in line for line in problems(capsys, changed(**more)))


@pytest.mark.parametrize(
    "document", [[], {}, "x", {"other": {"value": 1}}, {"restoredrill": {"value": None}}, {"restoredrill": 7}]
)
def test_a_document_without_the_output_is_told_what_to_do(document: Any, capsys: Any) -> None:
    Path("o.json").write_text(json.dumps(document), encoding="utf-8")
    assert init("--from-terraform", "o.json") == Exit.USAGE
    said = capsys.readouterr().err
    assert "has no output called restoredrill" in said
    assert "apply terraform/ first" in said


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b" " * (5 * 1024**2)])
def test_what_is_no_json_is_refused(raw: bytes, capsys: Any) -> None:
    Path("o.json").write_bytes(raw)
    assert init("--from-terraform", "o.json") == Exit.USAGE
    assert "make it with `terraform output -json`" in capsys.readouterr().err


def test_no_file_is_ever_replaced(capsys: Any) -> None:
    Path("schedules").mkdir()
    for name in ("crm.yml", "shop.yaml"):
        Path("schedules", name).write_text("mine", encoding="utf-8")
    assert init("--from-terraform", write(HANDED)) == Exit.USAGE
    said = capsys.readouterr().err
    assert "schedules/crm.yml: it is there already" in said
    assert "schedules/shop.yaml: it is there already" in said
    assert sorted(path.name for path in Path("schedules").iterdir()) == ["crm.yml", "shop.yaml"]
    assert Path("schedules/shop.yaml").read_text(encoding="utf-8") == "mine"
    assert init("--from-terraform", write(HANDED), "--force") == Exit.USAGE


def test_a_key_that_nothing_opens_is_refused(capsys: Any) -> None:
    found = problems(capsys, changed(decrypt_with={}), "--encrypt-to", PUBLIC_KEY)
    assert any("drill.decrypt_with names no key" in line for line in found)


def test_a_name_that_terraform_does_not_know_and_one_url_for_two(capsys: Any) -> None:
    assert init("--from-terraform", write(HANDED), "hr") == Exit.USAGE
    assert "knows crm, shop only" in capsys.readouterr().err
    assert init("--from-terraform", write(HANDED), "--source-url", "${X}") == Exit.USAGE
    assert "--source-url is of one database" in capsys.readouterr().err
    assert init("--from-terraform", write(HANDED), "shop", "--source-url", "${X}") == 0


def terraform(folder: Path, script: str) -> dict[str, str]:
    """A stand-in for the program, found first in PATH."""
    folder.mkdir()
    program = folder / "terraform"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_directory_is_asked_by_terraform_itself(tmp_path: Path) -> None:
    write(HANDED)
    (tmp_path / "tf").mkdir()
    env = terraform(tmp_path / "bin", f'test "$1" = -chdir=tf && cat {tmp_path}/outputs.json')
    done = programs.run(REAL, "init", "--from-terraform", "tf", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert sorted(config.load(tmp_path / "schedules")) == ["crm", "shop"]


def test_what_terraform_complains_of_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "tf").mkdir()
    env = terraform(tmp_path / "bin", "echo 'Error: Backend initialization required' >&2; exit 1")
    done = programs.run(REAL, "init", "--from-terraform", "tf", cwd=tmp_path, env=env)
    assert done.returncode == Exit.USAGE
    assert "Backend initialization required" in done.stderr
