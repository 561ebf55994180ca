"""The documents of a vault, one after the other, as they lie there: byte for byte, since they are signed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from restoredrill.errors import VaultMissing
from restoredrill.protocols import Store
from restoredrill.vault.documents import FETCHES_AT_ONCE
from restoredrill.vault.layout import (
    BACKUPS,
    DRILLS,
    SIGNATURE,
    TASKS,
    drill_folder,
    is_id,
    last_part,
    manifest_key,
)

_FILES = ("job.json", "report.json", SIGNATURE)
_T = TypeVar("_T")


def backups(store: Store) -> Iterator[tuple[str, bytes]]:
    """Every manifest, by id, ascending."""
    return _each(_ids(store, BACKUPS), lambda identity: _body(store, manifest_key(identity)))


def drills(store: Store, since: datetime, until: datetime) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """The folders of drills that began in this time, by id, ascending: job, report and signature."""

    def read(identity: str) -> Mapping[str, bytes] | None:
        found = {name: _body(store, f"{drill_folder(identity)}{name}") for name in _FILES}
        return {name: body for name, body in found.items() if body is not None} or None

    return _each(_within(_ids(store, DRILLS), since, until), read)


def tasks(store: Store) -> Iterator[tuple[str, bytes]]:
    """What was due, by id, ascending."""
    names = (entry.key.removeprefix(TASKS).removesuffix(".json") for entry in store.list(TASKS))
    return _each(sorted(filter(is_id, names)), lambda identity: _body(store, f"{TASKS}{identity}.json"))


def oldest_backup(store: Store) -> str | None:
    """The id of the oldest backup in the vault: no older drill says anything of what is kept."""
    return next(iter(_ids(store, BACKUPS)), None)


def _ids(store: Store, folder: str) -> list[str]:
    return sorted(filter(is_id, (last_part(entry.key) for entry in store.list(folder, folders=True))))


def _within(identities: Iterable[str], since: datetime, until: datetime) -> list[str]:
    first, end = (f"{at:%Y%m%dT%H%M%SZ}" for at in (since, until))
    return [identity for identity in identities if first <= identity[:16] < end]


def _each(identities: Iterable[str], read: Callable[[str], _T | None]) -> Iterator[tuple[str, _T]]:
    """Several at once, and no more of them in memory than that."""
    waiting = list(identities)
    with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        for start in range(0, len(waiting), FETCHES_AT_ONCE):
            batch = waiting[start : start + FETCHES_AT_ONCE]
            for identity, body in zip(batch, pool.map(read, batch), strict=True):
                if body is not None:
                    yield identity, body


def _body(store: Store, key: str) -> bytes | None:
    try:
        return b"".join(store.fetch(key))
    except VaultMissing:
        return None
