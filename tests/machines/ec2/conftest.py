"""The stand-in of AWS with what a drill's machine needs, and ourselves as its administrator."""

import pytest

from tests.cloud.world import Cloud


@pytest.fixture
def account(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An account in which drills may be run; the process is its administrator."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    cloud.role("drill-machine", {})
    return cloud
