"""Documents in a vault: written once or again, read one by one or many at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pydantic import ValidationError

from restoredrill.document import Document
from restoredrill.errors import ObjectCorrupt, VaultConflict, VaultMissing
from restoredrill.model import Event
from restoredrill.protocols import Store
from restoredrill.vault.catalog import why_invalid

FETCHES_AT_ONCE = 8
_D = TypeVar("_D", bound=Document)

PassOver = Callable[[ObjectCorrupt], None]
"""pass_over(error): told of a document that can't be read, by whoever can do without it."""


def as_bytes(document: Document) -> bytes:
    """A document as it is stored."""
    return document.model_dump_json(by_alias=True).encode()


def put_once(store: Store, key: str, document: Document) -> None:
    """Write a document; the same one may be written again. Raises `VaultConflict` for another one."""
    body = as_bytes(document)
    try:
        store.put_once(key, body)
    except VaultConflict:
        if b"".join(store.fetch(key)) != body:
            raise


def read(store: Store, key: str, kind: type[_D]) -> _D:
    """Raises `VaultMissing`; `ObjectCorrupt` for what is no such document."""
    try:
        return kind.model_validate_json(b"".join(store.fetch(key)))
    except ValidationError as error:
        raise ObjectCorrupt("read", key, why_invalid(error)) from error


def read_many(store: Store, keys: Sequence[str], kind: type[_D]) -> list[_D]:
    """All of them, in order; see `read`."""
    with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        return list(pool.map(lambda key: read(store, key, kind), keys))


def read_if_any(
    store: Store, keys: Sequence[str], kind: type[_D], pass_over: PassOver | None = None
) -> list[_D | None]:
    """All of them, in order, with None where there is none; and, with `pass_over`, where there is something
    that can't be read, once that was told.
    """

    def read_one(key: str) -> _D | None:
        try:
            return read(store, key, kind)
        except VaultMissing:
            return None
        except ObjectCorrupt as error:
            if pass_over is None:
                raise
            pass_over(error)
            return None

    with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        return list(pool.map(read_one, keys))


def event_name(number: int) -> str:
    """Numbers have six digits, so that names sort as numbers do."""
    return f"{number:06d}.json"


def put_event(store: Store, folder: str, number: int, event: Event) -> None:
    """Add an event to a folder of them."""
    store.put(f"{folder}{event_name(number)}", [as_bytes(event)])


def events(store: Store, folder: str, after: int) -> tuple[tuple[int, Event], ...]:
    """Events of a folder with a higher number than `after`, in order."""
    named = [(entry.key, entry.key.removeprefix(folder)) for entry in store.list(folder)]
    wanted = [(key, int(name[:-5])) for key, name in named if name[:-5].isdecimal()]
    wanted = [(key, number) for key, number in wanted if number > after]
    found = read_many(store, [key for key, _ in wanted], Event)
    return tuple((number, event) for (_, number), event in zip(wanted, found, strict=True))
