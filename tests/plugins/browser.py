"""A real browser, one for all the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.plugins.requirements import missing
from tests.reports.browser import Browser, chromium, running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """With an empty profile."""
    program = chromium()
    if program is None:
        missing("no Chromium (on Debian: apt-get install chromium)")
    with running(program) as found:
        yield found
