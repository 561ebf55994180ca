"""Opening a history: versions, two at once, and whatever may be wrong with it."""

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from restoredrill import secret
from restoredrill.errors import HistoryError, UsageError
from restoredrill.history import schema
from restoredrill.history.database import DatabaseHistory
from restoredrill.history.opening import MIGRATIONS, open_history
from tests.history.samples import NOON, a_drill, a_task
from tests.plugins.postgres import SourceServer, free_port
from tests.plugins.requirements import REPOSITORY

NEXT = '''"""A later version."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = {before!r}


def upgrade() -> None:
    """One more column."""
    op.add_column("restoredrill_drills", sa.Column("later", sa.Text))
    {more}
'''


def later_version(tmp_path: Path, more: str = "") -> Path:
    """Migrations as a later version of restoredrill ships them: ours, and one more."""
    folder = tmp_path / f"later {len(more)}"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    newest = max(path.name[1:5] for path in MIGRATIONS.glob("versions/v*.py"))
    (folder / "versions" / "v9999_later.py").write_text(NEXT.format(before=newest, more=more))
    return folder


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_the_tables_are_those_of_the_schema(url: str, history: DatabaseHistory) -> None:
    """What was migrated, Alembic compares with what the code believes."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            options = {"version_table": schema.VERSION_TABLE}
            context = MigrationContext.configure(connection, opts=options)
            assert compare_metadata(context, schema.metadata) == []
    finally:
        engine.dispose()


def test_what_was_kept_is_there_when_it_is_opened_again(url: str) -> None:
    with open_history(url) as history:
        history.tasks.add(a_task())
    with open_history(url) as again:
        assert again.tasks.open() == (a_task(),)


def test_one_of_the_version_before_is_upgraded_and_keeps_what_it_has(url: str, tmp_path: Path) -> None:
    with open_history(url) as history:
        history.proofs.note_drills([a_drill()])
    with open_history(url, migrations=later_version(tmp_path)) as newer:
        assert newer.proofs.drills() == (a_drill(),)
    with pytest.raises(HistoryError, match=r"it is of a newer version \(9999\)") as caught:
        open_history(url)
    assert "upgrade restoredrill" in caught.value.hint


def test_an_upgrade_that_breaks_off_has_changed_nothing(url: str, tmp_path: Path) -> None:
    with open_history(url) as history:
        history.proofs.note_drills([a_drill()])
    with pytest.raises(HistoryError):
        open_history(url, migrations=later_version(tmp_path, 'op.execute("no such thing")'))
    with open_history(url) as history:
        assert history.proofs.drills() == (a_drill(),)
    open_history(url, migrations=later_version(tmp_path)).close()


OPEN_AND_ADD = """
import sys
from restoredrill.history.opening import open_history
from tests.history.samples import a_drill, a_task

sys.stdin.readline()
history = open_history(sys.argv[1])
for number in range(8):
    history.tasks.add(a_task(number, sys.argv[2]))
    history.proofs.note_drills([a_drill(number, sys.argv[2]), a_drill(0, "0000")])
history.close()
"""


def test_many_processes_open_and_write_at_once(url: str) -> None:
    """A new one: each of them finds no tables."""
    argv = [sys.executable, "-c", OPEN_AND_ADD, url]
    processes = [
        subprocess.Popen([*argv, f"000{n}"], cwd=REPOSITORY, stdin=subprocess.PIPE, text=True)
        for n in range(1, 4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0] * 3
    with open_history(url) as history:
        assert len(history.tasks.open()) == 8, "of a schedule's time there is one"
        assert len(history.proofs.drills()) == 3 * 8 + 1


# What may be wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "history.sqlite",
        "mysql://u:secret@h/d",
        "sqlite://",
        "sqlite:///",
        "sqlite://h/x",
        "sqlite:///x?y=z",
    ],
)
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_history(url)
    assert "secret" not in str(caught.value)


def test_an_odd_path_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a b%20ä" / "what? #1"
    quoted = str(path).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    open_history(f"sqlite:///{quoted}").close()
    assert path.is_file()


def test_a_file_is_nobody_elses_and_in_wal_mode(sqlite_url: str) -> None:
    with open_history(sqlite_url) as history:
        history.tasks.add(a_task())
        files = sorted(path_of(sqlite_url).parent.iterdir())
        assert len(files) >= 2, "the database and its log"
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    with closing(sqlite3.connect(path_of(sqlite_url))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert [path.name for path in path_of(sqlite_url).parent.iterdir()] == ["history.sqlite"]


def test_a_file_that_is_no_database_is_said_and_left_alone(sqlite_url: str) -> None:
    path = path_of(sqlite_url)
    path.parent.mkdir()
    path.write_bytes(b"these are my notes\n" * 100)
    with pytest.raises(HistoryError, match="is no SQLite database"):
        open_history(sqlite_url)
    assert path.read_bytes().startswith(b"these are my notes")


def test_a_damaged_file_is_said_with_the_way_out(sqlite_url: str) -> None:
    with open_history(sqlite_url) as history:
        history.proofs.note_drills([a_drill(n / 10, reasons=("x" * 500,)) for n in range(100)])
    path = path_of(sqlite_url)
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + os.urandom(len(whole) - 8192))
    with pytest.raises(HistoryError, match="the file is damaged") as caught, open_history(sqlite_url) as it:
        it.proofs.drills()
    assert "history rebuild" in caught.value.hint


def test_a_directory_that_can_not_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match=r"not a directory|file exists"):
        open_history(f"sqlite:///{tmp_path}/file/history.sqlite")
    with pytest.raises(HistoryError):
        open_history(f"sqlite:///{tmp_path}")


def test_a_full_disk_is_said_and_what_was_there_stays(small_disk: Path) -> None:
    with open_history(f"sqlite:///{small_disk}/history.sqlite") as history:
        history.tasks.add(a_task())
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 65536):
                pass
        with pytest.raises(HistoryError, match="no room left"):
            history.proofs.note_drills([a_drill(n, reasons=("x" * 5000,)) for n in range(100)])
        assert history.tasks.open() == (a_task(),)
        filler.unlink()
        history.proofs.note_drills([a_drill()])
        assert len(history.proofs.drills()) == 1


def test_a_server_that_is_not_there_is_said_without_a_password() -> None:
    url = f"postgresql://me:pa55word%2F@127.0.0.1:{free_port()}/history"
    with pytest.raises(HistoryError, match=r"unreachable: .*connection refused") as caught:
        open_history(url)
    assert caught.value.thing.startswith("postgresql://me@127.0.0.1:")
    told = f"{caught.value}{caught.value.hint}"
    assert "pa55word" not in told
    assert "pa55word" not in secret.redact(f"pa55word%2F and pa55word/{told}")


def test_a_wrong_password_is_said_without_it(tcp_server: SourceServer) -> None:
    host = tcp_server.tcp_url().rpartition("@")[2]
    with pytest.raises(HistoryError, match="the login was refused") as caught:
        open_history(f"postgresql://postgres:wr0ng-word@{host}")
    assert "wr0ng" not in f"{caught.value}{caught.value.hint}"


def test_a_password_is_used_and_a_database_that_is_not_there_is_said(tcp_server: SourceServer) -> None:
    name = tcp_server.database()
    open_history(tcp_server.tcp_url(name)).close()
    with pytest.raises(HistoryError, match="there is no such database"):
        open_history(tcp_server.tcp_url("nowhere"))
    with pytest.raises(HistoryError, match="the login was refused"):
        open_history(tcp_server.url_as("nobody_here", name))
    tcp_server.drop(name)


@pytest.mark.parametrize("url", ["postgresql://[::1/x", "postgresql://h/x?nonsense=s3cretword"])
def test_a_url_that_can_not_be_read_is_said_without_it(url: str) -> None:
    with pytest.raises((HistoryError, UsageError), match="url can't be read") as caught:
        open_history(url)
    assert "s3cretword" not in str(caught.value)


def test_a_role_without_rights_is_denied(source_server: Callable[[int], SourceServer]) -> None:
    server = source_server(17)
    name = server.database()
    with server.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(HistoryError, match="access denied"):
        open_history(server.url_as("stranger", name))
    server.drop(name)


def test_a_session_that_was_ended_is_replaced(
    postgres_url: str, source_server: Callable[[int], SourceServer]
) -> None:
    """A server that was restarted, a firewall that forgot: the next call finds a new connection."""
    with open_history(postgres_url) as history:
        history.tasks.add(a_task())
        with source_server(17).connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE application_name = 'restoredrill'"
            )
        assert history.tasks.open() == (a_task(),)


def test_a_record_of_a_later_version_is_an_error_and_no_crash(sqlite_url: str) -> None:
    with open_history(sqlite_url) as history:
        history.tasks.add(a_task())
        with closing(sqlite3.connect(path_of(sqlite_url))) as connection:
            connection.execute(
                'UPDATE restoredrill_tasks SET document = \'{"schema": "restoredrill.task/2"}\''
            )
            connection.commit()
        with pytest.raises(HistoryError, match="it holds a task that this version can't read"):
            history.tasks.open()
        assert history.proofs.spent_usd(NOON) == 0
