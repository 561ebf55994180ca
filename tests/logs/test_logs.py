"""The log as it is read: by people, by machines, by a real syslog-ng."""

import json
import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from restoredrill.errors import UsageError
from restoredrill.logs import Log, _Handler
from restoredrill.secret import Secret
from restoredrill.service_settings import LogSettings
from tests.plugins.requirements import missing

ID = "20260923T031500Z-7f3a"


def eventually(true: Callable[[], object], what: str) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def lines(*, terminal: bool, **settings: str) -> tuple[Log, list[str]]:
    found: list[str] = []
    return Log(LogSettings.model_validate(settings), found.append, terminal=terminal), found


def test_people_read_a_line_and_machines_an_object() -> None:
    say, found = lines(terminal=True)
    say("drill shop: passed", why="all 4 checks passed", id=ID, database="shop")
    assert found[0][20:] == f" drill shop: passed; all 4 checks passed [{ID}]"
    say, found = lines(terminal=False)
    say("drill shop: passed", why="all 4 checks passed", id=ID, database="shop")
    document = json.loads(found[0])
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "info",
        "event": "drill shop: passed",
        "why": "all 4 checks passed",
        "id": ID,
        "database": "shop",
    }


def test_the_form_can_be_asked_for() -> None:
    assert lines(terminal=True, format="json")[0] is not None
    say, found = lines(terminal=True, format="json")
    say("x")
    assert json.loads(found[0])["event"] == "x"
    say, found = lines(terminal=False, format="text")
    say("x", level="warning", n=3)
    assert found[0].endswith("warning: x n=3")


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    for form in ("text", "json"):
        say, found = lines(terminal=True, format=form)
        say("ein Übel:\nzwei\r\nZeilen \N{SNOWMAN}", why="a\nb")
        assert "\n" not in found[0]
        assert "Übel" in found[0]
        assert "\N{SNOWMAN}" in found[0]


def test_no_secret_is_in_it() -> None:
    """Whatever way it came there: an error's words, a library's, a fact."""
    planted = Secret("hunter2-in-the-log").reveal()
    for form in ("text", "json"):
        say, found = lines(terminal=True, format=form)
        say(
            f"could not reach postgresql://x:{planted}@db",
            why=ValueError(planted),
            fact={"password": planted},
        )
        assert planted not in found[0]
        assert "[redacted]" in found[0]


def test_what_libraries_warn_of_is_there_too() -> None:
    say, found = lines(terminal=True, format="json")
    handler = _Handler(say)
    handler.handle(logging.LogRecord("botocore", logging.WARNING, "", 0, "slow: %s", ("s3",), None))
    document = json.loads(found[0])
    assert (document["event"], document["level"], document["library"]) == ("slow: s3", "warning", "botocore")


@pytest.mark.parametrize("place", ["tcp://", "http://x", "udp://h:port", "unix://", "/dev/log"])
def test_a_place_that_is_none_is_said(place: str) -> None:
    with pytest.raises(UsageError, match="no place for a log") as caught:
        Log(LogSettings(to=place), print, terminal=False)
    assert "unix:///dev/log" in caught.value.hint


# A real server ----------------------------------------------------------------------------------------------

CONFIG = """@version: 3.38
options {{ keep-hostname(yes); use-dns(no); stats-freq(0); }};
source s {{ {source}; }};
destination d {{
  file("{out}" template("$(format-json level=$LEVEL program=$PROGRAM host=$HOST message=$MSG \
id=${{.SDATA.restoredrill@32473.id}} database=${{.SDATA.restoredrill@32473.database}})\\n"));
}};
log {{ source(s); destination(d); }};
"""


class Server:
    """syslog-ng with one source, writing what it understood."""

    def __init__(self, folder: Path, source: str) -> None:
        found = shutil.which("syslog-ng") or shutil.which("syslog-ng", path="/usr/sbin")
        if found is None:
            missing("no syslog-ng: Debian's package syslog-ng-core")
        self.out = folder / "out.json"
        self._folder = folder
        (folder / "syslog-ng.conf").write_text(CONFIG.format(source=source, out=self.out))
        files = [f"--{name}={folder / name}" for name in ("persist-file", "pidfile", "control")]
        self._argv = [found, "-F", "--no-caps", f"--cfgfile={folder / 'syslog-ng.conf'}", *files]

    @contextmanager
    def running(self) -> Iterator[None]:
        with (self._folder / "said.log").open("ab") as said:
            child = subprocess.Popen(self._argv, stdout=said, stderr=said)
        try:
            eventually(lambda: (self._folder / "control").exists(), "it is up")
            yield
        finally:
            child.terminate()
            child.wait(30)
            (self._folder / "control").unlink(missing_ok=True)

    @property
    def understood(self) -> list[dict[str, str]]:
        if not self.out.exists():
            return []
        return [json.loads(line) for line in self.out.read_text().splitlines()]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def places(folder: Path, kind: str) -> tuple[str, str]:
    """What the server listens on, and what the log is sent to."""
    if kind == "unix":
        return f'unix-dgram("{folder}/log" flags(syslog-protocol))', f"unix://{folder}/log"
    port = free_port()
    return f'syslog(ip("127.0.0.1") port({port}) transport("{kind}"))', f"{kind}://127.0.0.1:{port}"


@pytest.mark.parametrize("kind", ["udp", "tcp", "unix"])
def test_syslog_ng_understands_it(tmp_path: Path, kind: str) -> None:
    """RFC 5424: header, structured data, UTF-8, long and with lines of its own."""
    source, to = places(tmp_path, kind)
    server = Server(tmp_path, source)
    with server.running():
        say = Log(LogSettings(to=to, format="json"), print, terminal=True)
        odd = 'it\'s "odd"] \\ ü \N{SNOWMAN}\nsecond line ' + "x" * 3000
        if kind == "unix":
            eventually((tmp_path / "log").exists, "its socket is there")
        say("drill shop: passed", id=ID, database="shop")
        say(odd, level="error", id='i"d]\\', database="cr'm")
        eventually(lambda: len(server.understood) == 2, "both arrive")
        say.close()
    first, second = server.understood
    assert {name: first[name] for name in ("level", "program", "id", "database")} == {
        "level": "info",
        "program": "restoredrill",
        "id": ID,
        "database": "shop",
    }
    assert first["host"] == socket.gethostname()
    assert json.loads(first["message"])["event"] == "drill shop: passed"
    assert (second["level"], second["id"], second["database"]) == ("err", 'i"d]\\', "cr'm")
    assert json.loads(second["message"])["event"] == odd


def test_a_server_that_goes_and_comes_back_gets_what_was_queued(tmp_path: Path) -> None:
    """Nothing is raised into the service while it is away."""
    source, to = places(tmp_path, "tcp")
    server = Server(tmp_path, source)
    say = Log(LogSettings(to=to), print, terminal=False)
    say("before it is there")
    with server.running():
        eventually(lambda: len(server.understood) == 1, "what was queued arrives")
    say("while it is away")
    with server.running():
        eventually(lambda: len(server.understood) == 2, "what was queued arrives, again")
    say.close()
    events = [json.loads(one["message"])["event"] for one in server.understood]
    assert events == ["before it is there", "while it is away"]


def test_what_is_too_much_is_counted_and_said(tmp_path: Path) -> None:
    source, to = places(tmp_path, "tcp")
    server = Server(tmp_path, source)
    say = Log(LogSettings(to=to), print, terminal=False)
    for number in range(10_050):
        say(f"line {number}")
    with server.running():
        eventually(lambda: any("were lost" in one["message"] for one in server.understood), "it is said")
    say.close()
