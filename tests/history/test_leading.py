"""One leads, and another takes over when it is gone."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from restoredrill.errors import HistoryError
from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import open_history
from tests.plugins.postgres import SourceServer
from tests.plugins.requirements import REPOSITORY

LIMIT_S = 60.0
LEAD = """
import sys, time
from restoredrill.history.opening import open_history

history = open_history(sys.argv[1])
print(history.lead(), flush=True)
time.sleep(600)
"""


def until_it_leads(history: DatabaseHistory) -> bool:
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        if history.lead():
            return True
        time.sleep(0.1)
    return False


def test_one_of_two_leads_and_the_other_when_it_resigns(url: str) -> None:
    with open_history(url) as first, open_history(url) as second:
        for _ in range(3):
            assert first.lead()
            assert not second.lead()
        first.resign()
        assert second.lead()
        assert not first.lead()
        second.close()
        assert until_it_leads(first)


def test_when_one_is_killed_the_other_leads(url: str) -> None:
    with open_history(url) as history:
        argv = [sys.executable, "-c", LEAD, url]
        with subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as other:
            try:
                assert other.stdout is not None
                assert other.stdout.readline() == "True\n"
                assert not history.lead()
            finally:
                other.send_signal(signal.SIGKILL)
        assert until_it_leads(history)


def test_a_lost_session_is_lost_leadership_at_once(
    postgres_url: str, source_server: Callable[[int], SourceServer]
) -> None:
    ended = (
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_locks"
        " WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = %s)"
    )
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    with open_history(postgres_url) as first, open_history(postgres_url) as second:
        assert first.lead()
        with source_server(17).connect() as connection:
            assert connection.execute(ended, [name]).fetchone() == (1,)
        assert second.lead()
        assert not first.lead(), "it knows that it was the one no more"
        assert not first.lead(), "it is a candidate again"
        second.resign()
        assert until_it_leads(first)


def test_a_lock_that_is_gone_is_noticed_though_the_session_lives(postgres_url: str) -> None:
    """A pooler that hands a session to somebody else, say."""
    with open_history(postgres_url) as history:
        assert history.lead()
        session = history._leader._session  # type: ignore[attr-defined]
        session.exec_driver_sql("SELECT pg_advisory_unlock_all()")
        assert not history.lead()
        assert history.lead()


def test_a_server_that_is_gone_leads_nobody(server_factory: Callable[..., SourceServer]) -> None:
    server = server_factory(17)
    with open_history(server.url()) as history:
        assert history.lead()
        server.server.stop()
        assert not history.lead()
        with pytest.raises(HistoryError, match="lead with"):
            history.lead()
        with pytest.raises(HistoryError):
            history.tasks.open()


def test_a_lock_file_that_was_removed_leads_nobody_twice(sqlite_url: str) -> None:
    lock = Path(f"{sqlite_url.removeprefix('sqlite:///')}.lead")
    with open_history(sqlite_url) as first, open_history(sqlite_url) as second:
        assert first.lead()
        lock.unlink()
        assert second.lead()
        assert not first.lead()
        assert not first.lead()
        assert second.lead()
