"""`xdist_group` under pytest 9.2: tests of a group run in one worker, one after the other."""

from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """xdist 3.8 writes a test's group behind its id, into an attribute that pytest 9.2 no longer reads.

    Without this `--dist loadgroup` does what `--dist load` does, and says nothing.
    """
    for item in items:
        grouped = getattr(item, "_nodeid", item.nodeid)
        if grouped != item.nodeid and isinstance(getattr(item, "_id", None), type(item.parent.id)):
            item._id = item.parent.id.child(f"{item.name}@{grouped.rpartition('@')[2]}")
