"""The vaults of the databases in force, each opened once."""

import threading

from restoredrill import wiring
from restoredrill.configuration import Configuration
from restoredrill.errors import UsageError
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.store import VaultStore


class Vaults:
    """Opens a vault as whoever restores, and again after its file has changed. Any thread may ask."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._opened: dict[str, tuple[DatabaseConfig, VaultStore]] = {}
        self._lock = threading.Lock()

    def database(self, name: str) -> DatabaseConfig:
        """Its file, as it is in force. Raises `UsageError` if it has none any more."""
        found = self._configuration.current.databases.get(name)
        if found is None:
            raise UsageError(
                "find", f"database {name!r}", "it has no file any more", hint="put its file back"
            )
        return found

    def of(self, name: str) -> VaultStore:
        """Raises what opening a vault raises, and `UsageError` as above."""
        database = self.database(name)
        with self._lock:
            known = self._opened.get(name)
        if known is not None and known[0] == database:
            return known[1]
        store = wiring.vault(database, "restore")
        with self._lock:
            self._opened[name] = (database, store)
        return store
