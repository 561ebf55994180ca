"""What everything is measured on: the source server with its databases, S3, and the runs of both sides."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.engines.postgres import toolchain
from restoredrill.engines.postgres.server import Server
from restoredrill.engines.postgres.toolchain import Tools
from tests.benchmarks import databases
from tests.benchmarks.databases import BTREE, GIN, Scale
from tests.benchmarks.steps import Measured, measure

LOCALE = "C.UTF-8"
OTHERS = "tests.benchmarks.others"
OUR_BACKUP, OUR_DRILL = "tests.benchmarks.our_backup", "tests.benchmarks.our_drill"
OUR_COMMANDS = "tests.benchmarks.our_commands"
PLACE = Path("/var/tmp")  # a disk, where /tmp may be memory

# The source stands for a production that idles but for us: nothing runs there of its own accord.
_SOURCE = {
    "autovacuum": "off",
    "shared_buffers": "512MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "8GB",
    "fsync": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class Run:
    """One side doing one thing to one database: a process, and the steps of it that are measured."""

    name: str
    module: str
    verb: str
    dbname: str
    steps: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)


RUNS = {
    run.name: run
    for run in (
        Run("pipe", OTHERS, "pipe", BTREE, ("backup",)),
        Run("disk", OTHERS, "disk", BTREE, ("backup",)),
        Run("ours", OUR_BACKUP, "backup", BTREE, ("backup",), {"level": "none"}),
        Run("ours, content", OUR_BACKUP, "backup", BTREE, ("backup",), {"level": "content"}),
        Run("btree plain", OTHERS, "plain", BTREE, ("restore",)),
        Run("btree tuned", OTHERS, "tuned", BTREE, ("restore",)),
        Run("btree ours", OUR_DRILL, "drill", BTREE, ("restore", "verify")),
        Run("commands", OUR_COMMANDS, "commands", BTREE, ("backup", "drill")),
        Run("gin plain", OTHERS, "plain", GIN, ("restore",)),
        Run("gin tuned", OTHERS, "tuned", GIN, ("restore",)),
        Run("gin ours", OUR_DRILL, "drill", GIN, ("restore", "verify")),
    )
}


BACKUPS = ("pipe", "disk", "ours, content")  # what restores need
_RESTORED_FROM = {"plain": "pipe", "tuned": "disk", "drill": "backup"}


@dataclass
class Stand:
    """Servers that run, databases that are there. `perform` is the only thing that measures."""

    folder: Path
    tools: Tools
    source: Server
    s3: SeaweedFS
    store_pid: int
    stored_bytes: int = 0  # of the last backup of ours
    _count: int = 0
    _taken: dict[tuple[str, str], str] = field(default_factory=dict)  # (database, verb) -> the last backup

    def prepare(self, dbname: str) -> None:
        """Take the backups that are restored later, unmeasured: it also warms every cache."""
        for name in BACKUPS:
            self.perform(replace(RUNS[name], dbname=dbname))

    def perform(self, run: Run) -> dict[str, Measured]:
        """One run, from a clean folder to a clean folder; its steps by name.

        Raises `RuntimeError` if it fails, or if what it restored is not what was backed up.
        """
        self._count += 1
        with _scratch(self.folder, "run-") as folder:
            measured, facts = measure(run.module, self._order(run, folder), folder, self.store_pid)
        if set(run.steps) != set(measured):
            raise RuntimeError(f"{run.name}: measured {sorted(measured)} and not {sorted(run.steps)}")
        if "restore" in run.steps:
            expected = databases.contents(self.source.url(run.dbname))
            if facts != expected:
                raise RuntimeError(f"{run.name}: restored {facts} and not {expected}")
        elif "backup" in facts:
            self._taken[run.dbname, run.verb] = facts["backup"]
        self.stored_bytes = facts.get("stored_bytes", self.stored_bytes)
        return measured

    def _order(self, run: Run, folder: Path) -> dict[str, Any]:
        return {
            "verb": run.verb,
            "url": self.source.url(run.dbname),
            "locale": LOCALE,
            "folder": str(folder),
            "bin": str(self.tools.bindir),
            "major": self.tools.major,
            "version": self.tools.version,
            "size_bytes": databases.size_bytes(self.source, run.dbname),
            "number": self._count,
            "backup": self._taken.get((run.dbname, _RESTORED_FROM.get(run.verb, "")), ""),
            "s3": {
                "bucket": self.s3.bucket,
                "endpoint_url": self.s3.endpoint_url,
                "access_key": self.s3.access_key,
                "secret_key": self.s3.secret_key,
            },
            **run.options,
        }


@contextmanager
def stand(scale: Scale) -> Iterator[Stand]:
    """A stand with both databases in it, on PostgreSQL 17; gone afterwards."""
    with ExitStack() as stack:
        folder = stack.enter_context(_scratch(PLACE, "rdb-"))
        tools = toolchain.staged(toolchain.server_for(17, toolchain.installed()))
        before = _children()
        s3 = stack.enter_context(SeaweedFS(folder / "s3"))
        (store_pid,) = _children() - before
        source = Server(tools, folder / "pg", trust_socket=True)
        source.create(encoding="UTF8", locale=LOCALE, settings=_SOURCE)
        source.start()
        stack.callback(source.stop)
        databases.build(source, scale)
        yield Stand(folder, tools, source, s3, store_pid)


def _children() -> set[int]:
    return {child.pid for child in psutil.Process(os.getpid()).children()}


@contextmanager
def _scratch(where: Path, prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    folder.chmod(0o711)  # the user that servers run as has to reach it
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
