"""What became of the tasks of a database: one document each, written once it is over (promise 2)."""

from restoredrill.errors import VaultMissing
from restoredrill.protocols import Store
from restoredrill.records import Task
from restoredrill.vault import documents
from restoredrill.vault.layout import task_key


class VaultTasks:
    """The final tasks of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, task: Task) -> None:
        """Write down how a task ended, before the history says so; the same may be written again. Raises
        `VaultConflict` if it says something else there, which then stays.
        """
        assert task.state.final
        documents.put_once(self._store, task_key(task.id), task)

    def get(self, task: str) -> Task | None:
        """How it ended, if it has. Raises `ObjectCorrupt`."""
        try:
            return documents.read(self._store, task_key(task), Task)
        except VaultMissing:
            return None
