"""Every place where a machine of ours may live: the directories of this host, the regions of the cloud.

Works with no file at all: somebody with nothing but credentials must be able to look and to end.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from restoredrill import config, secret, wiring
from restoredrill.aws.session import Reach
from restoredrill.cli.frame import Context
from restoredrill.errors import RestoredrillError, UsageError
from restoredrill.machines.local import LocalMachine
from restoredrill.model import Lease
from restoredrill.protocols import Estate
from restoredrill.settings import DatabaseConfig

T = TypeVar("T")
_SIDE_BY_SIDE = 32  # of a region: as many connections as its client keeps


@dataclass(frozen=True)
class Place:
    """Somewhere to look: a region, or a directory of this host."""

    name: str
    estate: Callable[[], Estate]
    at_once: int = 1  # ends that may be waited for side by side


@dataclass(frozen=True)
class Unseen:
    """A place that could not be looked at: what lives there is not known."""

    place: str
    problem: str


def region_option(function: Callable[..., T]) -> Callable[..., T]:
    """`--region R`, as often as one likes."""
    words = "Look in this region, too; may be given several times, and needs no file."
    return click.option("--region", "regions", multiple=True, metavar="R", callback=_check, help=words)(
        function
    )


def _check(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not all(part.isalnum() and part.isascii() for part in name.split("-")):
            raise click.BadParameter(f"{name[:40]!r} is no region; one is like eu-central-1")
    return value


def places(context: Context, regions: Sequence[str]) -> tuple[Place, ...]:
    """This host's directories first, then the regions that files name, then `regions`."""
    databases = _readable(context)
    return (*map(_here, _directories(databases.values())), *regions_of(databases, regions))


def _readable(context: Context) -> Mapping[str, DatabaseConfig]:
    """Every file that can be read: one that is broken must not hide what the others name."""
    try:
        return context.databases()
    except RestoredrillError as error:
        if context.schedules.exists():
            context.warn(f"not looked at, where only a broken file names it: {error}")
    found: dict[str, DatabaseConfig] = {}
    for path in sorted(context.schedules.glob("*.y*ml")):
        with suppress(RestoredrillError):
            found[path.stem] = context.database(path.stem)
    return found


def regions_of(databases: Mapping[str, DatabaseConfig], regions: Sequence[str] = ()) -> tuple[Place, ...]:
    """The places of the cloud alone."""
    return tuple(map(_region, reaches(databases, regions)))


def reaches(databases: Mapping[str, DatabaseConfig], regions: Sequence[str]) -> tuple[Reach, ...]:
    """One region each, as whoever its file says one is there; `regions` as every one of those, or as the
    host itself where no file says anything.
    """
    found = [reach for name, database in sorted(databases.items()) for reach in _named(database, name)]
    who = dict.fromkeys((reach.profile, reach.role_arn, reach.endpoint_url) for reach in found)
    for profile, role_arn, endpoint_url in who or ((None, None, None),):
        found += [Reach(region, (), profile, role_arn, endpoint_url) for region in regions]
    return tuple(dict.fromkeys(found))


def _named(database: DatabaseConfig, name: str) -> Iterator[Reach]:
    ec2 = database.machines.ec2
    if ec2 is None:
        return
    endpoint = ec2.endpoint_url
    if endpoint is not None and secret.is_reference(endpoint):
        endpoint = config.resolve(endpoint, f"machines.ec2.endpoint_url of {name}").reveal()
    for region in ec2.swept:
        yield Reach(region, (), ec2.profile, ec2.role_arn, endpoint)


def _directories(databases: Iterable[DatabaseConfig]) -> tuple[Path, ...]:
    return tuple(sorted({config.machines_directory(), *map(wiring.machines_directory, databases)}))


def _here(directory: Path) -> Place:
    return Place(str(directory), lambda: LocalMachine(directory, {}))


def _region(reach: Reach) -> Place:
    def estate() -> Estate:
        from restoredrill.machines.ec2.estate import Ec2Estate  # boto3 takes half a second

        return Ec2Estate(reach)

    as_whom = reach.role_arn or reach.profile
    return Place(reach.region + (f" as {as_whom}" if as_whom else ""), estate, _SIDE_BY_SIDE)


def each(found: Iterable[Place], look: Callable[[Place], T]) -> tuple[tuple[T, ...], tuple[Unseen, ...]]:
    """What `look` says of each place, and the places where it could not: one that fails saves no other."""
    seen: list[T] = []
    unseen: list[Unseen] = []
    for place in found:
        try:
            seen.append(look(place))
        except UsageError:
            raise
        except RestoredrillError as error:
            hint = f" ({error.hint})" if error.hint else ""
            unseen.append(Unseen(place.name, f"{error}{hint}"))
    return tuple(seen), tuple(unseen)


def living(context: Context, regions: Sequence[str] = ()) -> tuple[tuple[Lease, ...], tuple[Unseen, ...]]:
    """Every machine that lives in any of these places, and the places that could not be looked at."""
    seen, unseen = each(places(context, regions), lambda place: place.estate().leases())
    return tuple(lease for some in seen for lease in some), unseen
