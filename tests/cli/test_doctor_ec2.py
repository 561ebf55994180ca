"""`doctor` for machines of the cloud: what it looks at, and the machine that `--try` starts."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.clouded import Host
from tests.cli.programs import REAL, run
from tests.cloud.world import Cloud


@pytest.fixture
def host(tmp_path: Path, cloud: Cloud) -> Host:
    return Host(tmp_path, cloud)


def doctor(host: Host, *words: str) -> tuple[int, dict[str, list[Any]]]:
    done = run(REAL, "doctor", "shop", "--json", *words, cwd=host.folder, env=host.environment)
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    assert "databases" in document, document
    found: dict[str, list[Any]] = {}
    for probe in document["databases"][0]["probes"]:
        found.setdefault(probe["name"], []).append(probe)
    return done.returncode, found


def failures(found: dict[str, list[Any]]) -> list[tuple[str, str]]:
    return [
        (one["name"], one["detail"]) for some in found.values() for one in some if one["outcome"] == "failed"
    ]


def test_a_good_account_has_no_failure_and_nothing_is_started(host: Host) -> None:
    host.put_bundle()
    code, found = doctor(host)
    assert failures(found) == []
    assert code == 0
    for name in ("image", "subnets", "instance profile", "kms key", "rights", "prices", "agent's version"):
        assert name in found, sorted(found)
    assert found[f"reaper in {host.cloud.region}"][0]["detail"] == "nothing of ours lives there"
    assert "isolation" not in found, "nothing is restored on this host"
    assert host.cloud.instances() == []


def test_what_is_wrong_is_said_with_a_fix(host: Host) -> None:
    host.write("kms_key_id: 11111111-0000-4000-8000-000000000000\n    regions: [eu-west-1]")
    host.cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[host.cloud.network.s3_endpoint])
    code, found = doctor(host)
    assert code == 1
    names = {name for name, _ in failures(found)}
    assert {"kms key", "routes", "agent"} <= names, names
    assert "reaper in eu-west-1" in found
    assert all(one["fix"] for some in found.values() for one in some if one["outcome"] == "failed")


def test_a_reaper_that_may_not_look_is_a_failure(host: Host) -> None:
    host.put_bundle()
    host.cloud.fault("ec2", "DescribeInstances", "UnauthorizedOperation", 403, times=None)
    code, found = doctor(host)
    assert code == 1
    assert [name for name, _ in failures(found)] == [f"reaper in {host.cloud.region}"]


def test_a_trial_starts_one_machine_hears_its_word_and_leaves_nothing(host: Host) -> None:
    host.put_bundle()
    host.machines_do(lambda h, instance, errand: h.say(errand, 1, "started"))
    code, found = doctor(host, "--try")
    assert failures(found) == []
    assert code == 0
    assert "restore started" in found["trial: first word"][0]["detail"]
    assert found["trial: leftovers"][0]["outcome"] == "ok"
    assert len(host.cloud.instances()) == 1
    assert {one.state for one in host.cloud.instances()} <= {"shutting-down", "terminated"}
    assert list(host.store.list("drills/")) == []


def test_a_machine_without_a_word_is_a_failure_and_is_gone(host: Host) -> None:
    host.put_bundle()
    host.write(boot_timeout="2s")
    code, found = doctor(host, "--try")
    assert code == 1
    assert [name for name, _ in failures(found)] == ["trial: first word"]
    assert "nothing for 2 s" in found["trial: first word"][0]["detail"]
    assert {one.state for one in host.cloud.instances()} <= {"shutting-down", "terminated"}


def test_the_price_is_said_before(host: Host) -> None:
    host.put_bundle()
    host.write(boot_timeout="2s")
    done = run(REAL, "doctor", "shop", "--try", cwd=host.folder, env=host.environment)
    price, started = done.stdout.index("at most"), done.stdout.index("trial: start")
    assert price < started, done.stdout


def test_a_trial_is_for_machines_of_the_cloud_only(host: Host) -> None:
    done = run(REAL, "doctor", "shop", "--machine", "local", "--try", cwd=host.folder, env=host.environment)
    assert done.returncode == 2
    assert "do not run on machines of the cloud" in done.stderr
