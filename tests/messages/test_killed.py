"""A service that is killed while it tells something."""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from restoredrill.history.opening import open_history
from restoredrill.messages.channels import by_apprise
from restoredrill.messages.postman import Postman
from restoredrill.messages.tickets import desk
from tests.history.samples import at
from tests.messages.listening import Answer, Listener, Request
from tests.messages.samples import a_told, loaded, revealing
from tests.plugins.requirements import REPOSITORY

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_a_notice_may_come_twice_and_is_never_lost(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.sqlite"
    arrived, pids = threading.Event(), queue.SimpleQueue[int]()

    def answer(_: Request) -> Answer:
        if not arrived.is_set():
            arrived.set()
            os.kill(pids.get(timeout=60), signal.SIGKILL)  # before it can hear that all went well
        return Answer()

    with Listener(answer) as listener:
        chat = f"json://{listener.place}/"
        with open_history(url) as history:
            history.outbox.post(a_told(), ["shop.notify[0]"])
        line = [sys.executable, "-m", "tests.messages.mortal", url, str(tmp_path / "files"), f"CHAT={chat}"]
        with subprocess.Popen(line, cwd=REPOSITORY) as killed:
            pids.put(killed.pid)
            assert killed.wait(60) == -signal.SIGKILL
        with open_history(url) as history:
            (waits,) = history.outbox.due(at(100_000))
            assert waits.tries == 0
            reveal = revealing(CHAT=chat)
            again = Postman(history.outbox, reveal, print, by_apprise, desk(reveal))
            again.deliver(loaded(tmp_path / "files", "notify: [{url: '${CHAT}'}]\n"), at(100_000), 60)
            assert history.outbox.due(at(200_000)) == ()
        assert [request.json["title"] for request in listener.seen] == ["shop: FAILED"] * 2
