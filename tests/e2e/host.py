"""A host as a user has it: files in `schedules/`, an environment, and the program as processes.

Everything that a command says is remembered, so that at the end of a test nothing of it is a secret.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from restoredrill import process
from restoredrill.machines import local
from restoredrill.model import Report, VaultSpec
from restoredrill.vault.catalog import VaultBackups
from restoredrill.vault.journal import VaultJournal
from restoredrill.vault.opening import open_store
from restoredrill.vault.store import VaultStore
from tests.plugins.s3 import S3Vault

LIMIT_S = 200.0  # for things that take seconds on a machine that does nothing else

# Whoever started the tests may have Ctrl-C ignored (a shell's `&`), and that would be respected.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from restoredrill.cli import main; main()"
)
PROGRAM = (sys.executable, "-c", START)

T = TypeVar("T")


def eventually(found: Callable[[], T], what: str, limit_s: float = LIMIT_S) -> T:
    """Wait until `found` gives something true, and return that."""
    until = time.monotonic() + limit_s
    while not (it := found()):
        assert time.monotonic() < until, f"it never came true: {what}"
        time.sleep(0.03)
    return it


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What `--json` printed: one document, and nothing else."""
        return json.loads(self.out)

    @property
    def report(self) -> Report:
        """What a drill printed with `--json`."""
        return Report.model_validate(self.document)

    def __str__(self) -> str:
        return f"restoredrill {' '.join(self.words)}: exit {self.code}\n{self.out}\n{self.err}"


class Command:
    """One running command. Its outputs go to files, so that it never waits for a reader."""

    def __init__(self, words: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> None:
        self.words = words
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._child = subprocess.Popen(
                [*PROGRAM, *words],
                cwd=folder.parent.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def err(self) -> str:
        """What it has said on standard error so far."""
        return self._err.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        self._child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to it alone, as the system does when memory is short."""
        self._child.kill()
        self._child.wait()

    def end(self, limit_s: float = LIMIT_S) -> Ended:
        """Wait for its end."""
        self._child.wait(limit_s)
        return Ended(self.words, self._child.returncode, self._out.read_text(errors="replace"), self.err)


@dataclass
class Host:
    """One host: `folder` is short, on a real disk, and reachable for the user that servers run as."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    _stores: dict[str, VaultStore] = field(default_factory=dict)
    _commands: list[Command] = field(default_factory=list)

    @property
    def machines(self) -> Path:
        """Where its local machines live, and the spools of its backups."""
        return self.folder / "m"

    @property
    def schedules(self) -> Path:
        return self.folder / "schedules"

    @property
    def state(self) -> Path:
        """Where its own notes are: crashes, the scheduler's store."""
        return self.folder / "state"

    # Configuration ------------------------------------------------------------------------------------------

    def protect(self, name: str, source_url: str | None, vault: "S3Vault | Path", **parts: Any) -> None:
        """Write `schedules/<name>.yaml`; `parts` are its sections, `backup={}` and `drill={}` if not given.

        The source's URL and the vault's keys go where they belong, into the environment.
        """
        variable = f"{name.upper()}_DATABASE_URL"
        if source_url is not None:
            self.environment[variable] = source_url
        document = {
            **({} if source_url is None else {"source": {"url": f"${{{variable}}}"}, "backup": {}}),
            "vault": self._vault(name, vault),
            "drill": {},
            **parts,
        }
        self.schedules.mkdir(exist_ok=True)
        # JSON's values are YAML's, too.
        (self.schedules / f"{name}.yaml").write_text(json.dumps(document, indent=2), encoding="utf-8")

    def _vault(self, name: str, vault: "S3Vault | Path") -> dict[str, Any]:
        if isinstance(vault, Path):
            self._stores[name] = open_store(VaultSpec(url=f"file://{vault}"), None, None)
            return {"url": f"file://{vault}"}
        self.environment |= vault.environment
        self.secrets.add(vault.secret_key)
        self._stores[name] = open_store(vault.spec, vault.access_key, vault.secret_key)
        return vault.spec.model_dump(exclude_none=True)

    # Commands -----------------------------------------------------------------------------------------------

    def start(self, *words: str | Path) -> Command:
        """Start a command."""
        folder = self.folder / "said" / str(len(self._commands))
        folder.mkdir(parents=True)
        command = Command(tuple(map(str, words)), folder, self._environment())
        self._commands.append(command)
        return command

    def serve(self, **settings: Any) -> Command:
        """Start the service, which logs for people; `settings` are `_service.yaml`'s."""
        document = {"log": {"format": "text"}, "web": {"listen": "127.0.0.1:0"}, **settings}
        (self.schedules / "_service.yaml").write_text(json.dumps(document, indent=2), encoding="utf-8")
        return self.start("serve")

    def run(self, *words: str | Path, code: int | None = 0, limit_s: float = LIMIT_S) -> Ended:
        """Run a command to its end, which must be the expected one; None: whatever it is."""
        ended = self.start(*words).end(limit_s)
        assert code in (None, ended.code), str(ended)
        return ended

    def document(self, *words: str | Path, code: int = 0) -> Any:
        """Run a command with `--json` and return what it printed."""
        return self.run(*words, "--json", code=code).document

    def backup(self, name: str) -> str:
        """Take a backup; its id."""
        return str(self.document("backup", name)["id"])

    def drill(self, name: str, *words: str | Path, code: int = 0) -> Report:
        """Drill; the report."""
        return self.run("drill", name, *words, "--json", code=code).report

    def _environment(self) -> dict[str, str]:
        """Nothing of whoever runs the tests but what a program needs to start."""
        inherited = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
        places = {
            "RESTOREDRILL_STATE": str(self.state),
            "RESTOREDRILL_MACHINES": str(self.machines),
        }
        return {**inherited, **places, **self.environment}

    # Looking ------------------------------------------------------------------------------------------------

    def store(self, name: str) -> VaultStore:
        """The vault of a database, to look into it."""
        return self._stores[name]

    def backups(self, name: str) -> tuple[str, ...]:
        """Ids of the backups that exist, newest first."""
        return tuple(manifest.id for manifest in VaultBackups(self.store(name)).list())

    def keys(self, name: str, prefix: str = "") -> tuple[str, ...]:
        """Every object of a vault, or those below `prefix`."""
        return tuple(entry.key for entry in self.store(name).list(prefix))

    def body(self, name: str, key: str) -> bytes:
        """One object of a vault."""
        return b"".join(self.store(name).fetch(key))

    def reports(self, name: str) -> tuple[Report, ...]:
        """Reports in a vault, newest first."""
        return tuple(VaultJournal(self.store(name)).reports())

    def homes(self) -> tuple[Path, ...]:
        """The local machines and spools that are there."""
        found = self.machines.iterdir() if self.machines.is_dir() else ()
        return tuple(sorted(path for path in found if path.is_dir() and path.name != "postgres"))

    def left(self) -> list[str]:
        """What of it still runs or takes room (promise 4); empty is the proof."""
        running = [f"process {proc.pid}" for proc in process.running_below(self.machines)]
        return [*running, *map(str, self.homes())]

    def said(self) -> Iterable[tuple[str, str]]:
        """Everything that its commands have said, and what said it."""
        for path in sorted((self.folder / "said").glob("*/*")):
            words = " ".join(self._commands[int(path.parent.name)].words)
            yield f"{path.name} of `{words}`", path.read_text(errors="replace")

    def close(self) -> None:
        """End whatever a test that failed has left."""
        for command in self._commands:
            if command.running:
                command.kill()
        for home in self.homes():
            local.end_machine(home)
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self) -> None:
        """What must be so at the end of every test."""
        told = [f"{where} holds a secret" for where, text in self.said() for s in self.secrets if s in text]
        assert told == [], "nothing that is said holds a secret"
        crashes = [path.read_text() for path in (self.state / "crashes").glob("*")]
        assert crashes == [], "\n".join(crashes)
        eventually(lambda: self.left() == [], f"nothing is left running: {self.left()}")
