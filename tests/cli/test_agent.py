"""`agent build`, `agent publish` and `agent errand`, as people and boot data call them."""

import json
from pathlib import Path

import pytest

from restoredrill.bundle import document_of
from restoredrill.cli.agent.errand import program
from restoredrill.plan import AgentBundle
from restoredrill.vault.bundles import VaultBundles
from restoredrill.vault.folder import FolderStore
from tests.cli import programs
from tests.cli.programs import REAL
from tests.cloud.world import Cloud
from tests.terraform.policies import policy


@pytest.fixture
def schedules(tmp_path: Path) -> Path:
    folder = tmp_path / "schedules"
    folder.mkdir()
    (tmp_path / "vault").mkdir()
    (folder / "shop.yaml").write_text(
        f"vault: {{url: 'file://{tmp_path}/vault'}}\nsource: {{url: '${{URL}}'}}\nbackup: {{}}\n"
    )
    return folder


def a_bundle(folder: Path) -> Path:
    path = folder / "restoredrill-0.1.0-linux_x86_64-py311-6b86b273ff34.pyz"
    path.write_bytes(b"1")
    told = AgentBundle(
        name=path.name,
        version="0.1.0",
        sha256="6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
        size_bytes=1,
        platform="linux_x86_64",
        python="3.11",
        postgres="17.10",
    )
    document_of(path).write_text(told.model_dump_json())
    return path


def test_a_built_bundle_is_published(schedules: Path, tmp_path: Path) -> None:
    path = a_bundle(tmp_path)
    done = programs.run(REAL, "agent", "publish", "shop", path, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [one["name"] for one in json.loads(done.stdout)] == [path.name]
    assert [one.name for one in VaultBundles(FolderStore(tmp_path / "vault")).list()] == [path.name]
    said = programs.run(REAL, "agent", "publish", "shop", path, cwd=tmp_path).stdout
    assert said == f"published {path.name}  1 B, Python 3.11, PostgreSQL 17.10\n"


def test_who_writes_backups_does_not_publish(tmp_path: Path, cloud: Cloud) -> None:
    """What machines run can read every backup: it is put there by the controller, and by nobody else."""
    bucket, path = cloud.bucket(), a_bundle(tmp_path)
    here = {"bucket_arn": f"arn:aws:s3:::{bucket}", "region": cloud.region, "account": cloud.account}
    writer = cloud.keys_of("writer", {"backup-writer": policy("backup-writer", **here)})
    controller = cloud.keys_of("controller", {"controller": policy("controller", **here)})
    (tmp_path / "schedules").mkdir()
    file = tmp_path / "schedules" / "shop.yaml"
    vault = f"""
drill: {{}}
vault:
  url: s3://{bucket}/shop
  endpoint_url: {cloud.endpoint_url}
  region: {cloud.region}
  access_key_id: ${{WRITER}}
  secret_access_key: ${{WRITERS_SECRET}}
"""
    file.write_text(vault)
    environment = {
        "WRITER": writer.access_key,
        "WRITERS_SECRET": writer.secret_key,
        "CONTROLLER": controller.access_key,
        "CONTROLLERS_SECRET": controller.secret_key,
    }
    done = programs.run(REAL, "agent", "publish", "shop", path, cwd=tmp_path, env=environment)
    assert done.returncode != 0
    assert f"agents/{path.name}" in done.stderr
    assert "AccessDenied" in done.stderr or "Access Denied" in done.stderr
    as_controller = "{access_key_id: '${CONTROLLER}', secret_access_key: '${CONTROLLERS_SECRET}'}"
    file.write_text(f"{vault}  restore_as: {as_controller}\n")
    done = programs.run(REAL, "agent", "publish", "shop", path, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    kept = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="shop/agents/")["Contents"]
    assert [one["Key"] for one in kept] == [f"shop/agents/{path.name}", f"shop/agents/{path.name}.json"]


def test_a_file_alone_is_not_enough(schedules: Path, tmp_path: Path) -> None:
    path = a_bundle(tmp_path)
    document_of(path).unlink()
    done = programs.run(REAL, "agent", "publish", "shop", path, cwd=tmp_path)
    assert done.returncode == 2
    assert "does not tell what it is" in done.stderr
    assert "both files" in done.stderr


def test_what_can_not_be_built_is_said(tmp_path: Path) -> None:
    done = programs.run(REAL, "agent", "build", "--python", "2.7", cwd=tmp_path)
    assert done.returncode == 2
    assert "2.7" in done.stderr


def test_an_errand_is_for_machines(tmp_path: Path) -> None:
    done = programs.run(REAL, "agent", "errand", tmp_path, cwd=tmp_path)
    assert done.returncode == 3
    assert "this command is for throwaway machines" in done.stderr


def test_what_runs_again_is_a_module_where_there_is_no_one_file() -> None:
    assert program()[-2:] == ("-m", "restoredrill")
