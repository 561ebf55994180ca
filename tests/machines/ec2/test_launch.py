"""A machine is started once, whatever EC2 refuses, throttles or loses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from restoredrill.errors import CapacityMissing, CloudDenied, CloudError, CloudUnreachable, MachineFailed
from restoredrill.machines.ec2 import tags
from restoredrill.machines.ec2.boot import user_data
from restoredrill.machines.ec2.machine import Ec2Machine
from restoredrill.machines.ec2.request import run_request
from tests.cloud.world import ELSEWHERE, Cloud
from tests.machines.ec2 import asked
from tests.machines.ec2.asked import DRILL, QUICK, job, plan, reach, rung


def machine(cloud: Cloud) -> Ec2Machine:
    """As a new process has it: nothing is known yet."""
    return Ec2Machine(reach(cloud), QUICK, fresh_s=0)


def asked_for(cloud: Cloud) -> list[tuple[str, str, str]]:
    """Type, market and subnet of every RunInstances, in order."""
    return [
        (
            call.params["InstanceType"],
            call.params.get("InstanceMarketOptions", {}).get("MarketType", "on-demand"),
            call.params["NetworkInterfaces"][0]["SubnetId"],
        )
        for call in cloud.asked("ec2", "RunInstances")
    ]


def test_the_machine_is_what_the_plan_and_the_promises_say(account: Cloud) -> None:
    """Promises 4 and 5, in the call that creates it."""
    planned = plan(account, kms_key_id=account.kms_key())
    identity = machine(account).launch(job(planned))
    (found,) = account.instances()
    assert (found.id, found.type, found.market) == (identity, "m7i.large", "spot")
    assert (found.http_tokens, found.http_endpoint, found.hop_limit, found.metadata_tags) == (
        "required",
        "enabled",
        1,
        False,
    )
    assert found.shutdown_behavior == "terminate"
    assert found.public_ip is None
    assert found.profile is not None
    assert found.profile.endswith("/drill-machine")
    assert found.groups == (account.network.security_group,)
    assert found.user_data
    (call,) = account.asked("ec2", "RunInstances")
    assert "KeyName" not in call.params
    ebs = call.params["BlockDeviceMappings"][0]["Ebs"]
    assert ebs["Encrypted"] in (True, "true")
    assert ebs["KmsKeyId"] == planned.kms_key_id
    assert len(found.token) <= 64


def test_everything_that_is_made_carries_tags_from_the_start(account: Cloud) -> None:
    machine(account).launch(job(plan(account), lives=timedelta(hours=2)))
    ec2 = account.client("ec2")
    (instance,) = account.instances()
    (volume,) = ec2.describe_volumes()["Volumes"]
    (interface,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    for words in (instance.tags, tags.read(volume["Tags"]), tags.read(interface["TagSet"])):
        assert words[tags.ERRAND] == DRILL
        assert words[tags.KIND] == "drill"
        assert words[tags.ATTEMPT] == "1"
        assert words[tags.DATABASE] == "shop"
        assert words[tags.OWNER] == "dba@example.com"
        assert words[tags.EXPIRES_AT] == "2026-11-26T05:15:00Z"
        assert words[tags.USD_PER_HOUR] == "0.04"
        assert words["team"] == "données"
    assert account.asked("ec2", "CreateTags") == []


def test_a_backup_says_that_it_is_one(account: Cloud) -> None:
    machine(account).launch(asked.backup_job(plan(account)))
    (found,) = account.instances()
    assert found.tags[tags.KIND] == "backup"


def test_capacity_refused_twice_and_granted_elsewhere(account: Cloud) -> None:
    account.refuse(market="spot")
    machine(account).launch(job(plan(account)))
    (found,) = account.instances()
    assert (found.market, found.zone) == ("on-demand", account.zones[0])
    # Each refused once: botocore's own retries would ask again, since AWS answers with status 500.
    assert len(account.asked("ec2", "RunInstances")) == 3


@pytest.mark.parametrize("code", ["SpotMaxPriceTooLow", "InsufficientInstanceCapacity"])
def test_what_one_zone_refuses_the_other_may_grant(account: Cloud, code: str) -> None:
    account.refuse(code, zone=account.zones[0])
    machine(account).launch(job(plan(account)))
    (found,) = account.instances()
    assert (found.market, found.zone) == ("spot", account.zones[1])


@pytest.mark.parametrize(
    ("code", "refused", "granted"),
    [("MaxSpotInstanceCountExceeded", "spot", "on-demand"), ("VcpuLimitExceeded", "on-demand", "spot")],
)
def test_a_quota_is_one_markets(account: Cloud, code: str, refused: Any, granted: Any) -> None:
    account.refuse(code, market=refused)
    ladder = [rung(account, market=market, zone=zone) for market in (refused, granted) for zone in (0, 1)]
    machine(account).launch(job(plan(account, *ladder)))
    (found,) = account.instances()
    assert found.market == granted
    assert len(account.asked("ec2", "RunInstances")) == 2


def test_a_type_that_a_zone_does_not_offer_is_not_asked_for_there_again(account: Cloud) -> None:
    account.refuse("Unsupported", zone=account.zones[0])
    ladder = [rung(account, market=market, zone=zone) for zone in (0, 1) for market in ("spot", "on-demand")]
    machine(account).launch(job(plan(account, *ladder)))
    (found,) = account.instances()
    assert (found.market, found.zone) == ("spot", account.zones[1])
    assert len(account.asked("ec2", "RunInstances")) == 2


def test_nothing_to_be_had_is_told_rung_by_rung(account: Cloud) -> None:
    account.refuse("MaxSpotInstanceCountExceeded", market="spot")
    account.refuse(market="on-demand")
    here = machine(account)
    with pytest.raises(CapacityMissing) as caught:
        here.launch(job(plan(account)))
    said = caught.value.reason
    assert f"m7i.large spot in {account.zones[0]}: MaxSpotInstanceCountExceeded" in said
    assert f"m7i.large spot in {account.zones[1]}: not asked after" in said
    assert said.count("InsufficientInstanceCapacity") == 2
    assert "Service Quotas" in caught.value.hint
    assert account.instances() == []
    here.terminate(DRILL)  # nothing is waited for: EC2 said no


def test_throttling_is_sat_out(account: Cloud) -> None:
    account.fault("ec2", "RunInstances", "RequestLimitExceeded", 503, times=2)
    account.fault("ec2", "DescribeInstances", "RequestLimitExceeded", 503, times=1)
    machine(account).launch(job(plan(account)))
    assert len(account.instances()) == 1


@pytest.mark.parametrize("code", ["cut", "InternalError"])
def test_a_lost_answer_is_asked_for_again_and_is_the_same_machine(account: Cloud, code: str) -> None:
    account.fault("ec2", "RunInstances", code, after=True)
    identity = machine(account).launch(job(plan(account)))
    assert [found.id for found in account.instances()] == [identity]
    assert len(account.asked("ec2", "RunInstances")) == 2


def test_a_controller_that_came_back_finds_its_machine(account: Cloud) -> None:
    first = machine(account).launch(job(plan(account)))
    assert machine(account).launch(job(plan(account))) == first
    assert len(account.asked("ec2", "RunInstances")) == 1


def test_a_controller_that_came_back_too_early_to_see_it_gets_the_same(account: Cloud) -> None:
    account.pace.hidden = 5
    first = machine(account).launch(job(plan(account)))
    assert machine(account).launch(job(plan(account))) == first
    assert [found.id for found in account.instances()] == [first]
    assert len(account.asked("ec2", "RunInstances")) == 2


def test_an_attempt_whose_machine_is_gone_gets_no_second_one(account: Cloud) -> None:
    first = machine(account).launch(job(plan(account)))
    account.terminated(first)
    assert machine(account).launch(job(plan(account))) == first
    account.forget(first)
    here = machine(account)
    assert here.launch(job(plan(account))) == DRILL
    assert not here.state(DRILL).running
    assert account.instances(alive=True) == []


@pytest.mark.parametrize("ours", [True, False])
def test_a_token_that_was_used_for_something_else_starts_nothing(account: Cloud, ours: bool) -> None:
    """Another version of ours asked in other words, and its machine was not in sight yet."""
    what = job(plan(account, rung(account)))
    token = run_request(what, 1, 0, user_data(what, 1))["ClientToken"]
    words = {tags.ERRAND: DRILL, tags.ATTEMPT: "1"} if ours else {"Name": "x"}
    account.pace.hidden = 1
    first = account.client("ec2").run_instances(
        ImageId=account.image.id,
        InstanceType="m7i.large",
        MinCount=1,
        MaxCount=1,
        ClientToken=token,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags.listed(words)}],
    )["Instances"][0]["InstanceId"]
    if ours:
        assert machine(account).launch(what) == first
    else:
        with pytest.raises(CloudError, match="IdempotentParameterMismatch"):
            machine(account).launch(what)
    assert [found.id for found in account.instances()] == [first]


def test_many_drills_at_once_get_a_machine_each(account: Cloud) -> None:
    here = machine(account)
    account.fault("ec2", "RunInstances", "RequestLimitExceeded", 503, times=10)
    account.fault("ec2", "RunInstances", "cut", times=3, after=True)
    names = [f"20261126T031500Z-{number:04x}" for number in range(20)]
    with ThreadPoolExecutor(max_workers=10) as pool:
        ids = list(pool.map(lambda name: here.launch(job(plan(account), name)), names))
        assert len(set(ids)) == len(names)
        assert {found.id: found.tags[tags.ERRAND] for found in account.instances()} == dict(
            zip(ids, names, strict=True)
        )
        assert all(state.running for state in pool.map(here.state, ids))
        list(pool.map(here.terminate, names))
    assert account.instances(alive=True) == []


def test_another_attempt_is_another_machine_elsewhere(account: Cloud) -> None:
    here = machine(account)
    first = here.launch(job(plan(account)))
    account.reclaim(first)
    second = here.launch(job(plan(account)), 2)
    assert second != first
    assert account.instance(second).zone != account.instance(first).zone
    assert account.instance(second).tags[tags.ATTEMPT] == "2"
    assert here.state(DRILL).running


def test_a_no_is_said_at_once_and_named(account: Cloud) -> None:
    account.fault("ec2", "RunInstances", "UnauthorizedOperation", 403, times=None)
    with pytest.raises(CloudDenied) as caught:
        machine(account).launch(job(plan(account)))
    assert "RunInstances" in caught.value.hint
    assert len(account.asked("ec2", "RunInstances")) == 1


def test_a_wrong_name_is_told_before_a_machine_is_there(account: Cloud) -> None:
    with pytest.raises(CloudError, match="InvalidParameterValue"):
        machine(account).launch(job(plan(account, instance_profile="no-such-profile")))
    with pytest.raises(MachineFailed, match="no machine was planned"):
        machine(account).launch(job(None))
    with pytest.raises(MachineFailed, match=f"nobody would look for it in {ELSEWHERE}"):
        machine(account).launch(job(plan(account, region=ELSEWHERE)))
    assert account.instances() == []


def test_a_look_that_fails_starts_nothing(account: Cloud) -> None:
    account.fault("ec2", "DescribeInstances", "UnauthorizedOperation", 403, times=None)
    with pytest.raises(CloudDenied):
        machine(account).launch(job(plan(account)))
    assert account.asked("ec2", "RunInstances") == []


def test_a_launch_template_is_named_and_nothing_is_left_to_it(account: Cloud) -> None:
    made = account.client("ec2").create_launch_template(
        LaunchTemplateName="rules",
        LaunchTemplateData={
            "MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": 5},
            "InstanceInitiatedShutdownBehavior": "stop",
            "InstanceType": "m7i.4xlarge",
        },
    )["LaunchTemplate"]
    for number, name in enumerate((made["LaunchTemplateId"], "rules"), start=1):
        identity = machine(account).launch(job(plan(account, launch_template=name)), number)
        found = account.instance(identity)
        assert (found.http_tokens, found.hop_limit) == ("required", 1)
        assert (found.shutdown_behavior, found.type) == ("terminate", "m7i.large")


def test_a_machine_without_any_answer_is_ended_all_the_same(account: Cloud) -> None:
    """RunInstances worked each time and was never heard of, and no look shows the machine at first."""
    account.pace.hidden = 3
    account.fault("ec2", "RunInstances", "cut", times=None, after=True)
    here = Ec2Machine(reach(account), QUICK, fresh_s=0, pause=lambda _: None)
    with pytest.raises(CloudUnreachable):
        here.launch(job(plan(account)))
    here.terminate(DRILL)
    assert len(account.instances()) == 1
    assert account.instances(alive=True) == []
    assert here.leftovers(DRILL) == ()
