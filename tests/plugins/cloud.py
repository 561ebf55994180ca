"""A stand-in of AWS for tests: one server a worker, a new account for each test."""

from collections.abc import Iterator

import pytest

from tests.cloud.server import Server
from tests.cloud.world import Cloud


@pytest.fixture(scope="session")
def cloud_server() -> Iterator[Server]:
    """The worker's server."""
    server = Server()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def cloud(cloud_server: Server) -> Cloud:
    """An account of the test's own, with a network and an image. See `tests/cloud/world.py`."""
    return Cloud(cloud_server)
