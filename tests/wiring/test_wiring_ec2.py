"""What may travel to a machine of the cloud, and what has to stay and is said."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from restoredrill import config, wiring, wiring_ec2
from restoredrill.errors import CloudMissing, UsageError
from restoredrill.model import Cost, Report, VaultSpec
from restoredrill.settings import DatabaseConfig
from tests.cloud.world import Cloud
from tests.config.documents_ec2 import BESIDE, STORED, backed_up, ec2
from tests.stories.samples import backup_job, cloud_job, plan, report

STORE = VaultSpec(url="s3://b/shop", profile="ops", role_arn="arn:aws:iam::1:role/x")
HERE = {"access_key_id": "${KEY}", "secret_access_key": "${SECRET}"}
THERE = {"access_key_id": "ssm:/shop/id", "secret_access_key": "ssm:/shop/secret"}


def database(text: str) -> DatabaseConfig:
    return config.parse(text, "shop", "shop.yaml")


def test_a_machine_is_its_role() -> None:
    """It has no profile, may assume nothing, and gets no key of this host's."""
    gone = wiring_ec2.travelling(STORE.model_copy(update=HERE))
    assert (gone.url, gone.profile, gone.role_arn) == ("s3://b/shop", None, None)
    assert (gone.access_key_id, gone.secret_access_key) == (None, None)


def test_the_names_of_keys_in_a_secret_store_travel() -> None:
    gone = wiring_ec2.travelling(STORE.model_copy(update=THERE))
    assert (gone.access_key_id, gone.secret_access_key) == ("ssm:/shop/id", "ssm:/shop/secret")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        (HERE, []),  # AWS's own S3 takes the machine's role
        ({**HERE, "endpoint_url": "https://store.example"}, ["${KEY}"]),
        ({**THERE, "endpoint_url": "https://store.example"}, []),
        ({"endpoint_url": "https://store.example"}, []),
        ({"url": "file:///v"}, ["folder"]),
    ],
)
def test_what_a_machine_would_need_and_cannot_be_given_is_said(
    changes: dict[str, str], said: list[str]
) -> None:
    problems = list(wiring_ec2.stays_behind(database(ec2()), STORE.model_copy(update=changes), "restore"))
    assert len(problems) == len(said)
    for problem, words in zip(problems, said, strict=True):
        assert words in problem


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (ec2("decrypt_with: ssm:/shop/key"), "ssm:/shop/key"),
        (ec2(drill="{machine: ec2, decrypt_with: 'ssm:/other'}"), "ssm:/other"),
        (ec2("decrypt_with: ssm:/shop/key", drill="{decrypt_with: '${KEY}'}"), "ssm:/shop/key"),
        (ec2(drill="{decrypt_with: '${KEY}'}"), None),
        (ec2(), None),
    ],
)
def test_the_key_is_told_by_name_or_not_at_all(text: str, key: str | None) -> None:
    assert wiring_ec2.decrypt_with(database(text)) == key


def test_the_source_of_a_machine_is_its_own_setting_before_that_of_this_host() -> None:
    beside = BESIDE.replace("}", ", source_url: 'ssm:/inner'}")
    assert wiring_ec2.source_url(database(backed_up(STORED, beside))) == "ssm:/inner"
    assert wiring_ec2.source_url(database(backed_up(STORED, BESIDE))) == STORED
    assert wiring_ec2.source_url(database(ec2())) is None


def test_a_file_without_the_cloud_has_no_machines_there() -> None:
    local = database("vault: {url: file:///v}\ndrill: {}\n")
    with pytest.raises(UsageError, match=r"no machines\.ec2"):
        wiring.reach(local)


def spent(day: int, month: int, usd: float) -> Report:
    at = datetime(2026, month, day, tzinfo=UTC)
    return report().model_copy(update={"started_at": at, "cost": Cost(amount=usd)})


def test_a_month_is_spent_by_its_own_drills() -> None:
    drills = [spent(1, 11, 0.25), spent(30, 11, 0.5), spent(31, 10, 8.0)]
    assert wiring_ec2.spent_usd(drills, (), datetime(2026, 11, 30, 23, tzinfo=UTC)) == 0.75
    assert wiring_ec2.spent_usd(drills, (), datetime(2026, 12, 1, tzinfo=UTC)) == 0.0


def test_a_month_is_spent_by_backups_too_and_by_what_is_under_way() -> None:
    begun = datetime(2026, 11, 3, tzinfo=UTC)
    planned = plan().model_copy(update={"usd_estimate": 0.5})
    drill = cloud_job().model_copy(update={"plan": planned, "started_at": begun})
    backup = backup_job().model_copy(update={"plan": planned, "started_at": begun})
    errands = ((drill, None), (backup, Cost(amount=0.25)), (backup, None))
    assert wiring_ec2.spent_usd((), errands, datetime(2026, 11, 4, tzinfo=UTC)) == 1.25
    assert wiring_ec2.spent_usd((), errands, datetime(2026, 12, 4, tzinfo=UTC)) == 0.0


def test_reports_are_read_as_far_as_they_matter() -> None:
    """There are more every night, for ever."""
    now, read = datetime(2026, 11, 26, tzinfo=UTC), []

    def newest_first() -> Iterator[Report]:
        for age in range(1000):
            read.append(age)
            yield report().model_copy(update={"started_at": now - timedelta(days=age)})

    assert len(wiring_ec2.recent(newest_first(), "shop", now)) == 26
    assert len(read) == 27
    read.clear()
    found = wiring_ec2.recent(newest_first(), "shop", now.replace(month=12, day=1))
    assert (len(found), len(read)) == (wiring_ec2.EARLIER_AT_MOST, wiring_ec2.EARLIER_AT_MOST + 1)


# Secrets


def test_a_reference_leads_to_this_host_or_to_a_secret_store(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**cloud.environment, "SHOP_KEY": "of this host"}.items():
        monkeypatch.setenv(name, value)
    cloud.secret("shop/key", "of the store\n")
    assert wiring.reveal("${SHOP_KEY}", "x").reveal() == "of this host"
    assert wiring.reveal("secretsmanager:shop/key", "x").reveal() == "of the store"
    assert wiring.reveal("secretsmanager:shop/key", "x", cloud.region).reveal() == "of the store"
    with pytest.raises(CloudMissing):
        wiring.reveal("secretsmanager:shop/other", "x")
