"""Histories to test: the same suite runs on SQLite and on a real PostgreSQL server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import open_history
from tests.plugins.postgres import SourceServer


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that is not there yet."""
    return f"sqlite:///{tmp_path}/state/history.sqlite"


@pytest.fixture
def postgres_url(source_server: Callable[[int], SourceServer]) -> Iterator[str]:
    """A database of the test's own, empty."""
    server = source_server(17)
    name = server.database()
    yield server.url(name)
    server.drop(name)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def history(url: str) -> Iterator[DatabaseHistory]:
    """Open, and closed after the test."""
    with open_history(url) as opened:
        yield opened
