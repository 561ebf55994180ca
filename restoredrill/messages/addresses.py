"""Who is told of what, by place in the configuration, as the URLs themselves are secrets. Pure.

A place is the file's stem and the entry in it: `shop.notify[0]`, `_service.notify[0]`, `_service.ticket`. No
database can be called `_service`, so none is taken for another.
"""

import re
from collections.abc import Iterable

from restoredrill.configuration import Loaded
from restoredrill.model import Verdict
from restoredrill.service_settings import ServiceSettings
from restoredrill.settings import DatabaseConfig

TICKET = "_service.ticket"
_ENTRY = re.compile(r"^(?P<file>.+)\.notify\[(?P<number>\d+)\]$")
_SERVICE = "_service"


def of_verdict(database: DatabaseConfig | None, verdict: Verdict) -> tuple[str, ...]:
    """The database's addresses that want to hear of such a verdict."""
    if database is None:
        return ()
    return tuple(
        f"{database.name}.notify[{number}]"
        for number, entry in enumerate(database.notify)
        if verdict.value in entry.on
    )


def of_service(service: ServiceSettings) -> tuple[str, ...]:
    """Those that hear of the service's own troubles."""
    return tuple(f"{_SERVICE}.notify[{number}]" for number in range(len(service.notify)))


def reference(address: str, loaded: Loaded) -> str | None:
    """The reference that stands at this place now; None: there is no such place any more."""
    found = _ENTRY.match(address)
    if found is None:
        return None
    number = int(found["number"])
    if found["file"] == _SERVICE:
        urls: tuple[str, ...] = loaded.service.notify
    else:
        database = loaded.databases.get(found["file"])
        urls = () if database is None else tuple(entry.url for entry in database.notify)
    return urls[number] if number < len(urls) else None


def once(found: Iterable[str], loaded: Loaded) -> tuple[str, ...]:
    """Without those that lead to the same place as one before."""
    first: dict[str | None, str] = {}
    for address in found:
        first.setdefault(reference(address, loaded), address)
    return tuple(first.values())


def others(address: str, loaded: Loaded) -> tuple[str, ...]:
    """The service's addresses but for those that lead to the same place as this one."""
    same = reference(address, loaded)
    found = of_service(loaded.service)
    return tuple(one for one in found if one != address and reference(one, loaded) != same)
