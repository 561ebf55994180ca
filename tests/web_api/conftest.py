"""An API with something behind it, and people who may use it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import open_history
from tests.web_api.worlds import ApiStand, fill
from tests.web_safety.visitors import Visitor


@pytest.fixture
def history(tmp_path: Path) -> Iterator[DatabaseHistory]:
    with open_history(f"sqlite:///{tmp_path}/state/history.sqlite") as opened:
        yield opened


@pytest.fixture
def stand(tmp_path: Path, history: DatabaseHistory) -> ApiStand:
    made = ApiStand(tmp_path / "vaults", history)
    fill(made.world, history)
    return made


@pytest.fixture
def anna(stand: ApiStand) -> Visitor:
    """May run."""
    found = Visitor(stand.app)
    assert found.sign_in("anna", "correct horse").status_code == 303
    return found


@pytest.fixture
def reed(stand: ApiStand) -> Visitor:
    """May read."""
    found = Visitor(stand.app)
    assert found.sign_in("reed", "only looking").status_code == 303
    return found
