"""An outbox that is a real one, in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import open_history


@pytest.fixture
def history(tmp_path: Path) -> Iterator[DatabaseHistory]:
    """Both kinds of database pass the outbox's own suite, so one of them does here."""
    with open_history(f"sqlite:///{tmp_path}/history.sqlite") as opened:
        yield opened
