"""`restoredrill prune [NAME]`: delete backups that `keep` does not name, and what dead backups left."""

from zoneinfo import ZoneInfo

import click

from restoredrill import clock, wiring
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import Exit, RestoredrillError
from restoredrill.reports import units
from restoredrill.settings import DatabaseConfig
from restoredrill.vault import prune
from restoredrill.vault.prune import Pruned, PrunePlan
from restoredrill.vault.retention import Keep


@new_command
@click.argument("name", required=False)
@click.option("--dry-run", is_flag=True, help="Print the plan and delete nothing.")
def command(context: Context, name: str | None, dry_run: bool) -> Answer:
    """Apply `keep` to all databases, or to NAME only. Never deletes the only backup, or the only proven
    one.
    """
    databases = context.databases() if name is None else {name: context.database(name)}
    documents: list[dict[str, object]] = []
    lines: list[str] = []
    status = Exit.PASSED
    for database in databases.values():
        if database.backup is None or database.backup.keep is None:
            lines.append(f"{database.name}: no `keep` in its file: everything is kept")
            continue
        try:
            plan, done = _prune(database, dry_run)
        except RestoredrillError as error:
            if name is not None:
                raise
            context.warn(f"{database.name}: not pruned: {error}")
            status = error.exit_code
            continue
        documents.append({"database": database.name, "dry_run": dry_run, "plan": plan, "done": done})
        lines += _lines(database.name, plan, done)
    return Answer({"databases": documents}, "\n".join(lines), status)


def _prune(database: DatabaseConfig, dry_run: bool) -> tuple[PrunePlan, Pruned | None]:
    settings = database.backup
    assert settings is not None
    assert settings.keep is not None
    store, now = wiring.vault(database, "prune"), clock.utcnow()
    keep = Keep(**settings.keep.model_dump())
    zone = ZoneInfo(settings.timezone)
    plan = prune.survey(store, keep, now, database=database.name, timezone=zone)
    return plan, None if dry_run else prune.execute(store, plan, now)


def _lines(name: str, plan: PrunePlan, done: Pruned | None) -> list[str]:
    verb = "to delete" if done is None else "deleted"
    gone = {backup for backup, _ in plan.retention.delete} if done is None else set(done.deleted)
    lines = [f"{name}: {len(plan.retention.keep)} kept, {len(gone)} {verb}"]
    lines += [f"  keep          {backup}  {reason}" for backup, reason in plan.retention.keep]
    lines += [
        f"  {verb:13s} {backup}  {reason}" for backup, reason in plan.retention.delete if backup in gone
    ]
    lines += [f"  unreadable    {one.backup}  {one.reason}" for one in plan.unreadable]
    lines += [f"  left behind   {one.folder}  {units.size(one.size_bytes)}" for one in plan.leftovers]
    if plan.errands:
        lines.append(f"  over          {len(plan.errands)} folders of what machines did long ago")
    if plan.uploads:
        lines.append(f"  left behind   {len(plan.uploads)} unfinished uploads")
    return lines + [f"  skipped       {what}  {reason}" for what, reason in (done.skipped if done else ())]
