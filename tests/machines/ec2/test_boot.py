"""Boot data as text: its size, its form, and that nothing in it is taken for something else."""

import email
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from restoredrill.errors import MachineFailed
from restoredrill.machines.ec2 import boot
from restoredrill.model import Errand, VaultSpec
from tests.machines.ec2.errands import backup_job, bundle, job
from tests.plugins.requirements import missing

HOSTILE = "s3://acme/it's $(reboot) `id`/@settings@/@end@/\u00fc\u4e16"


def parts(text: str) -> dict[str, str]:
    """The programs by the type that cloud-init knows them by."""
    message = email.message_from_string(text)
    found = {
        part.get_content_type(): part.get_payload() for part in message.walk() if not part.is_multipart()
    }
    return {kind: body for kind, body in found.items() if isinstance(body, str)}


def note(text: str) -> dict[str, object]:
    script = parts(text)["text/x-shellscript"]
    line = script.split("boot.json\" <<'@end@'\n")[1].split("\n@end@")[0]
    found: dict[str, object] = json.loads(line)
    return found


def longest() -> Errand:
    """As long as a job can be: every Python and platform, and a vault with long names."""
    bundles = [
        bundle(python=python, platform=platform)
        for python in ("3.11", "3.12", "3.13", "3.14")
        for platform in ("linux_x86_64", "linux_aarch64")
    ]
    vault = VaultSpec(
        url="s3://" + "b" * 63 + "/" + "\u00fc" * 150,
        endpoint_url="https://" + "e" * 200 + ".example:8333",
        region="ap-southeast-2",
        sse_kms_key_id="arn:aws:kms:ap-southeast-2:123456789012:key/" + "0" * 36,
        role_arn="arn:aws:iam::123456789012:role/" + "r" * 64,
    )
    return job(vault, *bundles)


def test_it_is_a_boothook_and_a_script() -> None:
    text = boot.user_data(job(), 1)
    assert list(parts(text)) == ["text/cloud-boothook", "text/x-shellscript"]
    assert all(program.startswith("#!/bin/sh\n") for program in parts(text).values())


def test_the_timer_is_armed_before_anything_else() -> None:
    first, second = parts(boot.user_data(job(), 1)).values()
    assert "systemd-run" in first
    assert "fetch" not in first
    assert "systemd-run" not in second


def test_it_is_far_below_the_limit() -> None:
    usual = len(boot.user_data(job(), 1))
    assert usual < 12_500
    assert len(boot.user_data(longest(), 9)) < boot.LIMIT_BYTES - 1000


def test_what_is_too_long_is_refused() -> None:
    vault = VaultSpec(url="s3://acme/" + "\u00fc" * 2000)
    with pytest.raises(MachineFailed, match="more than EC2's 16384"):
        boot.user_data(job(vault), 1)


@pytest.mark.parametrize("attempt", [0, 10])
def test_an_attempt_without_numbers_is_refused(attempt: int) -> None:
    with pytest.raises(MachineFailed, match="of 9"):
        boot.user_data(job(), attempt)


def test_an_errand_without_a_plan_is_refused() -> None:
    with pytest.raises(MachineFailed, match="no plan"):
        boot.user_data(job().model_copy(update={"plan": None}), 1)


def test_it_is_the_same_for_the_same_attempt_only() -> None:
    assert boot.user_data(job(), 1) == boot.user_data(job(), 1)
    assert boot.user_data(job(), 1) != boot.user_data(job(), 2)


def test_what_the_machine_is_told() -> None:
    told = note(boot.user_data(job(), 2))
    assert told["folder"] == "drills/20261126T031500Z-7f3a/"
    assert told["last_event"] == "drills/20261126T031500Z-7f3a/events/199999.json"
    assert note(boot.user_data(backup_job(), 1))["folder"] == "jobs/20261126T021500Z-0b1c/"


def test_only_bundles_of_the_planned_architecture_are_told() -> None:
    other = bundle(platform="linux_riscv64")
    fits = bundle()
    names = [one["name"] for one in note(boot.user_data(job(None, other, fits), 1))["bundles"]]  # type: ignore[attr-defined]
    assert names == [fits.name]


def test_odd_names_stay_what_they_are(tmp_path: Path) -> None:
    text = boot.user_data(job(VaultSpec(url=HOSTILE)), 1)
    assert text.isascii()
    told = note(text)["vault"]
    assert isinstance(told, dict)
    assert told["url"] == HOSTILE


def test_a_vault_with_keys_shows_no_secret() -> None:
    """References travel, values never do; there is nothing else that could hold one."""
    text = boot.user_data(job(decrypt_with="secretsmanager:shop/age", keep_s=60), 1)
    assert "shop/age" not in text


@pytest.mark.parametrize("kind", ["text/cloud-boothook", "text/x-shellscript"])
@pytest.mark.parametrize("url", ["s3://acme/shop", HOSTILE])
def test_every_shell_can_read_it(tmp_path: Path, kind: str, url: str) -> None:
    program = tmp_path / "program"
    program.write_text(parts(boot.user_data(job(VaultSpec(url=url)), 1))[kind])
    for shell in ("dash", "bash"):
        if shutil.which(shell):
            subprocess.run([shell, "-n", str(program)], check=True)


@pytest.mark.parametrize("kind", ["text/cloud-boothook", "text/x-shellscript"])
def test_shellcheck_has_nothing_to_say(tmp_path: Path, kind: str) -> None:
    if not shutil.which("shellcheck"):
        missing("no shellcheck")
    program = tmp_path / "program.sh"
    program.write_text(parts(boot.user_data(job(), 1))[kind])
    # Not used in both programs; one word a disk (said beside the line, but comments stay behind).
    argv = ["shellcheck", "--exclude=SC2034,SC2046", str(program)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.stdout == ""


def test_arming_again_is_the_same_program() -> None:
    until = job().expires_at + timedelta(hours=2)
    assert f"RD_EXPIRES={round(until.timestamp())}\nRD_LEASE_S=7200\n" in boot.arming(until, 7200)
