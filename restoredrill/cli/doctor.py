"""`restoredrill doctor`: the world around a database's file, tried out in small."""

import secrets
from collections.abc import Iterator
from typing import Any

import click

from restoredrill import config, process, secret, wiring
from restoredrill.advice import references
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.doctor import Examined, Outcome, Patient, Probe, SecretState, examine
from restoredrill.engines.postgres import toolchain
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import Exit
from restoredrill.protocols import Unsealer
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.sealing import AgeSealer

_ATTEMPTS = 2  # at each request to the vault: somebody waits for the answer
_MARKS = {Outcome.OK: "ok     ", Outcome.FAILED: "FAILED ", Outcome.SKIPPED: "skipped"}


@new_command
@click.argument("name", required=False)
def command(context: Context, name: str | None) -> Answer:
    """Check the world around a database's file (all of them without NAME), with a fix for each fault.

    Programs, the source and what may be read of it, the vault by a tiny write, read, conditional write and
    delete, room, clock, keys, isolation.
    """
    databases = context.databases() if name is None else {name: context.database(name)}
    found: dict[str, list[Probe]] = {}
    for each, database in databases.items():
        context.tell(f"{each}:")
        found[each] = []
        for probe in examine(_patient(database), secrets.token_hex(4)):
            context.tell(_line(probe))
            found[each].append(probe)
    failed = sum(probe.outcome is Outcome.FAILED for probes in found.values() for probe in probes)
    document: dict[str, Any] = {
        "failed": failed,
        "databases": [{"name": each, "probes": probes} for each, probes in found.items()],
    }
    words = "nothing failed" if failed == 0 else f"{failed} failed"
    return Answer(document, words, Exit.FAILED if failed else Exit.PASSED)


def _line(probe: Probe) -> str:
    line = f"  {_MARKS[probe.outcome]}  {probe.name}: {probe.detail}"
    return f"{line}\n           fix: {probe.fix}" if probe.fix else line


def _patient(database: DatabaseConfig) -> Patient:
    """What this database's file asks for, reached by the real adapters."""
    backup, drill = database.backup, database.drill
    tools = toolchain.installed(config.postgres_directories())
    return Patient(
        database=database.name,
        secrets=tuple(_secrets(database)),
        source=None if backup is None else lambda: _source(database),
        client=None if backup is None else lambda major: _told(toolchain.client_for(major, tools)),
        server=None if drill is None else lambda major: _told(toolchain.server_for(major, tools)),
        writer=None if backup is None else lambda: wiring.vault(database, "backup", attempts=_ATTEMPTS),
        reader=None if drill is None else lambda: wiring.vault(database, "restore", attempts=_ATTEMPTS),
        pruner=None
        if database.vault.prune_as is None
        else lambda: wiring.vault(database, "prune", attempts=_ATTEMPTS),
        sealer=None if backup is None else lambda: AgeSealer(backup.encrypt_to),
        unsealer=None if drill is None or drill.decrypt_with is None else lambda: _unsealer(database),
        can_isolate=None if drill is None or drill.network == "open" else process.can_isolate,
        spool=None if backup is None else wiring.machines_directory(database),
        machines=None if drill is None else wiring.machines_directory(database),
    )


def _secrets(database: DatabaseConfig) -> Iterator[SecretState]:
    for where, reference in references(database):
        if secret.is_reference(reference):
            yield SecretState(where, config.unset(reference), config.exposed(reference))


def _source(database: DatabaseConfig) -> Examined:
    source = wiring.source(database)
    assert isinstance(source, PostgresSource)
    return source


def _told(tools: Tools) -> str:
    return f"PostgreSQL {tools.version} in {tools.bindir}"


def _unsealer(database: DatabaseConfig) -> Unsealer:
    assert database.drill is not None
    unsealer = wiring.unsealer(database.drill.decrypt_with, database.name)
    assert unsealer is not None
    return unsealer
