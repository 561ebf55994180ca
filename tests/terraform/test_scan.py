"""terraform/ as a policy scanner reads it. What it finds is mended, or has a reason here."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.plugins.requirements import REPOSITORY, missing
from tests.terraform import offline

CHECKOV = REPOSITORY / ".venv" / "checkov" / "bin" / "checkov"

_KEY_POLICY = "a key's own policy: * is that key, and without it for the account nobody could ever change it"
# By check and resource: why it is as it is.
EXCUSED = {
    ("CKV_AWS_394", "aws_availability_zones.available"): "the first two are taken; `zones` names others",
    ("CKV_AWS_126", "aws_instance.controller"): "it only decides and waits; what matters has alarms",
    (
        "CKV_AWS_116",
        "aws_lambda_function.reaper",
    ): "it starts afresh in minutes; errors are an alarm",
    (
        "CKV_AWS_115",
        "aws_lambda_function.reaper",
    ): "two at once do no harm; new accounts refuse a reservation",
    ("CKV_AWS_117", "aws_lambda_function.reaper"): "it calls EC2 in every region, and nothing of ours",
    ("CKV_AWS_272", "aws_lambda_function.reaper"): "the file is built by whoever applies this",
    ("CKV_AWS_50", "aws_lambda_function.reaper"): "it calls one service, and its log says what came of it",
    ("CKV_AWS_109", "aws_iam_policy_document.key"): _KEY_POLICY,
    ("CKV_AWS_111", "aws_iam_policy_document.key"): _KEY_POLICY,
    ("CKV_AWS_356", "aws_iam_policy_document.key"): _KEY_POLICY,
    ("CKV2_AWS_11", "aws_vpc.this"): "nothing comes in and nothing goes out but to S3 and endpoints",
    ("CKV2_AWS_57", "aws_secretsmanager_secret.key"): "the identity that opens old backups can't be rotated",
    ("CKV2_AWS_57", "aws_secretsmanager_secret.source"): "its password is its database's matter",
    ("CKV2_AWS_5", "aws_security_group.machines"): "machines are given it when they are started",
    ("CKV_AWS_144", "aws_s3_bucket.vault"): "a second region doubles the price: everybody's own decision",
}


def scan(folder: Path, home: Path) -> dict[str, Any]:
    """What the scanner says of a folder."""
    if not CHECKOV.exists():
        missing("no scanner: make checkov")
    done = subprocess.run(
        [str(CHECKOV), "-d", str(folder), "--framework", "terraform", "--skip-download", "-o", "json"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict), "nothing to scan"
    return found


def failed(found: dict[str, Any]) -> set[tuple[str, str]]:
    """Check and resource, without the modules it is in."""
    return {
        (one["check_id"], ".".join(one["resource"].split(".")[-2:]).partition("[")[0])
        for one in found["results"]["failed_checks"]
    }


def test_what_the_scanner_finds_has_a_reason(tmp_path: Path) -> None:
    found = scan(offline.SOURCE, tmp_path)
    assert found["results"]["parsing_errors"] == []
    assert found["summary"]["passed"] > 150
    assert found["results"]["skipped_checks"] == []
    # Both ways: a reason for what is no longer found is as wrong as none.
    assert failed(found) == EXCUSED.keys()


OPEN = """
resource "aws_security_group" "open" {
  description = "open"
  vpc_id      = "vpc-0a"
  ingress {
    description = "everybody"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""


def test_the_scanner_finds_a_door_that_is_open(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "main.tf").write_text(OPEN)
    assert ("CKV_AWS_24", "aws_security_group.open") in failed(scan(folder, tmp_path))
