"""Which programs are found, which are believed, and which are chosen."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from restoredrill import process
from restoredrill.engines.postgres import toolchain
from restoredrill.engines.postgres.toolchain import Tools
from restoredrill.errors import ToolMissing

CLIENT = ("pg_dump", "pg_dumpall", "pg_restore")
SERVER = ("postgres", "initdb")


@pytest.fixture
def open_tmp_path() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="restoredrill-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def installation(
    bindir: Path, version: str, programs: tuple[str, ...] = CLIENT + SERVER, zstd: bool = True
) -> Path:
    """A folder of small programs that behave as PostgreSQL's do where we ask them."""
    bindir.mkdir(parents=True)
    refusal = "could not open /dev/null/.s.PGSQL.1" if zstd else "this build does not support zstd"
    for name in programs:
        program = bindir / name
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "{name} (PostgreSQL) {version}" && exit 0\n'
            f'echo "{refusal}" >&2; exit 1\n'
        )
        program.chmod(0o755)
    return bindir


def tools_of(*bindirs: Path) -> tuple[Tools, ...]:
    """Only those among `bindirs`, whatever else the machine has."""
    wanted = {bindir.resolve() for bindir in bindirs}
    return tuple(tools for tools in toolchain.installed(bindirs) if tools.bindir in wanted)


def test_extra_folders_come_first_and_say_their_version(tmp_path: Path) -> None:
    old = installation(tmp_path / "old", "14.23")
    new = installation(tmp_path / "new", "18.6 (Debian 18.6-1.pgdg12+1)")
    beta = installation(tmp_path / "beta", "19beta2")
    assert toolchain.installed((old, new, beta))[:3] == (
        Tools(old, 14, "14.23"),
        Tools(new, 18, "18.6"),
        Tools(beta, 19, "19beta2"),
    )


def test_the_same_program_is_listed_once(tmp_path: Path) -> None:
    real = installation(tmp_path / "real", "16.15")
    link = tmp_path / "link"
    link.symlink_to(real)
    assert len(tools_of(link, real)) == 1


def test_a_folder_that_cannot_be_looked_into_is_passed_over(tmp_path: Path) -> None:
    """In a PATH taken over from root, say; root itself is refused only what can't be named."""
    here = installation(tmp_path / "here", "16.15")
    assert len(tools_of(tmp_path / ("x" * 300), here)) == 1


def test_a_wrapper_is_not_an_installation(tmp_path: Path) -> None:
    real = installation(tmp_path / "wrapped", "16.15")
    (real / "pg_dump").rename(real / "pg_wrapper")
    (real / "pg_dump").symlink_to("pg_wrapper")
    assert tools_of(real) == ()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("#!/bin/sh\nkill -SEGV $$\n", "crashes"),
        ("#!/bin/sh\necho 'libpq.so.5: cannot open shared object file' >&2\nexit 127\n", "libpq.so.5"),
        ("#!/bin/sh\necho hello\n", "does not say a version"),
        ("#!/no/such/interpreter\n", "can't be started"),
        ("\x7fELF this is no program", "can't be started"),
    ],
)
def test_what_does_not_run_is_passed_over_and_named(tmp_path: Path, script: str, reason: str) -> None:
    bindir = installation(tmp_path / "bin", "16.15")
    (bindir / "pg_dump").write_text(script)
    assert tools_of(bindir) == ()
    (found,) = (b for b in toolchain.broken((bindir,)) if b.bindir == bindir)
    assert reason in found.reason


def test_the_answer_changes_with_the_program(tmp_path: Path) -> None:
    bindir = installation(tmp_path / "bin", "16.15")
    assert tools_of(bindir)[0].version == "16.15"
    shutil.rmtree(bindir)
    assert tools_of(installation(bindir, "16.1611"))[0].version == "16.1611"


def test_a_client_of_the_same_major_else_the_next_newer(tmp_path: Path) -> None:
    found = tools_of(*(installation(tmp_path / v, v) for v in ("16.15", "17.10", "17.9", "18.6")))
    assert toolchain.client_for(17, found).version == "17.10"
    assert toolchain.client_for(13, found).version == "16.15"
    without_17 = [tools for tools in found if tools.major != 17]
    assert toolchain.client_for(17, without_17).version == "18.6"


def test_a_client_that_knows_zstd_is_preferred(tmp_path: Path) -> None:
    plain = installation(tmp_path / "14", "14.23")
    crippled = installation(tmp_path / "16", "16.15", zstd=False)
    able = installation(tmp_path / "17", "17.10")
    found = tools_of(plain, crippled, able)
    assert toolchain.client_for(14, found).version == "17.10"
    assert [toolchain.compression(tools) for tools in found] == ["1", "gzip:1", "zstd:3"]
    assert toolchain.client_for(14, found[:2]).version == "14.23"


def test_a_client_older_than_its_server_is_refused(tmp_path: Path) -> None:
    found = tools_of(installation(tmp_path / "16", "16.15"))
    with pytest.raises(ToolMissing, match=r"PostgreSQL 17.*found: 16") as caught:
        toolchain.client_for(17, found)
    assert "postgresql-client-17" in caught.value.hint
    with pytest.raises(ToolMissing, match="found: none"):
        toolchain.server_for(17, ())


def test_programs_must_be_complete(tmp_path: Path) -> None:
    client = installation(tmp_path / "17", "17.10", CLIENT)
    server = installation(tmp_path / "18", "18.6", (*CLIENT, *SERVER))
    found = tools_of(client, server)
    assert toolchain.client_for(17, found).major == 17
    assert toolchain.server_for(17, found).major == 18
    (server / "postgres").write_text("#!/bin/sh\nkill -SEGV $$\n")
    with pytest.raises(ToolMissing, match="a server for PostgreSQL 17"):
        toolchain.server_for(17, found)
    with pytest.raises(ToolMissing, match="not in"):
        found[0].program("postgres")


def test_real_installations_are_what_they_say() -> None:
    found = toolchain.installed()
    assert found, "the development environment brings at least one"
    for tools in found:
        assert tools.version.startswith(str(tools.major))
        assert tools.program("pg_dump").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="servers run as ourselves unless we are root")
def test_a_place_the_server_cannot_read_is_copied_once(tmp_path: Path, open_tmp_path: Path) -> None:
    found = next(t for t in toolchain.installed() if t.bindir.parent.name == "pginstall")
    private = open_tmp_path / "private"
    shutil.copytree(found.bindir.parent, private / "pg", symlinks=True)
    private.chmod(0o700)
    hidden = Tools(private / "pg" / "bin", found.major, found.version)
    assert not process.server_can_read(hidden.program("postgres"))

    stages = open_tmp_path / "ours" / "postgres"
    copied = toolchain.staged(hidden, stages)
    assert copied.bindir.is_relative_to(stages)
    ran = process.run([copied.program("postgres"), "--version"], as_server=True, cwd=Path("/"))
    assert (ran.code, found.version in ran.out) == (0, True)
    data = open_tmp_path / "data"
    data.mkdir()
    process.give_to_server(data)
    made = process.run([copied.program("initdb"), "-D", data, "-N"], as_server=True, cwd=Path("/"))
    assert made.code == 0, made.err

    before = copied.bindir.stat().st_ino
    assert toolchain.staged(hidden, stages) == copied
    assert copied.bindir.stat().st_ino == before
    assert toolchain.staged(copied, stages) == copied
    assert len(list(stages.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that belongs to somebody else")
def test_a_stage_that_somebody_else_could_write_to_is_refused(open_tmp_path: Path) -> None:
    private = open_tmp_path / "private"
    hidden = Tools(installation(private / "bin", "17.10"), 17, "17.10")
    private.chmod(0o700)
    theirs = open_tmp_path / "theirs"
    theirs.mkdir()
    process.give_to_server(theirs)
    with pytest.raises(ToolMissing, match="not ours alone"):
        toolchain.staged(hidden, theirs / "postgres")
    assert list(theirs.iterdir()) == []
