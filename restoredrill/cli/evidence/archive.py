"""`restoredrill evidence NAME --since DATE`: one file for the auditor."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from restoredrill import __version__, clock, wiring
from restoredrill.cli.evidence import gathering
from restoredrill.cli.evidence.library import signing
from restoredrill.cli.forms import require_writable
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import UsageError
from restoredrill.protocols import Store

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@new_command
@click.argument("name")
@click.option("--since", type=_DAY, required=True, metavar="DATE", help="The first day, 2026-01-01 (UTC).")
@click.option("--until", type=_DAY, metavar="DATE", help="The last day (default: today).")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to write it."
)
def command(
    context: Context, name: str, since: datetime, until: datetime | None, output: Path | None
) -> Answer:
    """Write one archive with the reports of NAME since a day, their signatures, what they cover and what is
    missing.
    """
    signing()
    from restoredrill.evidence import archive, summary
    from restoredrill.evidence.coverage import Period, begun_at

    now = clock.utcnow().replace(microsecond=0)
    first = since.replace(tzinfo=UTC)
    end = now if until is None else min(now, until.replace(tzinfo=UTC) + timedelta(days=1))
    if first >= end:
        raise UsageError("write", "evidence", f"no day from {first:%Y-%m-%d} on has passed before its end")
    database = context.database(name)
    key = wiring.signer(context.schedules)
    period = Period(database=name, since=first, until=end, made_at=now, made_by=f"restoredrill {__version__}")
    last = summary.last_day(period)
    path = output or Path(f"evidence-{name}-{first:%Y-%m-%d}-{last}.zip")
    require_writable({"output": path})
    store: Store = wiring.vault(database, "restore")
    oldest = gathering.oldest_backup(store)
    earliest = first if oldest is None else min(first, begun_at(oldest))
    coverage = archive.write(
        path,
        period,
        gathering.backups(store),
        gathering.drills(store, earliest, end),
        gathering.tasks(store),
        key,
    )
    if key is None:
        context.warn("the archive is not signed: schedules/_service.yaml names no evidence.key")
    drills = len(coverage.inside)
    lines = [f"{path}: {drills:,} drill{'' if drills == 1 else 's'} of {name}, {first:%Y-%m-%d} to {last}"]
    lines += [f"  gap      {gap}" for gap in coverage.gaps]
    keyid = None if key is None else key.keyid
    document = {"file": path, "drills": drills, "gaps": coverage.gaps, "keyid": keyid}
    return Answer(document, "\n".join(lines))
