"""README's part on EC2 says what the code does: the plan, the costs, the keys."""

import re

import pytest

from restoredrill.ec2_settings import Ec2Settings
from tests.house.readme_ec2 import blocks
from tests.house.test_readme import README, table


@pytest.mark.parametrize("name", ["plan", "costs"])
def test_what_the_planner_prints_is_what_stands_there(name: str) -> None:
    """`python -m tests.house.readme_ec2` writes it."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", README, re.S)
    assert found is not None
    assert found[1] == blocks()[name]


def test_every_key_of_machines_ec2_is_there_and_no_other() -> None:
    told = [row[0].strip("`") for row in table("key of `machines.ec2`")]
    assert sorted(told) == sorted(Ec2Settings.model_json_schema(by_alias=True)["properties"])
