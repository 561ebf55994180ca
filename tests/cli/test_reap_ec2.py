"""`leases` and `reap` in the cloud, as somebody types them who has nothing but credentials."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.clouded import Host
from tests.cli.programs import REAL, run
from tests.cloud.world import ELSEWHERE, Cloud

HOUR = timedelta(hours=1)


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    """No file, no machine of its own."""
    return tmp_path


def launch(cloud: Cloud, ends_in: timedelta | None, region: str | None = None, errand: str = "7f3a") -> str:
    """A machine of ours; without `ends_in` one of somebody else's."""
    region = region or cloud.region
    image = cloud.image if region == cloud.region else cloud.make_image(region)
    asked: dict[str, Any] = {"ImageId": image.id, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1}
    if ends_in is not None:
        until = datetime.now(UTC) + ends_in
        words = {
            "restoredrill:errand": f"20261126T031500Z-{errand}",
            "restoredrill:database": "shop",
            "restoredrill:owner": "dba@acme.example",
            "restoredrill:expires-at": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "restoredrill:usd-per-hour": "0.12",
        }
        listed = [{"Key": key, "Value": value} for key, value in words.items()]
        asked["TagSpecifications"] = [
            {"ResourceType": kind, "Tags": listed} for kind in ("instance", "volume", "network-interface")
        ]
    answer = cloud.client("ec2", region).run_instances(**asked)
    identity: str = answer["Instances"][0]["InstanceId"]
    return identity


def call(place: Path, cloud: Cloud, *words: str) -> tuple[int, Any]:
    env = {**cloud.environment, "RESTOREDRILL_MACHINES": str(place / "machines")}
    done = run(REAL, *words, "--json", cwd=place, env=env)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def regions(*names: str) -> list[str]:
    return [word for name in names for word in ("--region", name)]


def alive(cloud: Cloud) -> set[str]:
    return {one.id for one in cloud.instances(alive=True)}


def test_leases_lists_ours_in_every_region_and_nobody_elses(laptop: Path, cloud: Cloud) -> None:
    here, there = launch(cloud, HOUR), launch(cloud, HOUR, ELSEWHERE, "8a4b")
    launch(cloud, None)
    code, document = call(laptop, cloud, "leases", *regions(cloud.region, ELSEWHERE))
    assert code == 0
    found = {one["machine"]: one for one in document["leases"]}
    assert set(found) == {here, there}
    assert (found[there]["region"], found[there]["database"]) == (ELSEWHERE, "shop")
    assert found[here]["usd_per_hour"] == 0.12
    assert document["total"]["machines"] == 2


def test_what_is_overdue_is_ended_and_the_rest_stays(laptop: Path, cloud: Cloud) -> None:
    late, young, foreign = launch(cloud, -HOUR), launch(cloud, HOUR, errand="8a4b"), launch(cloud, None)
    far = launch(cloud, -HOUR, ELSEWHERE, "9c5d")
    where = regions(cloud.region, ELSEWHERE)
    assert call(laptop, cloud, "leases", *where)[0] == 4
    code, document = call(laptop, cloud, "reap", "--dry-run", *where)
    assert code == 0
    assert {one["lease"]["machine"] for one in document["reaped"]} == {late, far}
    assert alive(cloud) >= {late, young, foreign}
    code, document = call(laptop, cloud, "reap", *where)
    assert (code, document["unseen"]) == (0, [])
    assert {one["problem"] for one in document["reaped"]} == {None}
    assert alive(cloud) & {late, young, foreign, far} == {young, foreign}
    assert call(laptop, cloud, "reap", *where) == (0, {"dry_run": False, "reaped": [], "unseen": []})


def test_what_resists_is_no_clean_end(laptop: Path, cloud: Cloud) -> None:
    late = launch(cloud, -HOUR)
    cloud.fault("ec2", "TerminateInstances", "UnauthorizedOperation", 403, times=None)
    code, document = call(laptop, cloud, "reap", *regions(cloud.region))
    assert code == 4
    (one,) = document["reaped"]
    assert one["lease"]["machine"] == late
    assert one["problem"]
    assert late in alive(cloud)


def test_a_region_that_can_not_be_looked_at_is_named(laptop: Path, cloud: Cloud) -> None:
    launch(cloud, -HOUR)
    cloud.fault("ec2", "DescribeInstances", "UnauthorizedOperation", 403, times=None)
    code, document = call(laptop, cloud, "reap", *regions(cloud.region))
    assert code == 4
    assert [one["place"] for one in document["unseen"]] == [cloud.region]
    code, document = call(laptop, cloud, "leases", *regions(cloud.region))
    assert (code, document["leases"]) == (3, [])


def test_files_say_where_to_look(tmp_path: Path, cloud: Cloud) -> None:
    host = Host(tmp_path, cloud)
    host.write(f"regions: [{ELSEWHERE}]")
    far = launch(cloud, HOUR, ELSEWHERE)
    code, document = call(tmp_path, cloud, "leases")
    assert code == 0
    assert [one["machine"] for one in document["leases"]] == [far]


def test_a_broken_file_hides_nothing_that_others_name(tmp_path: Path, cloud: Cloud) -> None:
    host = Host(tmp_path, cloud)
    late = launch(cloud, -HOUR)
    (host.folder / "schedules" / "crm.yaml").write_text("vault: {", encoding="utf-8")
    code, document = call(tmp_path, cloud, "reap", "--dry-run")
    assert code == 0
    assert [one["lease"]["machine"] for one in document["reaped"]] == [late]


def test_for_people_it_is_two_lines_and_a_sum(laptop: Path, cloud: Cloud) -> None:
    identity = launch(cloud, HOUR)
    done = run(REAL, "leases", "--region", cloud.region, cwd=laptop, env=cloud.environment)
    first, second, total = done.stdout.splitlines()
    assert first.startswith(f"{identity}  shop  ec2 m7i.large {cloud.region}  ends in ")
    assert "an hour" in second
    assert "dba@acme.example" in second, second
    assert total.startswith("1 lives, ")
