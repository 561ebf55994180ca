"""An outbox that is a real one, in a file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import open_history
from tests.plugins.postgres import SourceServer


@pytest.fixture
def history(tmp_path: Path) -> Iterator[DatabaseHistory]:
    """Both kinds of database pass the outbox's own suite, so mostly one of them does here."""
    with open_history(f"sqlite:///{tmp_path}/history.sqlite") as opened:
        yield opened


@pytest.fixture
def shared_history(source_server: Callable[[int], SourceServer]) -> Iterator[DatabaseHistory]:
    """On a real server, for what many threads do at once."""
    server = source_server(17)
    name = server.database()
    with open_history(server.url(name)) as opened:
        yield opened
    server.drop(name)
