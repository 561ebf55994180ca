"""A throwaway server for one backup: fit for it, without network, gone afterwards."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import psycopg

from restoredrill import clock, process
from restoredrill.engines.postgres import fingerprint as fingerprints
from restoredrill.engines.postgres import fits, roles, room, tuning
from restoredrill.engines.postgres.connect import TARGET, Limits, login, plain, reading, translated
from restoredrill.engines.postgres.database import RestoredDatabase
from restoredrill.engines.postgres.restore import Scene, restore
from restoredrill.engines.postgres.server import LOGIN, Server
from restoredrill.engines.postgres.toolchain import Tools, client_for, server_for, staged
from restoredrill.errors import ServerFailed, ToolMissing
from restoredrill.model import Finding, Fingerprint, FingerprintLevel, Phase, ServerFacts, Severity
from restoredrill.protocols import Archive, Progress, Restored

# The whole drill has a deadline; nobody else waits for this server.
_PATIENT = Limits(lock_timeout_s=60.0, statement_timeout_s=0.0)


class PostgresTarget:
    """A `Target`. `directory` is made here, erased by `stop`, and where servers' user can reach it."""

    def __init__(self, directory: Path, tools: Sequence[Tools], isolated: bool = True) -> None:
        self._directory = directory
        self._tools = tuple(tools)
        self._isolated = isolated
        self._server: Server | None = None
        self._facts: ServerFacts | None = None
        self._unfit: tuple[Finding, ...] = ()
        self._options = ""  # of the restored database's URL

    def start(self, facts: ServerFacts, jobs: int) -> None:
        """See `Target.start`. What the backup needs and this machine lacks is said here or never.

        A missing locale raises `ToolMissing`; a missing extension is a finding of `restore`, so that it can
        be ignored with a reason (a job scheduler, say, that only the production has).
        """
        self._facts = facts
        left = list(self._tools)
        refused: ToolMissing | None = None
        while True:
            try:
                chosen = server_for(facts.major, left)
            except ToolMissing as error:
                raise refused or error from None
            try:
                self._start_on(staged(chosen), facts, jobs)
                return
            except ToolMissing as error:  # built without ICU, say; another installation may have it
                refused = refused or error
                left.remove(chosen)
                self.stop()

    def _start_on(self, tools: Tools, facts: ServerFacts, jobs: int) -> None:
        if self._isolated and not process.can_isolate():
            why = "this host does not let a program start without network"
            hint = "set `network: open` if the restored database may reach all that this host reaches"
            raise ServerFailed("isolate", f"PostgreSQL {tools.version}", why, hint=hint)
        try:
            self._directory.mkdir(mode=0o711, parents=True, exist_ok=True)
            self._directory.chmod(0o711)  # whatever the umask: the server's user must pass through
        except OSError as error:
            hint = "choose a work directory that can be written to"
            raise ServerFailed("make", str(self._directory), str(error.strerror), hint=hint) from error
        self._server = Server(tools, self._directory / "pg", superuser=facts.bootstrap, login=LOGIN)
        chosen = tuning.settings(
            room.machine(), major=tools.major, jobs=jobs, database_bytes=facts.size_bytes
        )
        self._server.create(settings=chosen)
        self._server.start(isolated=self._isolated)
        with self._session() as connection:
            fits.check_locale(connection, facts)
            self._unfit = fits.missing_extensions(connection, facts)
            fits.make_way(connection, facts.database)

    def restore(self, archive: Archive, jobs: int, progress: Progress) -> Restored:
        """See `Target.restore`. Besides, raises `ArchiveCorrupt` and `ObjectCorrupt` where nothing at all can
        be restored: globals or table of contents can't be read.
        """
        server, facts = self._running()
        began_s = clock.monotonic_s()
        progress("roles", 0.0, None)
        with self._session() as connection:
            found, harmless = roles.restore_from(archive, connection, facts.roles)
        roles_phase = Phase(name="globals", seconds=clock.monotonic_s() - began_s)
        scene = Scene(
            server=server,
            client=self._client(archive, server),
            directory=self._directory / "restore",
            maintenance=fits.maintenance(facts.database),
            jobs=jobs,
        )
        outcome = restore(scene, archive, progress)
        self._without_libraries()
        return Restored(
            findings=(*self._unfit, *self._open_network(), *found, *outcome.findings),
            harmless=(*harmless, *outcome.harmless),
            phases=(roles_phase, *outcome.phases),
            bottleneck=outcome.bottleneck,
        )

    def fingerprint(self, level: FingerprintLevel, jobs: int, progress: Progress) -> Fingerprint:
        """See `Target.fingerprint`."""
        to = login(self._url())
        with translated(TARGET, "read", to):
            return fingerprints.take(
                lambda: reading(to, _PATIENT, TARGET), level, jobs, progress, gentle=False
            )

    def database(self) -> RestoredDatabase:
        """See `Target.database`."""
        return RestoredDatabase(self._url())

    def stop(self) -> None:
        """See `Target.stop`. Ends also what a target before this one, since killed, has started here."""
        if self._server is not None:
            self._server.stop()
        for proc in process.running_below(self._directory):
            process.end(proc, patience_s=0)
        shutil.rmtree(self._directory, ignore_errors=True)
        self._server = None

    def _url(self) -> str:
        server, facts = self._running()
        return server.url(facts.database) + self._options

    @contextlib.contextmanager
    def _session(self) -> Iterator[psycopg.Connection]:
        """An autocommit connection of the superuser to a database that is not the restored one."""
        server, facts = self._running()
        url = server.url(fits.maintenance(facts.database))
        to = login(url)
        with contextlib.closing(plain(to, TARGET)) as connection, translated(TARGET, "work on", to):
            connection.autocommit = True
            yield connection

    def _running(self) -> tuple[Server, ServerFacts]:
        if self._server is None or self._facts is None:
            raise ServerFailed("use", "the throwaway server", "it is not running")
        self._server.check()
        return self._server, self._facts

    def _client(self, archive: Archive, server: Server) -> Tools:
        """pg_restore that knows the archive's format and this server: the newer of the two."""
        made_by = int(archive.manifest.client_version.split(".")[0])
        return client_for(max(made_by, server.tools.major), self._tools)

    def _without_libraries(self) -> None:
        with self._session() as connection:
            self._options = _without_libraries(connection)

    def _open_network(self) -> tuple[Finding, ...]:
        if self._isolated:
            return ()
        return (
            Finding(
                rule="NOT_ISOLATED",
                severity=Severity.INFO,
                object="drill.network",
                message="the restored database could reach what this host reaches",
                hint="leave `network: isolated`, which is the default, where the host allows it",
            ),
        )


def _without_libraries(connection: psycopg.Connection) -> str:
    """For a URL: options against settings of the database or a role that load a library into each session.

    Without the library nobody could connect; and what it does there belongs to production.
    """
    settings = connection.execute(b"SELECT unnest(setconfig) FROM pg_catalog.pg_db_role_setting").fetchall()
    names = ("session_preload_libraries", "local_preload_libraries")
    found = [name for name in names if any(setting.startswith(f"{name}=") for (setting,) in settings)]
    return "&options=" + quote(" ".join(f"-c {name}=" for name in found), safe="") if found else ""
