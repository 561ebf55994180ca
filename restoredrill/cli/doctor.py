"""`restoredrill doctor`: the world around a database's file, tried out in small."""

import secrets
from collections.abc import Iterator
from typing import Any

import click

from restoredrill import config, process, secret, wiring
from restoredrill.advice import references
from restoredrill.cli import cloud_doctor
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.doctor import Examined, Outcome, Patient, Probe, SecretState, examine
from restoredrill.engines.postgres import toolchain
from restoredrill.engines.postgres.source import PostgresSource
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import Exit, UsageError
from restoredrill.protocols import Unsealer
from restoredrill.settings import DatabaseConfig
from restoredrill.vault.sealing import AgeSealer

_ATTEMPTS = 2  # at each request to the vault: somebody waits for the answer
_MARKS = {
    Outcome.OK: "ok     ",
    Outcome.FAILED: "FAILED ",
    Outcome.SKIPPED: "skipped",
    Outcome.NOTE: "note   ",
}


@new_command
@click.argument("name", required=False)
@click.option(
    "--machine", type=click.Choice(tuple(wiring.MACHINES)), help="Where drills run; else as the file says."
)
@click.option(
    "--try", "really", is_flag=True, help="Really start the smallest EC2 machine, and end it; costs cents."
)
def command(context: Context, name: str | None, machine: str | None, really: bool) -> Answer:
    """Check the world around a database's file (all of them without NAME), with a fix for each fault.

    Programs, the source and what may be read of it, the vault by a tiny write, read, conditional write and
    delete, room, clock, keys, isolation. For EC2: credentials, image, subnets and their route to the bucket,
    groups, role, keys, agent, quotas, prices, rights by a dry run, and the reaper's look in every region.
    """
    databases = context.databases() if name is None else {name: context.database(name)}
    found: dict[str, list[Probe]] = {}
    for each, database in databases.items():
        context.tell(f"{each}:")
        found[each] = []
        for probe in _probes(context, database, machine, really):
            context.tell(_line(probe))
            found[each].append(probe)
    failed = sum(probe.outcome is Outcome.FAILED for probes in found.values() for probe in probes)
    document: dict[str, Any] = {
        "failed": failed,
        "databases": [{"name": each, "probes": probes} for each, probes in found.items()],
    }
    words = "nothing failed" if failed == 0 else f"{failed} failed"
    return Answer(document, words, Exit.FAILED if failed else Exit.PASSED)


def _probes(context: Context, database: DatabaseConfig, machine: str | None, really: bool) -> Iterator[Probe]:
    in_cloud = cloud_doctor.is_wanted(database, machine)
    if really and not in_cloud:
        hint = "--machine ec2, or drill.machine in its file"
        raise UsageError("try", database.name, "its drills do not run on machines of the cloud", hint=hint)
    yield from examine(_patient(database, in_cloud), secrets.token_hex(4))
    if in_cloud:
        yield from cloud_doctor.examine(database, _ATTEMPTS)
    if really:
        yield from cloud_doctor.try_machine(database, context.tell)


def _line(probe: Probe) -> str:
    line = f"  {_MARKS[probe.outcome]}  {probe.name}: {probe.detail}"
    return f"{line}\n           fix: {probe.fix}" if probe.fix else line


def _patient(database: DatabaseConfig, in_cloud: bool) -> Patient:
    """What this database's file asks of this host, reached by the real adapters. What a machine of the cloud
    does needs no program, no room and no key here.
    """
    backup, drill = database.backup, None if in_cloud else database.drill
    if backup is not None and backup.machine == "ec2":
        backup = None
    tools = toolchain.installed(config.postgres_directories())
    return Patient(
        database=database.name,
        secrets=tuple(_secrets(database)),
        source=None if backup is None else lambda: _source(database),
        client=None if backup is None else lambda major: _told(toolchain.client_for(major, tools)),
        server=None if drill is None else lambda major: _told(toolchain.server_for(major, tools)),
        writer=None if backup is None else lambda: wiring.vault(database, "backup", attempts=_ATTEMPTS),
        reader=None
        if database.drill is None
        else lambda: wiring.vault(database, "restore", attempts=_ATTEMPTS),
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
        if secret.is_reference(reference) and secret.stored(reference) is None:
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
