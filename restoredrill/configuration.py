"""The files in `schedules/` as a service sees them over time: re-read when they change, and where a new state
of them is no good, the last good one stays in force.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from restoredrill import clock, config
from restoredrill.errors import ConfigError
from restoredrill.service_settings import ServiceSettings
from restoredrill.settings import DatabaseConfig


@dataclass(frozen=True)
class Loaded:
    """What is in force. `problem`: why a newer state of the files is not."""

    databases: Mapping[str, DatabaseConfig]
    service: ServiceSettings
    read_at: datetime
    problem: ConfigError | None = None


class Configuration:
    """Any thread may ask for `current`; one looks."""

    def __init__(self, directory: Path) -> None:
        """Raises `ConfigError`: there is no last good state to begin with."""
        self._directory = directory
        self._seen = _state(directory)
        self._lock = threading.Lock()
        self._current = self._read()

    @property
    def current(self) -> Loaded:
        """What is in force now."""
        with self._lock:
            return self._current

    def look(self, *, anyway: bool = False) -> bool:
        """Read the files again if they have changed, or `anyway`; True if what is in force, or the problem
        with what is not, is another one now.
        """
        state = _state(self._directory)
        if state == self._seen and not anyway:
            return False
        self._seen = state
        before = self.current
        try:
            found = self._read()
        except ConfigError as error:
            found = replace(before, problem=error)
        with self._lock:
            self._current = found
        return (found.databases, found.service, str(found.problem)) != (
            before.databases,
            before.service,
            str(before.problem),
        )

    def _read(self) -> Loaded:
        databases, service = config.load(self._directory), config.service(self._directory)
        return Loaded(databases, service, clock.utcnow())


def _state(directory: Path) -> tuple[object, ...]:
    """What changes with the files, and costs no more than a look at each: every tick looks at them."""
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as error:
        return (error.errno,)
    return tuple((path.name, _stamp(path)) for path in paths)


def _stamp(path: Path) -> tuple[int, ...]:
    """Of the file behind a link. Whoever writes one may set its time back, but not the inode's."""
    try:
        found = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
