"""What a machine may lack: skipped on a laptop, a failure where RESTOREDRILL_REQUIRE=all (CI)."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).parents[2]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where everything is required."""
    if os.environ.get("RESTOREDRILL_REQUIRE") == "all":
        pytest.fail(f"required here: {what}", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with databases that other people wrote."""
    if not SHARED_DATA.is_dir():
        missing(f"no {SHARED_DATA.name} folder beside the repository")
    return SHARED_DATA
