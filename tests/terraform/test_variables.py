"""What is given is looked at before anything is made."""

from typing import Any

import pytest

from tests.terraform import offline
from tests.terraform.offline import Working

pytestmark = pytest.mark.xdist_group("terraform")
GOOD: dict[str, Any] = {"owner": "dba@acme.example", "databases": {"shop": {}}}


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Working:
    """Initialised, and with an account that nobody answers for: whatever is refused is refused before."""
    offline.program()
    keys = {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up"}
    folder = tmp_path_factory.mktemp("variables") / "terraform"
    return offline.working(folder, "http://127.0.0.1:9", "us-east-1", keys)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"databases": {}}, "databases needs at least one"),
        ({"databases": {"sh/op": {}}}, "a name has letters and digits"),
        ({"databases": {"shop": {"proof_days": 8}}}, "proof_days is a whole number of days"),
        ({"databases": {"shop": {"proof_days": 0.5}}}, "proof_days is a whole number of days"),
        ({"owner": ""}, "owner is a tag's value"),
        ({"name": "Restoredrill"}, "name has 3 to 20 lower-case letters"),
        ({"regions": ["Frankfurt"]}, "regions are names like eu-central-1"),
        ({"tags": {"restoredrill:errand": "x"}}, "are taken"),
        ({"image": "debian"}, "image is ami-"),
        ({"backup_network": {"subnets": [], "security_groups": ["sg-0a"]}}, "at least one subnet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_variable_is_refused_and_told(terraform: Working, wrong: dict[str, Any], said: str) -> None:
    assert said in terraform.refused(**{**GOOD, **wrong})
