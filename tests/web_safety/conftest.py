"""Dashboards to attack."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from restoredrill.service_settings import ProxySettings, WebSettings
from tests.web_safety.visitors import ANNA, REED, Dashboard

Make = Callable[..., Dashboard]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A dashboard with these settings."""

    def made(**settings: Any) -> Dashboard:
        return Dashboard(WebSettings(**settings), tmp_path / "state")

    return made


@pytest.fixture
def local(make: Make) -> Dashboard:
    """On loopback, with nothing else said."""
    return make()


@pytest.fixture
def peopled(make: Make) -> Dashboard:
    """On loopback, with users."""
    return make(users=(ANNA, REED))


@pytest.fixture
def proxied(make: Make) -> Dashboard:
    """Behind a proxy that signs people in and does TLS."""
    proxy = ProxySettings(addresses=("10.1.0.0/16", "::1"), role_header="X-Role")
    return make(listen="0.0.0.0:8765", proxy=proxy, tls_by_proxy=True, url="https://drills.example.org")
