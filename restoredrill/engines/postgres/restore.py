"""Runs `pg_restore -j` on pipes that are fed from the vault, and says what came of it.

An exit status alone proves nothing: every message is classified, every file has to have been read to its end,
and both must agree with the exit status.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from restoredrill import clock, process
from restoredrill.engines.postgres import watch
from restoredrill.engines.postgres.connect import TARGET, login, plain, translated
from restoredrill.engines.postgres.layout import Layout, extra_findings, lay_out
from restoredrill.engines.postgres.messages import Blame, RestoreMessage, Rule, classify
from restoredrill.engines.postgres.pipes import Feeder, FeedReport
from restoredrill.engines.postgres.server import Server
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import (
    DiskFull,
    ObjectCorrupt,
    RestoredrillError,
    ServerFailed,
    VaultMissing,
)
from restoredrill.model import Finding, Phase, Severity
from restoredrill.protocols import Archive, Progress, Restored

READ_AHEAD_BYTES = 64 << 20  # of the 300 MB that all our processes may have together

# Between two looks at what is going on: short at first, so that a small restore does not wait for us.
_LOOK_S = (0.01, 0.2)
_LAST_WORDS_S = 10.0  # how long a server that dropped its sessions is waited for to end


@dataclass(frozen=True)
class Scene:
    """Where a restore takes place."""

    server: Server
    client: Tools
    directory: Path  # made and erased here
    maintenance: str  # the database to connect to until the restored one is there
    jobs: int

    @property
    def archive(self) -> Path:
        """The archive's real files and pipes."""
        return self.directory / "archive"

    @property
    def said(self) -> Path:
        """What pg_restore says: a file, so that whoever reads it can't hold up who writes."""
        return self.directory / "said"


def restore(scene: Scene, archive: Archive, progress: Progress) -> Restored:
    """Restore everything but the roles into `scene.server`. Whatever happens, nothing of pg_restore runs on.

    Raises `ArchiveCorrupt` if not even the table of contents can be used, `ServerFailed`, `DiskFull`, and
    `VaultError` where that says nothing about the backup.
    """
    layout = lay_out(archive, jobs=scene.jobs, server_major=scene.server.tools.major)
    try:
        _write_real_files(scene, layout)
        flow = watch.Flow(layout.total_bytes, clock.monotonic_s)
        began_s = clock.monotonic_s()
        with Feeder(
            scene.archive,
            layout.order,
            lambda name: _counted(archive.open(name), flow),
            jobs=scene.jobs,
            memory_limit_bytes=READ_AHEAD_BYTES,
            on_bytes=flow.wrote,
        ) as feeder:
            code, bottleneck = _run(scene, feeder, flow, progress)
            fed = feeder.finish()
        phases = _phases(flow, began_s, clock.monotonic_s())
        findings, harmless = _judge(scene, code, fed, layout)
    finally:
        shutil.rmtree(scene.directory, ignore_errors=True)
    return Restored((*extra_findings(layout), *findings), harmless, phases, bottleneck)


def _write_real_files(scene: Scene, layout: Layout) -> None:
    try:
        scene.directory.mkdir(mode=0o700, parents=True)  # ours alone: what pg_restore says quotes rows
        scene.archive.mkdir(mode=0o700)
        for name, body in layout.real.items():
            (scene.archive / name).write_bytes(body)
    except OSError as error:
        raise DiskFull("write", str(scene.archive), error.strerror or str(error)) from error


def _counted(chunks: Iterator[bytes], flow: watch.Flow) -> Iterator[bytes]:
    for chunk in chunks:
        flow.handed(len(chunk))
        yield chunk


# Running --------------------------------------------------------------------------------------------------


def _run(scene: Scene, feeder: Feeder, flow: watch.Flow, progress: Progress) -> tuple[int | None, str | None]:
    """pg_restore's exit status (None: ended by us, because the feed had failed) and the bottleneck."""
    tally = watch.Tally()
    with session(scene) as watching, scene.said.open("wb") as sink:
        child = process.start(
            _command(scene), extra_env=environment(scene), cwd=scene.archive, stderr=sink, tied=True
        )
        try:
            pause_s, before_s = _LOOK_S[0], clock.monotonic_s()
            while child.poll() is None and not feeder.failed:
                clock.sleep(pause_s)
                work, now_s = look(watching), clock.monotonic_s()
                tally.add(work, now_s - before_s, starving=flow.starving)
                progress(busy_with(work), flow.percent, flow.mb_per_s())
                pause_s, before_s = min(pause_s * 1.5, _LOOK_S[1]), now_s
            return child.poll(), tally.bottleneck
        finally:
            end(child, scene.archive)


def end(child: process.Child, directory: Path) -> None:
    """Kill pg_restore if it still runs, and see its workers, which are not our children, gone."""
    if child.poll() is None:
        process.kill_group(child)
        for proc in process.running_below(directory):
            process.end(proc, patience_s=0.0)


def _command(scene: Scene) -> list[str | Path]:
    return [
        scene.client.program("pg_restore"),
        "--format=directory",
        f"--jobs={scene.jobs}",
        "--create",
        "--no-tablespaces",  # there is only one here
        "--no-subscriptions",  # promise 5
        "--no-password",
        # An extension belongs to whoever makes it: most often to this one on the source, too.
        f"--role={scene.server.superuser}",
        f"--dbname={scene.server.url(scene.maintenance)}",
        scene.archive,
    ]


def environment(scene: Scene) -> dict[str, str]:
    """Settings that the database's own (ALTER DATABASE … SET) must not override while it is restored."""
    options = {
        "default_transaction_read_only": "off",
        "default_transaction_isolation": "read\\ committed",
        "session_preload_libraries": "",
        "local_preload_libraries": "",
        "default_tablespace": "",
        "temp_tablespaces": "",
        # pg_restore lifts these itself, but not before its first question on each connection.
        "statement_timeout": "0",
        "lock_timeout": "0",
        # While a session begins; pg_restore then asks for warnings.
        "client_min_messages": "error",
    }
    # Before 17 event triggers can't be switched off, but in a replica's session they do not fire.
    newer = scene.server.tools.major >= 17
    options |= {"event_triggers": "off"} if newer else {"session_replication_role": "replica"}
    return {
        "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in options.items()),
        "LC_ALL": "C",  # messages are classified by their text
    }


@contextlib.contextmanager
def session(scene: Scene) -> Iterator[psycopg.Connection]:
    to = login(scene.server.url(scene.maintenance))
    with contextlib.closing(plain(to, TARGET)) as connection:
        with translated(TARGET, "watch", to):
            connection.autocommit = True
            connection.execute(b"SET statement_timeout = '10s'")
        yield connection


def look(connection: psycopg.Connection) -> tuple[watch.Work, ...]:
    """Nothing where it can't be seen: if the server is gone, pg_restore ends, and that is told."""
    try:
        return watch.look(connection)
    except psycopg.Error:
        return ()


def busy_with(work: tuple[watch.Work, ...]) -> str:
    return ", ".join(w.label if w.percent is None else f"{w.label} ({w.percent:.0f} %)" for w in work)


def _phases(flow: watch.Flow, began_s: float, ended_s: float) -> tuple[Phase, ...]:
    """Until the first byte, until the last one, and after. (With several jobs, indexes begin before that.)"""
    first_s = ended_s if flow.first_s is None else flow.first_s
    last_s = first_s if flow.last_s is None else flow.last_s
    return (
        Phase(name="pre-data", seconds=first_s - began_s),
        Phase(name="data", seconds=last_s - first_s, bytes=flow.written_bytes),
        Phase(name="post-data", seconds=max(0.0, ended_s - last_s)),
    )


# What came of it ------------------------------------------------------------------------------------------

_CAUSES: Mapping[type[BaseException], str] = {
    ObjectCorrupt: "OBJECT_CORRUPT",
    VaultMissing: "OBJECT_NOT_THERE",
}
_KILLED = -9
_ROOM_BYTES = 1 << 20  # with less than this, neither server nor pg_restore can say why they failed


def _judge(
    scene: Scene, code: int | None, fed: FeedReport, layout: Layout
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Findings (empty only for a restore without a flaw) and harmless messages.

    Raises for what says something about this machine or the vault and nothing about the backup.
    """
    if code:
        require_room(scene)
    scene.server.check("restore into")
    if failed := _failed_files(fed, layout.objects):
        return failed, ()  # the cause; what pg_restore said of it are its effects
    said = scene.said.read_text(encoding="utf-8", errors="replace")
    messages = classify(said.splitlines(), _KILLED if code is None else code, scene.jobs)
    raise_for_machine(scene.server, messages)
    findings = tuple(message.finding() for message in messages if not message.harmless)
    harmless = tuple(dict.fromkeys(message.text for message in messages if message.harmless))
    return (*findings, *_unread_files(fed, layout.objects)), harmless


def require_room(scene: Scene) -> None:
    """On a full disk what was said is cut off, or not there at all: half a sentence must not accuse a
    backup.
    """
    if shutil.disk_usage(scene.directory).free < _ROOM_BYTES:
        hint = "give the drill more disk"
        raise DiskFull("restore into", str(scene.server.directory), "no space left on device", hint=hint)


def raise_for_machine(server: Server, messages: Sequence[RestoreMessage]) -> None:
    blamed = [message for message in messages if message.blame is Blame.MACHINE]
    if not blamed:
        return
    # A server that drops its sessions may take a moment to end, and its log says why.
    until = clock.monotonic_s() + _LAST_WORDS_S
    while blamed[0].rule is Rule.SERVER_DIED and process.alive(server.proc) and clock.monotonic_s() < until:
        clock.sleep(0.05)
    server.check("restore into")
    kind = DiskFull if blamed[0].rule is Rule.DISK_FULL else ServerFailed
    raise kind("restore into", str(server.directory), blamed[0].text, hint=blamed[0].hint)


def _failed_files(fed: FeedReport, objects: Mapping[str, str]) -> tuple[Finding, ...]:
    """Files that the vault could not give. Raises the first failure that says nothing about the backup."""
    for error in fed.failures.values():
        if type(error) not in _CAUSES:
            raise error
    return tuple(
        Finding(
            rule=_CAUSES[type(error)],
            severity=Severity.CRITICAL,
            object=objects.get(name, name),
            message=f"{name}: {error}",
            hint=error.hint if isinstance(error, RestoredrillError) else "",
        )
        for name, error in fed.failures.items()
    )


def _unread_files(fed: FeedReport, objects: Mapping[str, str]) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            rule="DATA_NOT_READ",
            severity=Severity.CRITICAL,
            object=objects.get(name, name),
            message=f"pg_restore did not read {name} to its end",
        )
        for name in (*fed.abandoned, *fed.unopened)
    )
