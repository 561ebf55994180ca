"""A throwaway server for a dump that somebody else has taken: what it is, its own bytes say."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg import sql

from restoredrill import clock
from restoredrill.engines.postgres import fits
from restoredrill.engines.postgres import restore as restoring
from restoredrill.engines.postgres.connect import TARGET, as_ours, login, plain, translated
from restoredrill.engines.postgres.foreign import archives
from restoredrill.engines.postgres.foreign.look import CLUSTER, CUSTOM, PLAIN, TAR, look
from restoredrill.engines.postgres.foreign.replay import Outcome, Replay
from restoredrill.engines.postgres.foreign.scripts import Script
from restoredrill.engines.postgres.layout import TOC
from restoredrill.engines.postgres.messages import of_server
from restoredrill.engines.postgres.restore import Scene
from restoredrill.engines.postgres.server import Server
from restoredrill.engines.postgres.target import PostgresTarget
from restoredrill.engines.postgres.toolchain import Tools, client_for
from restoredrill.errors import ArchiveCorrupt, DumpUnfit, ServerFailed, ServerTooOld, UsageError
from restoredrill.model import Finding, Manifest, Phase, ServerFacts, Severity
from restoredrill.protocols import Archive, Progress, Restored
from restoredrill.seeing import Seen

_PEEK_BYTES = 64 * 1024
_TEMPLATES = ("template0", "template1")
_OPTION = re.compile(
    rb"\b(ENCODING|LOCALE_PROVIDER|LOCALE|LC_COLLATE|LC_CTYPE|ICU_LOCALE|BUILTIN_LOCALE)"
    rb" = ('(?:[^']|'')*'|\w+)"
)
_MAKES_ITSELF = re.compile(rb"^CREATE DATABASE [^\n]*;\s*$.*?^\\connect ", re.MULTILINE | re.DOTALL)
_PROVIDERS = frozenset({"libc", "icu", "builtin"})


class ForeignTarget(PostgresTarget):
    """A `Target` for archives and scripts of pg_dump's and pg_dumpall's, however they were taken.

    `wanted`: the database of a whole cluster's dump that is to be checked; None: the only one.
    """

    def __init__(self, directory: Path, tools: Sequence[Tools], isolated: bool, wanted: str | None) -> None:
        super().__init__(directory, tools, isolated)
        self._wanted = wanted

    def start(self, facts: ServerFacts, jobs: int) -> None:
        """See `Target.start`; a dump that does not say where it comes from gets the newest server there is.

        Raises `ServerTooOld` if the dump is from a newer one.
        """
        majors = [tools.major for tools in self._tools if (tools.bindir / "postgres").exists()]
        if majors and facts.major > max(majors):
            hint = f"install PostgreSQL {facts.major} where drills run"
            reason = f"the dump is from {facts.version}, and the newest here is {max(majors)}"
            raise ServerTooOld("start", f"a server for PostgreSQL {facts.major}", reason, hint=hint)
        if not facts.version_num and majors:
            facts = facts.model_copy(update={"version_num": max(majors) * 10000})
        super().start(facts, jobs)

    def restore(self, archive: Archive, jobs: int, progress: Progress) -> Restored:
        """See `Target.restore`. Raises `DumpUnfit` where the dump is none, or is not whole."""
        names = {file.name for file in archive.manifest.files}
        directory = TOC in names or len(names) > 1
        scene = self._scene(archive.manifest, jobs)
        scene.directory.mkdir(mode=0o700, parents=True)  # ours alone: there will be rows in it
        try:
            restored = (
                self._from_directory(scene, archive, progress)
                if directory
                else self._from_file(scene, archive, names.pop(), progress)
            )
        finally:
            shutil.rmtree(scene.directory, ignore_errors=True)
        return self._finished(restored)

    # Which kind ---------------------------------------------------------------------------------------------

    def _from_file(self, scene: Scene, archive: Archive, name: str, progress: Progress) -> Restored:
        key = archive.manifest.files[0].key
        chunks = archive.open(name)
        parts, have = [], 0
        for chunk in chunks:
            parts.append(chunk)
            have += len(chunk)
            if have >= _PEEK_BYTES:
                break
        beginning = b"".join(parts)
        if not beginning:
            hint = "whatever took it has written nothing: look into its log"
            raise DumpUnfit("read", key, "it is empty, packed or not", rule="DUMP_EMPTY", hint=hint)
        seen = look(beginning)
        whole = _again(beginning, chunks)
        if seen.kind == CUSTOM:
            path, spool = _spooled(scene, whole, progress)
            return self._from_archive(scene, path, "custom", spool, progress)
        if seen.kind == TAR:
            path, spool = _spooled(scene, whole, progress)
            if archives.is_pg_dumps(path, key):
                return self._from_archive(scene, path, "tar", spool, progress)
            extracted = archives.extracted(_read(path), key, _made(scene.directory / "tar"), archive.manifest)
            return self._from_directory(scene, extracted, progress)
        if seen.kind in (PLAIN, CLUSTER):
            return self._from_script(scene, Script(whole, key), seen, archive, progress)
        hint = "correct `match` if it is none of the dumps; else find out what wrote it"
        raise DumpUnfit("read", key, seen.reason, rule="DUMP_UNKNOWN", hint=hint)

    def _from_directory(self, scene: Scene, archive: Archive, progress: Progress) -> Restored:
        if not any(file.name == TOC for file in archive.manifest.files):
            hint = "the dump is not complete: pg_dump writes this file last"
            raise ArchiveCorrupt("read", TOC, "there is none beside the data files", hint=hint)
        path = archives.beginning(archive, TOC, scene.directory / "contents")
        found = archives.contents(scene, path, "directory")
        shutil.rmtree(path)
        made_up = self._prepared(found, scene.server)
        inner = Scene(scene.server, scene.client, scene.directory / "restore", scene.maintenance, scene.jobs)
        restored = restoring.restore(inner, archive, progress)
        return _with(restored, made_up)

    def _from_archive(
        self, scene: Scene, path: Path, form: str, spool: Phase, progress: Progress
    ) -> Restored:
        found = archives.contents(scene, path, form)
        made_up = self._prepared(found, scene.server)
        database = self._known.database
        self._create_database(found.create_database)
        restored = archives.restore_file(scene, path, form, database, progress)
        refused = self._said_of_database(found.of_database)
        both = Restored(
            (*restored.findings, *refused), restored.harmless, (spool, *restored.phases), restored.bottleneck
        )
        return _with(both, made_up)

    def _from_script(
        self, scene: Scene, script: Script, seen: Seen, archive: Archive, progress: Progress
    ) -> Restored:
        began_s = clock.monotonic_s()
        whole_cluster = seen.kind == CLUSTER
        first = scene.maintenance
        if not whole_cluster and not _MAKES_ITSELF.search(script.peek(_PEEK_BYTES)):
            self._create_database(None, seen.server.encoding)
            first = self._known.database
        stored = max(1, archive.manifest.size_bytes)

        def told(database: str) -> None:
            progress(f"replay into {database}", min(100.0, 100.0 * archive.fetched_bytes / stored), None)

        replay = Replay(
            scene.server.url, first, scene.server.tools.major, whole_cluster=whole_cluster, told=told
        )
        outcome = replay.run(script)
        blamed = tuple(message for message in outcome.messages if not message.harmless)
        restoring.raise_for_machine(scene.server, blamed)
        self._checked_database(outcome, first, whole_cluster)
        seconds = clock.monotonic_s() - began_s
        phase = Phase(name="replay", seconds=seconds, bytes=archive.fetched_bytes)
        restored = Restored(_findings(outcome), tuple(outcome.harmless), (phase,), None)
        return _with(restored, tuple(outcome.roles))

    # On the server ------------------------------------------------------------------------------------------

    @property
    def _known(self) -> ServerFacts:
        return self._running()[1]

    def _scene(self, manifest: Manifest, jobs: int) -> Scene:
        server, facts = self._running()
        client = client_for(max(_major(manifest.client_version), server.tools.major), self._tools)
        maintenance = fits.maintenance(facts.database)
        return Scene(server, client, self._directory / "restore", maintenance, jobs)

    def _prepared(self, found: archives.Contents, server: Server) -> tuple[str, ...]:
        """Has this machine the database's locale; the roles that the dump names and does not hold."""
        if found.create_database is not None:
            self._facts = _with_locale(self._known, found.create_database)
        with self._session() as connection:
            fits.check_locale(connection, self._known)
            return archives.make_roles(connection, found.roles)

    def _create_database(self, statement: bytes | None, encoding: str = "") -> None:
        facts = self._known
        name = sql.Identifier(facts.database)
        words = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(
            name, encoding or facts.encoding
        )
        if statement is not None and facts.locale_provider == "libc":
            words += sql.SQL(" LC_COLLATE {} LC_CTYPE {}").format(facts.collate, facts.ctype)
        elif statement is not None:
            locale = sql.SQL("ICU_LOCALE" if facts.locale_provider == "icu" else "BUILTIN_LOCALE")
            words += sql.SQL(" LOCALE_PROVIDER {} {} {} LC_COLLATE {} LC_CTYPE {}").format(
                sql.SQL(facts.locale_provider), locale, facts.locale or "C", facts.collate, facts.ctype
            )
        with self._session() as connection, translated(TARGET, "make", f"database {facts.database}"):
            connection.execute(words)

    def _said_of_database(self, statements: Sequence[bytes]) -> tuple[Finding, ...]:
        """Settings, owner and grants of the database itself, once everything is in it."""
        refused = []
        with self._session() as connection:
            for statement in statements:
                try:
                    connection.execute(statement)
                except psycopg.Error as error:
                    if connection.closed:
                        raise as_ours(error, TARGET, "restore", self._known.database) from error
                    said = of_server(
                        error.diag.message_primary or "", "", "", statement.decode("utf-8", "replace")
                    )
                    refused += [] if said.harmless else [said.finding()]
        return tuple(refused)

    def _checked_database(self, outcome: Outcome, first: str, whole_cluster: bool) -> None:
        """From here on the restored database is the one that the script has filled. Raises `UsageError`."""
        if not whole_cluster:
            self._facts = self._known.model_copy(update={"database": outcome.databases[-1]})
            return
        found = [name for name in outcome.databases if name not in (*_TEMPLATES, "postgres", first)]
        if self._wanted is not None and self._wanted not in outcome.databases:
            there = ", ".join(found) or "none"
            raise UsageError(
                "choose", f"database {self._wanted}", "the dump does not hold it", hint=f"it holds {there}"
            )
        if self._wanted is None and len(found) > 1:
            hint = "name the one that is checked: `database:` below `source:`"
            raise UsageError("choose", "a database", f"the dump holds {', '.join(found)}", hint=hint)
        chosen = self._wanted or (found[0] if found else "postgres")
        self._facts = self._known.model_copy(update={"database": chosen})

    def _finished(self, restored: Restored) -> Restored:
        """With what is true of any restore here, and an answer to whether anything is there at all."""
        self._without_libraries()
        nothing = _nothing(self._known.database, *self._relations_and_bytes())
        findings = (*self._open_network(), *restored.findings, *nothing)
        return Restored(findings, restored.harmless, restored.phases, restored.bottleneck)

    def _relations_and_bytes(self) -> tuple[int, int]:
        """How many relations there are, and how many bytes of rows: 0 bytes are not one row."""
        to = login(self._url())
        with closing(plain(to, TARGET)) as connection, translated(TARGET, "read", to):
            row = connection.execute(_RELATIONS).fetchone()
        if row is None:
            raise ServerFailed("read", to.name, "it gave no answer")
        return int(row[0]), int(row[1])


_RELATIONS = b"""
SELECT count(*), coalesce(sum(pg_catalog.pg_relation_size(c.oid)) FILTER (WHERE c.relkind IN ('r', 'm')), 0)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S')
   AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""


def _nothing(database: str, relations: int, size_bytes: int) -> tuple[Finding, ...]:
    if size_bytes:
        return ()
    message = "there is not one row" if relations else "there is no table"
    return (
        Finding(
            rule="NOTHING_RESTORED",
            severity=Severity.HIGH,
            object=database,
            message=f"{message} in the restored database",
            hint="an empty database was dumped, or the wrong one",
        ),
    )


def _spooled(scene: Scene, chunks: Iterator[bytes], progress: Progress) -> tuple[Path, Phase]:
    began_s = clock.monotonic_s()
    path = scene.directory / "dump"
    size = archives.spooled(chunks, path, progress)
    return path, Phase(name="fetch", seconds=clock.monotonic_s() - began_s, bytes=size)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(1 << 20):
            yield chunk


def _again(beginning: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield beginning
    yield from rest


def _made(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path


def _major(version: str) -> int:
    match = re.match(r"\d+", version)
    return int(match[0]) if match else 0


def _with_locale(facts: ServerFacts, statement: bytes) -> ServerFacts:
    """The facts with what CREATE DATABASE says of encoding and locale."""
    said = {
        name.decode(): value.decode("utf-8", "replace").strip("'").replace("''", "'")
        for name, value in _OPTION.findall(statement)
    }
    locale = said.get("LOCALE", "C")
    provider = said.get("LOCALE_PROVIDER", "libc")
    return facts.model_copy(
        update={
            "encoding": said.get("ENCODING", facts.encoding),
            "collate": said.get("LC_COLLATE", locale),
            "ctype": said.get("LC_CTYPE", locale),
            "locale_provider": provider if provider in _PROVIDERS else "libc",
            "locale": said.get("ICU_LOCALE") or said.get("BUILTIN_LOCALE"),
        }
    )


def _findings(outcome: Outcome) -> tuple[Finding, ...]:
    listed = tuple(message.finding() for message in outcome.messages)
    if not outcome.more:
        return listed
    more = Finding(
        rule="RESTORE_ERROR",
        severity=Severity.HIGH,
        object="(more)",
        message=f"and {outcome.more} more errors",
        hint="the first ones say most",
    )
    return (*listed, more)


def _with(restored: Restored, made_up: tuple[str, ...]) -> Restored:
    """With a word about roles that the dump names and does not hold."""
    more: tuple[Finding, ...] = ()
    if made_up:
        few = ", ".join(made_up[:10]) + (f" and {len(made_up) - 10} more" if len(made_up) > 10 else "")
        finding = Finding(
            rule="ROLES_MADE_UP",
            severity=Severity.LOW,
            object="roles",
            message=f"the dump names roles that it does not hold, and they were made for the drill: {few}",
            hint="a recovery needs them: keep `pg_dumpall --globals-only` beside the dumps",
        )
        more = (finding,)
    return Restored((*restored.findings, *more), restored.harmless, restored.phases, restored.bottleneck)
