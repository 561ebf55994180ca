"""The feeder: every byte in, every failure out, and nothing left behind however it ends."""

import gzip
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import zstandard

from restoredrill.engines.postgres import toc
from restoredrill.engines.postgres.fifo import Fifo, Group, spoilt
from restoredrill.engines.postgres.messages import classify
from restoredrill.engines.postgres.pipes import Feeder, FeedReport
from restoredrill.engines.postgres.readahead import Stream
from restoredrill.engines.postgres.zstdframes import Walker
from tests.engines.sample_archive import MAJORS, Sample, facts, restore_argv, sample
from tests.plugins.postgres import SourceServer

pytestmark = pytest.mark.xdist_group("feeding")

LIMIT_BYTES = 16 << 20
PATIENCE_S = 60.0

# A reader of its own, as pg_restore is: reads the files named on its input, one after another.
READER = """
import os, sys
for line in sys.stdin:
    command, path = line.split(maxsplit=1)
    fd = os.open(path.rstrip("\\n"), os.O_RDONLY)
    total = 0
    while block := os.read(fd, int(command)):
        total += len(block)
        if int(command) < 100:
            break
    os.close(fd)
    print(total, flush=True)
"""


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "waited for too long"
        time.sleep(0.002)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def read(path: Path) -> bytes:
    return path.read_bytes()


def in_thread(action: Callable[[], object]) -> "queue.Queue[object]":
    """The action's result, or its exception, when it comes."""
    results: queue.Queue[object] = queue.Queue()

    def run() -> None:
        try:
            results.put(action())
        except Exception as error:
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    return results


class Source:
    """Stands for a backup: bytes by name, with what goes wrong."""

    def __init__(self, files: dict[str, bytes], chunk_bytes: int = 1 << 16) -> None:
        self.files = files
        self.chunk_bytes = chunk_bytes
        self.fails: dict[str, int] = {}  # name: raise at this byte
        self.waits: dict[str, threading.Event] = {}
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.given_bytes = 0

    def __call__(self, name: str) -> Iterator[bytes]:
        self.opened.append(name)
        data = self.files[name]
        try:
            if name in self.waits:
                self.waits[name].wait(PATIENCE_S)
            for at in range(0, len(data), self.chunk_bytes):
                if at >= self.fails.get(name, len(data) + 1):
                    raise ValueError(f"checksum of {name}")
                chunk = data[at : at + self.chunk_bytes]
                self.given_bytes += len(chunk)
                yield chunk
            if name in self.fails:
                raise ValueError(f"checksum of {name}")
        finally:
            self.closed.append(name)


def feeder(
    directory: Path,
    source: Source,
    order: Sequence[Sequence[str]] | None = None,
    *,
    jobs: int = 2,
    limit_bytes: int = LIMIT_BYTES,
    on_bytes: Callable[[str, int], None] = lambda name, count: None,
    patience_s: float = PATIENCE_S,
) -> Feeder:
    return Feeder(
        directory,
        order if order is not None else [[name] for name in source.files],
        source,
        jobs=jobs,
        memory_limit_bytes=limit_bytes,
        on_bytes=on_bytes,
        patience_s=patience_s,
    )


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Neither threads nor descriptors."""
    threads, fds = set(threading.enumerate()), open_descriptors()
    yield
    wait_for(lambda: all(t in threads for t in threading.enumerate()))
    assert open_descriptors() <= fds


# Feeding ----------------------------------------------------------------------------------------------------


def test_every_byte_arrives_and_is_told(tmp_path: Path) -> None:
    source = Source({"1.dat": os.urandom(3_000_000), "2.dat.zst": b"", "3.dat": b"x"})
    heard: dict[str, int] = {}

    def on_bytes(name: str, count: int) -> None:
        heard[name] = heard.get(name, 0) + count

    with feeder(tmp_path, source, on_bytes=on_bytes) as feeding:
        assert all(path.stat().st_mode & 0o777 == 0o600 and path.is_fifo() for path in tmp_path.iterdir())
        for name, data in source.files.items():
            assert read(tmp_path / name) == data
        report = feeding.finish()
    assert report == FeedReport(tuple(source.files), 3_000_001, {}, (), ())
    assert report.complete
    assert heard == {"1.dat": 3_000_000, "3.dat": 1}
    assert list(tmp_path.iterdir()) == []


def test_two_readers_at_once(tmp_path: Path) -> None:
    source = Source({f"{n}.dat": os.urandom(500_000 + n) for n in range(20)})
    with feeder(tmp_path, source) as feeding:
        halves = [
            in_thread(lambda names=names: [read(tmp_path / n) for n in names])  # type: ignore[misc]
            for names in (list(source.files)[::2], list(source.files)[1::2])
        ]
        assert halves[0].get(timeout=PATIENCE_S) == list(source.files.values())[::2]
        assert halves[1].get(timeout=PATIENCE_S) == list(source.files.values())[1::2]
        assert feeding.finish().complete


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_order_nobody_expected_only_costs_time(tmp_path: Path, jobs: int) -> None:
    source = Source({f"{n}.dat": str(n).encode() for n in range(120)})
    with feeder(tmp_path, source, jobs=jobs) as feeding:
        for name in reversed(source.files):
            assert read(tmp_path / name) == source.files[name]
        assert feeding.finish().complete


def test_many_files_cost_no_thread_each(tmp_path: Path) -> None:
    source = Source({f"{n}.dat": b"few" for n in range(300)})
    before = threading.active_count()
    with feeder(tmp_path, source) as feeding:
        most = 0
        for name in source.files:
            assert read(tmp_path / name) == b"few"
            most = max(most, threading.active_count() - before)
        assert feeding.finish().complete
    assert most <= 1 + 2 * 2 + 16


def test_large_objects_of_a_group_are_read_ahead(tmp_path: Path) -> None:
    names = [f"blob_{n}.dat" for n in range(40)]
    source = Source({name: name.encode() for name in [*names, "9.dat"]})
    with feeder(tmp_path, source, [names, ["9.dat"]]) as feeding:
        assert read(tmp_path / names[0]) == names[0].encode()
        wait_for(lambda: len(source.closed) >= 30)  # though nobody has opened them
        for name in names[1:]:
            assert read(tmp_path / name) == name.encode()
        assert read(tmp_path / "9.dat") == b"9.dat"
        assert feeding.finish().complete


def test_what_is_next_is_there_before_it_is_asked_for(tmp_path: Path) -> None:
    source = Source({f"{n}.dat": b"x" * 100_000 for n in range(8)})
    with feeder(tmp_path, source) as feeding:
        wait_for(lambda: len(source.closed) == 8)
        feeding.cancel()
        assert feeding.finish().unopened == tuple(source.files)


def test_memory_stays_below_the_limit(tmp_path: Path) -> None:
    chunk_bytes, limit_bytes, jobs = 1 << 18, 4 << 20, 2
    source = Source({f"{n}.dat": bytes(6 << 20) for n in range(6)}, chunk_bytes)
    written = 0
    most = 0

    def on_bytes(name: str, count: int) -> None:
        nonlocal written, most
        most = max(most, source.given_bytes - written)
        written += count

    fed = feeder(tmp_path, source, jobs=jobs, limit_bytes=limit_bytes, on_bytes=on_bytes)
    with fed as feeding:
        for name in source.files:
            assert len(read(tmp_path / name)) == 6 << 20
        assert feeding.finish().complete
    assert written == 36 << 20
    assert most <= limit_bytes + jobs * chunk_bytes
    assert most > chunk_bytes


def test_a_name_that_leads_elsewhere_or_is_taken_is_refused(tmp_path: Path) -> None:
    for name in ("../1.dat", "a/b", "..", ""):
        with pytest.raises(ValueError, match="no file name"):
            feeder(tmp_path, Source({name: b""}))
    (tmp_path / "toc.dat").write_bytes(b"real")
    with pytest.raises(FileExistsError):
        feeder(tmp_path, Source({"toc.dat": b""}))
    assert (tmp_path / "toc.dat").read_bytes() == b"real"


def test_a_file_opened_twice_is_an_error_for_the_reader(tmp_path: Path) -> None:
    with feeder(tmp_path, Source({"1.dat": b"once"})) as feeding:
        assert read(tmp_path / "1.dat") == b"once"
        wait_for(lambda: not (tmp_path / "1.dat").exists())
        feeding.finish()


# What goes wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1 << 16, 200_000])
def test_a_source_that_fails_spoils_the_file_and_is_told_by_name(tmp_path: Path, at: int) -> None:
    whole = zstandard.compress(os.urandom(200_000))
    source = Source({"1.dat.zst": whole, "2.dat.zst": zstandard.compress(b"fine")})
    source.fails["1.dat.zst"] = at
    with feeder(tmp_path, source) as feeding:
        got = read(tmp_path / "1.dat.zst")
        assert read(tmp_path / "2.dat.zst") == source.files["2.dat.zst"]
        wait_for(lambda: feeding.failed)
        report = feeding.finish()
    assert len(got) > 200_000
    with pytest.raises(zstandard.ZstdError):
        decompressed(got)
    assert list(report.failures) == ["1.dat.zst"]
    assert str(report.failures["1.dat.zst"]) == "checksum of 1.dat.zst"
    assert not report.complete
    assert report.abandoned == report.unopened == ()


def decompressed(data: bytes) -> bytes:
    """As pg_restore does it: frame after frame, and an end in the middle of one is no error."""
    out = b""
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        out += frame.decompress(data)
        data = frame.unused_data if frame.eof else b""
    return out


def test_what_is_cut_anywhere_and_spoilt_never_passes_for_zstd() -> None:
    text = b"".join(b"%d\tsome text\t%d\n" % (n, n * 7919) for n in range(20_000))
    whole = zstandard.compress(text, 3)
    assert decompressed(whole[: len(whole) // 2]) != text  # cut only: no error at all
    poison = spoilt(Fifo(Path("1.dat.zst"), Group(), Stream("1.dat.zst")))
    for cut in [*range(40), *range(40, len(whole), len(whole) // 150), len(whole)]:
        with pytest.raises(zstandard.ZstdError):
            decompressed(whole[:cut] + poison)


def test_a_zstd_file_that_was_stored_cut_off_is_a_failure(tmp_path: Path) -> None:
    """Its checksum may be right, and pg_restore would take it."""
    frame = zstandard.compress(os.urandom(300_000))
    source = Source({"1.dat.zst": frame[:-1], "2.dat.zst": frame * 2, "3.dat.zst": b"no zstd"})
    with feeder(tmp_path, source) as feeding:
        with pytest.raises(zstandard.ZstdError):
            decompressed(read(tmp_path / "1.dat.zst"))
        assert read(tmp_path / "2.dat.zst") == frame * 2
        read(tmp_path / "3.dat.zst")
        report = feeding.finish()
    assert {name: str(error) for name, error in report.failures.items()} == {
        "1.dat.zst": "read 1.dat.zst: the zstd stream is cut off",
        "3.dat.zst": "read 3.dat.zst: no zstd frame begins here",
    }


@pytest.mark.parametrize("options", [{}, {"write_content_size": False}, {"write_checksum": True}])
@pytest.mark.parametrize("size", [0, 1, 200, 70_000, 500_000])
def test_where_a_zstd_stream_ends(options: dict[str, bool], size: int) -> None:
    text = b"".join(b"%d some text\n" % n for n in range(40_000))[:size]
    frame = zstandard.ZstdCompressor(**options).compress(text)  # type: ignore[arg-type]
    skippable = b"\x53\x2a\x4d\x18\x05\x00\x00\x00hello"
    stream = frame + skippable + frame
    ends = {0, len(frame), len(frame + skippable), len(stream)}
    cuts = {*range(0, len(stream), max(1, len(stream) // 50)), *ends}
    for cut in cuts:
        walker = Walker()
        for at in range(0, cut, 777):
            walker.feed(stream[at : min(at + 777, cut)])
        assert walker.whole == (cut in ends), cut


def test_what_is_spoilt_from_the_beginning_is_no_gzip_either() -> None:
    poison = spoilt(Fifo(Path("1.dat.gz"), Group(), Stream("1.dat.gz")))
    with pytest.raises((OSError, EOFError), match=r"flags|magic|header|end-of-stream|Not a gzipped"):
        gzip.decompress(bytes(poison))
    assert bytes(poison[:2]) == b"\x1f\x8b"  # or zlib would hand it through as it is


def test_a_failure_is_raised_by_who_never_asks(tmp_path: Path) -> None:
    source = Source({"1.dat": b"x"})
    source.fails["1.dat"] = 0
    with pytest.raises(ValueError, match=r"checksum of 1\.dat"), feeder(tmp_path, source) as feeding:
        wait_for(lambda: feeding.failed)


def test_an_exception_in_the_context_is_not_hidden_by_a_failure(tmp_path: Path) -> None:
    source = Source({"1.dat": b"x"})
    source.fails["1.dat"] = 0
    fed = feeder(tmp_path, source)

    def fail() -> None:
        with fed as feeding:
            wait_for(lambda: feeding.failed)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()


def test_a_listener_that_fails_ends_the_feeding_and_is_told(tmp_path: Path) -> None:
    def on_bytes(name: str, count: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), feeder(tmp_path, Source({"1.dat": b"x"}), on_bytes=on_bytes):
        assert b"\0" in read(tmp_path / "1.dat")


def test_files_that_nobody_opened_are_told(tmp_path: Path) -> None:
    source = Source({f"{n}.dat": b"x" for n in range(3)})
    with feeder(tmp_path, source) as feeding:
        read(tmp_path / "1.dat")
        report = feeding.finish()
    assert report.opened == ("1.dat",)
    assert report.unopened == ("0.dat", "2.dat")
    assert not report.complete


def test_files_that_are_skipped_do_not_stop_the_others(tmp_path: Path) -> None:
    source = Source({f"{n}.dat": b"%d" % n for n in range(150)})
    asked = [f"{n}.dat" for n in range(50, 150)]
    with feeder(tmp_path, source) as feeding:
        for name in asked:
            assert read(tmp_path / name) == source.files[name]
        assert read(tmp_path / "7.dat") == b"7"  # and is still there if asked for after all
        report = feeding.finish()
    assert report.opened == (*asked, "7.dat")
    assert len(report.unopened) == 49


def test_a_reader_that_leaves_in_the_middle_is_told(tmp_path: Path) -> None:
    source = Source({"1.dat": bytes(5 << 20), "2.dat": b"rest"})
    with feeder(tmp_path, source) as feeding:
        fd = os.open(tmp_path / "1.dat", os.O_RDONLY)
        assert os.read(fd, 1000)
        os.close(fd)
        assert read(tmp_path / "2.dat") == b"rest"
        wait_for(lambda: "1.dat" in source.closed)
        report = feeding.finish()
    assert report.abandoned == ("1.dat",)
    assert not report.complete


def test_a_reader_that_leaves_the_end_of_a_small_file_is_told(tmp_path: Path) -> None:
    """All of it fits into the pipe: nothing but what is still in there tells."""
    with feeder(tmp_path, Source({"1.dat": b"0123456789"})) as feeding:
        fd = os.open(tmp_path / "1.dat", os.O_RDONLY)
        assert os.read(fd, 4) == b"0123"
        wait_for(lambda: not (tmp_path / "1.dat").exists())
        os.close(fd)
        report = feeding.finish()
    assert report.abandoned == ("1.dat",)


def test_cancelling_releases_readers_with_an_error(tmp_path: Path) -> None:
    source = Source({"1.dat.zst": zstandard.compress(bytes(1000)), "2.dat": bytes(8 << 20), "3.dat": b"x"})
    source.waits["1.dat.zst"] = threading.Event()
    with feeder(tmp_path, source, jobs=3) as feeding:
        waiting = in_thread(lambda: read(tmp_path / "1.dat.zst"))
        fd = os.open(tmp_path / "2.dat", os.O_RDONLY)
        os.read(fd, 1)
        feeding.cancel()
        source.waits["1.dat.zst"].set()
        drained = in_thread(lambda: len(list(iter(lambda: os.read(fd, 1 << 20), b""))))
        report = feeding.finish()
        got = waiting.get(timeout=PATIENCE_S)
        drained.get(timeout=PATIENCE_S)
        os.close(fd)
    assert not report.complete
    assert {"2.dat"} <= {*report.abandoned}
    assert "3.dat" in report.unopened
    assert isinstance(got, bytes)
    with pytest.raises(zstandard.ZstdError):
        decompressed(got)


def test_a_reader_that_was_killed(tmp_path: Path) -> None:
    source = Source({"1.dat": bytes(5 << 20), "2.dat": b"x"})
    with feeder(tmp_path, source) as feeding:
        reader = subprocess.Popen(
            [sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert reader.stdin is not None
        reader.stdin.write(f"1000 {tmp_path / '1.dat'}\n")
        reader.stdin.flush()
        wait_for(lambda: source.given_bytes > 1 << 20)
        reader.kill()
        reader.wait()
        reader.stdin.close()
        report = feeding.finish()
    # It may have read all of it already; then nothing is amiss with the file, only with its reader.
    assert report.abandoned in ((), ("1.dat",))
    assert report.unopened == ("2.dat",)


def test_a_source_that_never_comes_back_does_not_hold_us(tmp_path: Path) -> None:
    source = Source({"1.dat": b"x", "2.dat": b"y"})
    source.waits["1.dat"] = threading.Event()
    with feeder(tmp_path, source, patience_s=0.05) as feeding:
        assert read(tmp_path / "2.dat") == b"y"
        wait_for(lambda: "1.dat" in source.opened)
        report = feeding.finish()
    assert report.stuck == ("1.dat",)
    assert not report.complete
    source.waits["1.dat"].set()


def test_sources_are_closed_in_the_end(tmp_path: Path) -> None:
    source = Source({f"{n}.dat": bytes(1 << 20) for n in range(6)})
    with feeder(tmp_path, source) as feeding:
        wait_for(lambda: len(source.opened) == 6)
        feeding.finish()
    wait_for(lambda: sorted(source.closed) == sorted(source.opened))


# With pg_restore --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=MAJORS)
def archive(
    request: pytest.FixtureRequest,
    source_server: Callable[[int], SourceServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Sample:
    return sample(source_server(request.param), tmp_path_factory.getbasetemp())


def prepared(archive: Sample, directory: Path, jobs: int) -> tuple[Source, list[tuple[str, ...]]]:
    """`directory` as pg_restore wants it, without the data."""
    contents = toc.prioritised(archive.contents, archive.sizes)
    lists = archive.lists(contents)
    for name, content in {"toc.dat": contents.dump(), **lists}.items():
        (directory / name).write_bytes(content)
    entries = toc.data_files(contents, archive.sizes, lists)
    order = [e.files for e in toc.opening_order(contents, entries, archive.sizes, jobs)]
    return Source({n: (archive.directory / n).read_bytes() for files in order for n in files}), order


@pytest.mark.parametrize("jobs", [1, 2])
def test_pg_restore_restores_everything_through_pipes(archive: Sample, tmp_path: Path, jobs: int) -> None:
    source, order = prepared(archive, tmp_path, jobs)
    name = archive.server.database()
    argv = restore_argv(archive.server, tmp_path, name, f"-j{jobs}")
    with feeder(tmp_path, source, order, jobs=jobs) as feeding:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        report = feeding.finish()
    assert all(message.harmless for message in classify(done.stderr.splitlines(), done.returncode, jobs))
    assert done.returncode == 0, done.stderr
    assert report.complete, report
    assert report.bytes_written == sum(map(len, source.files.values()))
    assert facts(archive.server, name) == archive.facts
    if jobs == 1:
        assert list(report.opened) == [n for files in order for n in files]
    archive.server.drop(name)


def test_pg_restore_fails_where_the_source_does(archive: Sample, tmp_path: Path) -> None:
    """Only cut off, 16 to 18 would end with status 0 and a part of the rows."""
    source, order = prepared(archive, tmp_path, 2)
    large = archive.data("zz_large")
    source.fails[large] = len(source.files[large]) - source.chunk_bytes
    name = archive.server.database()
    argv = restore_argv(archive.server, tmp_path, name, "-j2")
    with feeder(tmp_path, source, order) as feeding:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        report = feeding.finish()
    assert done.returncode != 0
    assert list(report.failures) == [large]
    with archive.server.connect(name) as connection:
        assert connection.execute("SELECT count(*) FROM shop.zz_large").fetchone() == (0,)
    archive.server.drop(name)


def test_pg_restore_killed_leaves_nobody_waiting(archive: Sample, tmp_path: Path) -> None:
    source, order = prepared(archive, tmp_path, 2)
    large = archive.data("zz_large")
    source.waits[large] = threading.Event()
    argv = restore_argv(archive.server, tmp_path, archive.server.database(), "-j2")
    with feeder(tmp_path, source, order) as feeding:
        child = subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        wait_for(lambda: large in source.opened)
        os.killpg(child.pid, 9)
        child.wait()
        source.waits[large].set()
        report = feeding.finish()
    assert not report.complete
    assert report.unopened
