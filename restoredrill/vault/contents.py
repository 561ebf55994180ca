"""What is in a vault, as an index wants it: ids by listing, and documents of which a bad one hides no
other.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from restoredrill.document import Document
from restoredrill.errors import ObjectCorrupt, VaultMissing
from restoredrill.model import Manifest, Report
from restoredrill.protocols import Store
from restoredrill.records import Kind, Task
from restoredrill.vault import documents
from restoredrill.vault.layout import (
    BACKUPS,
    DRILLS,
    TASKS,
    is_id,
    last_part,
    manifest_key,
    report_key,
    task_key,
)

_FOLDERS = {"backup": BACKUPS, "drill": DRILLS}
_D = TypeVar("_D", bound=Document)


class VaultContents:
    """The `history.sync.Contents` of one store. Every method raises `VaultError`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ids(self, kind: Kind) -> tuple[str, ...]:
        """See `Contents.ids`."""
        found = (last_part(entry.key) for entry in self._store.list(_FOLDERS[kind], folders=True))
        return tuple(sorted(filter(is_id, found)))

    def task_ids(self) -> tuple[str, ...]:
        """See `Contents.task_ids`."""
        found = (entry.key.removeprefix(TASKS).removesuffix(".json") for entry in self._store.list(TASKS))
        return tuple(sorted(filter(is_id, found)))

    def manifests(self, ids: Sequence[str]) -> Sequence[Manifest | ObjectCorrupt | None]:
        """See `Contents.manifests`."""
        return self._read([manifest_key(one) for one in ids], Manifest)

    def reports(self, ids: Sequence[str]) -> Sequence[Report | ObjectCorrupt | None]:
        """See `Contents.reports`."""
        return self._read([report_key(one) for one in ids], Report)

    def tasks(self, ids: Sequence[str]) -> Sequence[Task | ObjectCorrupt | None]:
        """See `Contents.tasks`."""
        return self._read([task_key(one) for one in ids], Task)

    def _read(self, keys: Sequence[str], kind: type[_D]) -> Sequence[_D | ObjectCorrupt | None]:
        def read(key: str) -> _D | ObjectCorrupt | None:
            try:
                return documents.read(self._store, key, kind)
            except VaultMissing:
                return None
            except ObjectCorrupt as error:
                return error

        with ThreadPoolExecutor(documents.FETCHES_AT_ONCE) as pool:
            return list(pool.map(read, keys))
