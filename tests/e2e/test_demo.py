"""The demo as somebody runs it who has nothing yet."""

import contextlib
import time
from pathlib import Path

import psutil

from tests.e2e.host import Command, Host


def test_the_demo(host: Host) -> None:
    """Promises 1 and 4: the good one passes, the damaged one fails, two reports stay, nothing else does."""
    host.environment["TMPDIR"] = str(host.folder)
    command = host.start("demo", "--requests", "5000", "--json")
    servers, folders = _seen(command, host.machines)
    ended = command.end()
    assert ended.code == 0, str(ended)
    told = ended.document
    assert told["passed"] is True
    assert told["good"]["verdict"] == "passed"
    assert told["bad"]["verdict"] == "failed"
    assert told["bad"]["findings"][0]["rule"] == "CONTENT_DIFFERS"
    assert [page for page in told["reports"] if "<html" not in Path(page).read_text()] == []
    assert {process.name() for process in servers if process.is_running()} == set()
    assert folders, "it had a folder"
    assert [folder for folder in folders if folder.exists()] == []


def _seen(command: Command, machines: Path) -> tuple[set[psutil.Process], set[Path]]:
    """Every process that belonged to it while it ran, and the folders of the demo that they worked in."""
    processes: set[psutil.Process] = set()
    folders: set[Path] = set()
    while command.running:
        for process in _family(command.pid):
            processes.add(process)
            with contextlib.suppress(psutil.Error):
                where = Path(process.cwd())
                folders |= {p for p in (where, *where.parents) if p.parent == machines}
        time.sleep(0.1)
    return processes, folders


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []
