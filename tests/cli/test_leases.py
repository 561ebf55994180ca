"""What lives is listed with age, cost and end; a place that can't be seen is said, and saves no other."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restoredrill.aws.session import Reach
from restoredrill.cli import leases
from restoredrill.cli.places import Place, Unseen, each, reaches
from restoredrill.errors import CloudDenied, Exit
from restoredrill.machines import local
from restoredrill.model import Lease
from restoredrill.protocols import Estate
from restoredrill.settings import DatabaseConfig
from tests.cli import programs
from tests.cli.programs import REAL
from tests.reports.samples import HOSTILE

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def lease(machine: str, ends_in: timedelta, **more: Any) -> Lease:
    usual: dict[str, Any] = {
        "provider": "ec2",
        "drill": "20261126T030000Z-51c2ab90",
        "database": "shop",
        "region": "eu-central-1",
        "type": "m7i.large",
        "usd_per_hour": 0.12,
    }
    return Lease(machine=machine, started_at=NOW - HOUR, expires_at=NOW + ends_in, **(usual | more))


def database(name: str, **ec2: Any) -> DatabaseConfig:
    given = {"subnets": ["subnet-1"], "security_groups": ["sg-1"], "instance_profile": "p", **ec2}
    return DatabaseConfig.model_validate(
        {"name": name, "vault": {"url": f"s3://b/{name}"}, "drill": {}, "machines": {"ec2": given}}
    )


# What is said -----------------------------------------------------------------------------------------------


def test_what_should_be_gone_comes_first_then_what_is_dear() -> None:
    cheap, dear = lease("i-cheap", HOUR, usd_per_hour=0.01), lease("i-dear", HOUR, usd_per_hour=2.0)
    late, orphan = lease("i-late", -HOUR), lease("i-orphan", HOUR, orphan=True, usd_per_hour=0.02)
    order = [one.lease.machine for one in leases.at(NOW, [cheap, dear, orphan, late])]
    assert order == ["i-late", "i-orphan", "i-dear", "i-cheap"]


def test_one_machine_that_two_files_can_see_is_one() -> None:
    assert len(leases.at(NOW, [lease("i-1", HOUR), lease("i-1", HOUR)])) == 1
    assert len(leases.at(NOW, [lease("i-1", HOUR), lease("i-1", HOUR, region="us-east-1")])) == 2


def test_the_list_and_its_sum() -> None:
    found = [lease("i-0a", 2 * HOUR, detail="owner dba"), lease("i-0b", -HOUR / 2, usd_per_hour=1.5)]
    told = leases.text(leases.at(NOW, found), ())
    assert told.splitlines() == [
        "i-0b  shop  ec2 m7i.large eu-central-1  OVERDUE by 30 m",
        "  errand 20261126T030000Z-51c2ab90, 1 h old, 1.50 USD so far at 1.50 USD an hour",
        "i-0a  shop  ec2 m7i.large eu-central-1  ends in 2 h",
        "  errand 20261126T030000Z-51c2ab90, 1 h old, 0.12 USD so far at 0.12 USD an hour, owner dba",
        "2 live, 1.62 USD so far, 1.62 USD an hour; 1 should be gone: `restoredrill reap`",
    ]


def test_no_price_is_not_said_to_be_nothing() -> None:
    told = leases.text(leases.at(NOW, [lease("i-0a", HOUR, usd_per_hour=None)]), ())
    assert "price not known" in told
    here = lease("x", HOUR, provider="local", region="", type="", usd_per_hour=None)
    assert "costs nothing" in leases.text(leases.at(NOW, [here]), ())


def test_nothing_found_is_not_nothing_there_where_one_could_not_look() -> None:
    assert leases.text((), ()) == "nothing lives"
    told = leases.text((), (Unseen("eu-west-1", "no answer"),))
    assert told == "could not look at eu-west-1: no answer\nnothing was found where one could look"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_tag_can_steer_the_terminal(hostile: str) -> None:
    found = leases.at(NOW, [lease(hostile, HOUR, database=hostile, detail=hostile, type=hostile)])
    told = leases.text(found, ())
    assert len(told.splitlines()) == 3
    assert all(c == "\n" or c.isprintable() or c in "\u200c\u200d" for c in told)


def test_a_machine_from_the_future_has_no_negative_age() -> None:
    (one,) = leases.at(NOW - 5 * HOUR, [lease("i-0a", HOUR)])
    assert (one.age_s, one.usd) == (0, 0)


# Where it is looked -----------------------------------------------------------------------------------------


def test_every_region_of_every_file_once_as_whoever_it_says() -> None:
    files = {
        "a": database("a", region="eu-central-1", regions=["eu-west-1"]),
        "b": database("b", region="eu-west-1"),
        "c": database("c", region="eu-west-1", role_arn="arn:aws:iam::1:role/r"),
    }
    assert reaches(files, ()) == (
        Reach("eu-central-1"),
        Reach("eu-west-1"),
        Reach("eu-west-1", role_arn="arn:aws:iam::1:role/r"),
    )


def test_a_region_by_hand_is_looked_at_as_everybody_that_files_know() -> None:
    assert reaches({}, ["us-east-1"]) == (Reach("us-east-1"),)
    files = {"a": database("a", region="eu-west-1", profile="ops")}
    assert reaches(files, ["us-east-1", "eu-west-1"]) == (
        Reach("eu-west-1", profile="ops"),
        Reach("us-east-1", profile="ops"),
    )


def test_a_file_without_machines_of_the_cloud_names_no_region() -> None:
    plain = DatabaseConfig.model_validate({"name": "a", "vault": {"url": "file:///v"}, "drill": {}})
    assert reaches({"a": plain}, ()) == ()


def test_a_place_that_can_not_be_looked_at_saves_no_other() -> None:
    def unusable() -> Estate:
        raise AssertionError("only looked at by the test's own function")

    def look(place: Place) -> str:
        if place.name == "dark":
            raise CloudDenied("list", "instances", "access denied", hint="grant ec2:DescribeInstances")
        return place.name

    seen, unseen = each([Place(name, unusable) for name in ("a", "dark", "b")], look)
    assert seen == ("a", "b")
    assert unseen == (Unseen("dark", "list instances: access denied (grant ec2:DescribeInstances)"),)


# The command, on this host ----------------------------------------------------------------------------------


def test_it_needs_no_file_and_sees_what_lives_here(tmp_path: Path) -> None:
    machines = tmp_path / "m"
    env = {"RESTOREDRILL_MACHINES": str(machines)}
    nothing = programs.run(REAL, "leases", cwd=tmp_path, env=env)
    assert (nothing.returncode, nothing.stdout) == (Exit.PASSED, "nothing lives\n"), nothing.stderr
    with local.workplace(machines, "20261126T031500Z-7f3a", "shop", HOUR):
        found = programs.run(REAL, "leases", "--json", cwd=tmp_path, env=env)
    document = json.loads(found.stdout)
    assert found.returncode == Exit.PASSED
    (one,) = document["leases"]
    assert (one["drill"], one["database"], one["provider"]) == ("20261126T031500Z-7f3a", "shop", "local")
    assert document["total"] == {"machines": 1, "overdue": 0, "usd": 0.0, "usd_per_hour": 0.0}
