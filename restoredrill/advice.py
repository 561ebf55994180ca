"""What is allowed in a file and still worth a word: for `validate`, and for `serve` when it starts."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from restoredrill.cron import longest_gap_s
from restoredrill.durations import format_duration
from restoredrill.model import FingerprintLevel
from restoredrill.settings import BackupSettings, DatabaseConfig, DrillSettings
from restoredrill.source_settings import Credentials, SourceSettings

_HERE = ("localhost", "127.0.0.1", "::1")


def advise(database: DatabaseConfig, unset: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    """Warnings, one line each. `unset` tells what a reference needs and we lack (`config.unset`)."""
    lines = [
        f"{where}: {lack} {'can not be read' if lack.startswith('file:') else 'is not set'} here"
        for where, reference in references(database)
        for lack in unset(reference)
    ]
    lines += _about_vault(database)
    if database.drill is not None:
        lines += _about_drill(database.drill, database.backup)
        lines += _about_coverage(database.drill, database.backup)
    if not any(part is not None and part.cron for part in (database.backup, database.drill)):
        lines.append("no cron: `serve` has nothing to do here")
    return tuple(lines)


def references(database: DatabaseConfig) -> Iterator[tuple[str, str]]:
    """Every value that may hold a reference, with its place in the file."""
    vault = database.vault
    if database.source is not None:
        yield from _of_source(database.source)
    yield "vault.url", vault.url
    yield "vault.endpoint_url", vault.endpoint_url or ""
    for where, who in (
        ("vault", vault),
        ("vault.restore_as", vault.restore_as),
        ("vault.prune_as", vault.prune_as),
    ):
        yield from _keys(where, who)
    if database.drill is not None and database.drill.decrypt_with is not None:
        yield "drill.decrypt_with", database.drill.decrypt_with
    for index, told in enumerate(database.notify):
        yield f"notify[{index}].url", told.url


def _of_source(source: SourceSettings) -> Iterator[tuple[str, str]]:
    for name in ("url", "dumps", "endpoint_url", "compare_with"):
        if (value := getattr(source, name)) is not None:
            yield f"source.{name}", value
    yield from _keys("source", source)


def _keys(where: str, who: Credentials | None) -> Iterator[tuple[str, str]]:
    if who is not None and who.access_key_id is not None and who.secret_access_key is not None:
        yield f"{where}.access_key_id", who.access_key_id
        yield f"{where}.secret_access_key", who.secret_access_key


def _about_vault(database: DatabaseConfig) -> Iterator[str]:
    vault = database.vault
    if vault.endpoint_url is not None:
        place = urlsplit(vault.endpoint_url)
        if place.scheme == "http" and place.hostname not in _HERE:
            yield "vault.endpoint_url: http sends everything as it is; use https"
    both = database.backup is not None and database.drill is not None
    if both and vault.restore_as is None and not vault.url.startswith("file://"):
        yield "vault.restore_as: not given, so drills hold credentials that can write"


def _about_coverage(drill: DrillSettings, backup: BackupSettings | None) -> Iterator[str]:
    """A promise that the cron lines can't keep."""
    if drill.coverage_s is None or backup is None:
        return
    promised = format_duration(drill.coverage_s)
    if drill.cron is None:
        yield f"drill.coverage: {promised} is promised, and no cron line drills anything"
        return
    drills = int(drill.coverage_s // longest_gap_s(drill.cron))
    kept = None if backup.keep is None else sum(backup.keep.model_dump().values())
    if kept is None:
        yield f"drill.coverage: every backup is kept for good: no number of drills covers them in {promised}"
    elif kept > drills:
        yield (
            f"drill.coverage: up to {kept} backups are kept, and {promised} has {drills} drills: keep fewer,"
            " drill more often, or give it more time"
        )


def _about_drill(drill: DrillSettings, backup: BackupSettings | None) -> Iterator[str]:
    if drill.rto_s is not None and drill.rto_s >= drill.deadline_s:
        deadline, rto = format_duration(drill.deadline_s), format_duration(drill.rto_s)
        yield f"drill.rto: {rto} can't be missed, as the deadline of {deadline} ends the drill first"
    if drill.network == "open":
        yield "drill.network: open lets a restored database call out"
    compares_nothing = backup is not None and backup.fingerprint is FingerprintLevel.NONE
    if not drill.checks and compares_nothing:
        yield "drill.checks: none, and no fingerprint: a drill shows only that the restore ran"
