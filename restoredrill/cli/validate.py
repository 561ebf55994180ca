"""`restoredrill validate`: every file checked, every problem at once; no network and no secret needed."""

from typing import Any

from restoredrill import config
from restoredrill.advice import advise
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.durations import format_duration
from restoredrill.service_settings import FILE, ServiceSettings
from restoredrill.settings import BackupSettings, DatabaseConfig, DrillSettings


@new_command
def command(context: Context) -> Answer:
    """Check all files. Needs no network and no secrets; says which of those are not set here."""
    databases = context.databases()
    service = config.service(context.schedules)
    for database in databases.values():
        if database.drill is not None:
            config.with_references(context.schedules, database.drill.check_specs)
    advice = {name: advise(database, config.unset) for name, database in databases.items()}
    lines = [line for name, database in databases.items() for line in _lines(database, advice[name])]
    document = {
        "databases": [_document(database, advice[name]) for name, database in databases.items()],
        "service": {"set": sorted(service.model_fields_set)},
    }
    return Answer(document, "\n".join([*lines, *_own(service)]))


def _own(service: ServiceSettings) -> list[str]:
    """What `_service.yaml` settles; nothing where there is none."""
    return [f"{FILE}: ok ({', '.join(sorted(service.model_fields_set))})"] if service.model_fields_set else []


def _document(database: DatabaseConfig, advice: tuple[str, ...]) -> dict[str, Any]:
    drill = database.drill
    return {
        "name": database.name,
        "backup": _times(database.backup),
        "drill": _times(drill),
        "checks": [] if drill is None else [check.name for check in drill.checks],
        "warnings": list(advice),
    }


def _times(part: BackupSettings | DrillSettings | None) -> dict[str, str | None] | None:
    return None if part is None else {"cron": part.cron, "timezone": part.timezone}


def _lines(database: DatabaseConfig, advice: tuple[str, ...]) -> list[str]:
    lines = [f"{database.name}: ok"]
    if database.backup is not None:
        lines.append(f"  backup   {_when(database.backup)}, {_backup(database.backup)}")
    if database.drill is not None:
        lines.append(f"  drill    {_when(database.drill)}, {_drill(database.drill)}")
    return lines + [f"  warning  {line}" for line in advice]


def _when(part: BackupSettings | DrillSettings) -> str:
    return "by hand only" if part.cron is None else f"{part.cron} ({part.timezone})"


def _backup(backup: BackupSettings) -> str:
    sealed = f"encrypted to {len(backup.encrypt_to)}" if backup.encrypt_to else "not encrypted"
    counts = {} if backup.keep is None else backup.keep.model_dump()
    kept = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    return f"fingerprint {backup.fingerprint}, {sealed}, keeps {kept or 'all'}"


def _drill(drill: DrillSettings) -> str:
    number = len(drill.checks)
    words = [f"{drill.pick} on {drill.machine}", f"{number} check" + ("" if number == 1 else "s")]
    limits = (("deadline", drill.deadline_s), ("rto", drill.rto_s), ("rpo", drill.rpo_s))
    return ", ".join(words + [f"{name} {format_duration(s)}" for name, s in limits if s is not None])
