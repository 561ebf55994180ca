"""Where the end of a task is written down: its vault, and from there the history."""

from typing import TYPE_CHECKING

from restoredrill import clock
from restoredrill.cli.serving.places import Vaults
from restoredrill.configuration import Configuration
from restoredrill.errors import UsageError, VaultConflict
from restoredrill.model import Report
from restoredrill.records import Task
from restoredrill.vault.contents import VaultContents
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.tasks import VaultTasks

if TYPE_CHECKING:
    from restoredrill.history.database import DatabaseHistory


class VaultBooks:
    """See `controller.Books`. Of a database whose file is gone only the history knows."""

    def __init__(self, vaults: Vaults, history: "DatabaseHistory", configuration: Configuration) -> None:
        self._vaults = vaults
        self._history = history
        self._configuration = configuration

    def kept(self, task: Task) -> Task | None:
        """See `Books.kept`."""
        return VaultTasks(self._vaults.of(task.database)).get(task.id) if self._is_there(task) else None

    def keep(self, task: Task) -> Task:
        """See `Books.keep`."""
        if not self._is_there(task):
            return task
        tasks = VaultTasks(self._vaults.of(task.database))
        try:
            tasks.keep(task)
        except VaultConflict:
            return tasks.get(task.id) or task
        return task

    def take_in(self, task: Task) -> None:
        """See `Books.take_in`."""
        if self._is_there(task):
            self.sync(task.database)

    def sync(self, name: str) -> None:
        """Take up what is new in a database's vault. Raises `VaultError`, `HistoryError`, `UsageError`."""
        from restoredrill.history.sync import sync

        contents = VaultContents(self._vaults.of(name))
        keep_s = self._configuration.current.service.history.keep_s
        sync(self._history, name, contents, keep_s=keep_s, now=clock.utcnow())

    def report(self, task: Task) -> Report | None:
        """See `Books.report`."""
        if task.kind != "drill" or not self._is_there(task):
            return None
        return next(VaultJournal(self._vaults.of(task.database)).reports(task.id), None)

    def _is_there(self, task: Task) -> bool:
        try:
            self._vaults.database(task.database)
        except UsageError:
            return False
        return True
