"""The table of contents: byte for byte what pg_dump wrote, and priorities that pg_restore follows."""

import dataclasses
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoredrill.engines.postgres import toc
from restoredrill.engines.postgres.pipes import Feeder
from restoredrill.engines.postgres.toc import DataEntry, Entry, Header, Toc
from restoredrill.engines.postgres.tocfile import SECTION_DATA, SECTION_POST_DATA, SECTION_PRE_DATA
from restoredrill.errors import ArchiveCorrupt
from tests.engines.sample_archive import MAJORS, Sample, facts, restore_argv, sample
from tests.plugins.postgres import SourceServer

pytestmark = pytest.mark.xdist_group("feeding")

VERSIONS = {14: (1, 14), 15: (1, 14), 16: (1, 15), 17: (1, 16), 18: (1, 16)}
HEADER = Header((1, 16, 0), 4, 8, "zstd", None, (1, 2, 3, 4, 5, 126, 0), "shop", "18.6", "18.6")


@pytest.fixture(scope="module", params=MAJORS)
def archive(
    request: pytest.FixtureRequest,
    source_server: Callable[[int], SourceServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Sample:
    return sample(source_server(request.param), tmp_path_factory.getbasetemp())


def entry(dump_id: int, desc: str, tag: str = "t", *, needs: tuple[int, ...] = (), file: str = "") -> Entry:
    """An entry with what decides its priority."""
    data, post = ("TABLE DATA", "BLOBS", "BLOB METADATA"), ("INDEX", "CONSTRAINT", "FK CONSTRAINT")
    section = SECTION_DATA if desc in data else SECTION_POST_DATA if desc in post else SECTION_PRE_DATA
    blank = dict.fromkeys(("definition", "drop", "copy", "namespace", "tablespace", "tableam", "owner"))
    return Entry(
        dump_id=dump_id,
        had_dumper=bool(file),
        table_oid=0,
        oid=0,
        tag=tag,
        desc=desc,
        section=section,
        relkind=0,
        dependencies=needs,
        filename=file,
        **blank,
    )


def tables(*sizes: int) -> tuple[Toc, dict[str, int]]:
    """Tables t0, t1, … of these sizes, each with data (ids 11, 12, …) and an index (21, 22, …)."""
    entries = [entry(1 + n, "TABLE", f"t{n}") for n in range(len(sizes))]
    entries += [
        entry(11 + n, "TABLE DATA", f"t{n}", needs=(1 + n,), file=f"{11 + n}.dat") for n in range(len(sizes))
    ]
    entries += [entry(21 + n, "INDEX", f"i{n}", needs=(1 + n,)) for n in range(len(sizes))]
    return Toc(HEADER, tuple(entries)), {f"{11 + n}.dat.zst": size for n, size in enumerate(sizes)}


def by_priority(contents: Toc) -> list[str]:
    return [f"{e.desc} {e.tag}" for e in sorted(contents.entries, key=lambda e: e.dump_id)]


# Reading and writing ----------------------------------------------------------------------------------------


def test_what_pg_dump_wrote_comes_back_byte_for_byte(archive: Sample) -> None:
    data = (archive.directory / "toc.dat").read_bytes()
    contents = toc.parse(data)
    assert contents.dump() == data
    header = contents.header
    assert header.version[:2] == VERSIONS[archive.server.major]
    assert header.compression == ("zstd" if archive.server.major >= 16 else "gzip")
    assert header.dump_version is not None
    assert header.dump_version.startswith(f"{archive.server.major}.")
    data_of_large = next(e for e in contents.entries if e.desc == "TABLE DATA" and e.tag == "zz_large")
    table = next(e for e in contents.entries if e.desc == "TABLE" and e.tag == "zz_large")
    assert data_of_large.dependencies == (table.dump_id,)
    assert data_of_large.copy is not None
    assert data_of_large.copy.startswith("COPY shop.zz_large ")
    assert table.object == "shop.zz_large"


def listed(archive: Sample, directory: Path) -> list[tuple[int, str]]:
    """Ids, kinds and names as pg_restore reads them."""
    program = str(archive.server.tools.program("pg_restore"))
    out = subprocess.run([program, "-l", str(directory)], check=True, capture_output=True, text=True).stdout
    lines = (re.match(r"(\d+); \d+ \d+ (.*)", line) for line in out.splitlines())
    return [(int(m[1]), m[2]) for m in lines if m]


def test_pg_restore_lists_the_same_entries(archive: Sample) -> None:
    special = ("ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE")
    ours = [e for e in archive.contents.entries if e.desc not in special]
    theirs = listed(archive, archive.directory)
    assert [e.dump_id for e in ours] == [number for number, _ in theirs]
    for mine, (_, words) in zip(ours, theirs, strict=True):
        assert words == f"{mine.desc} {mine.namespace or '-'} {mine.tag} {mine.owner or ''}"


def test_text_in_another_encoding_stays_as_it_is() -> None:
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    contents = Toc(HEADER, (dataclasses.replace(entry(1, "TABLE", odd), definition="", drop=None),))
    data = contents.dump()
    assert b"caf\xe9" in data
    assert toc.parse(data) == contents


@pytest.mark.parametrize(
    ("at", "bytes_", "reason"),
    [
        (0, b"PGDMX", "no PostgreSQL archive"),
        (6, b"\x0d", "archive version 1.13"),
        (6, b"\x11", "archive version 1.17"),
        (8, b"\x08", "integers of 8 bytes"),
        (10, b"\x01", "archive format 1"),
        (11, b"\x09", "compression 9"),
        (12, b"\x02", "no integer"),
        (47, b"\x00\xff\xff\xff\x7f", "bytes wanted"),
        (47, b"\x01\x02\x00\x00\x00", "a text of -2 bytes"),
        (74, b"\x00\xff\xff\xff\x00", "can't be in"),
    ],
)
def test_nonsense_is_refused(at: int, bytes_: bytes, reason: str) -> None:
    data = bytearray(Toc(HEADER, (entry(1, "TABLE"),)).dump())
    data[at : at + len(bytes_)] = bytes_
    with pytest.raises(ArchiveCorrupt, match=reason):
        toc.parse(bytes(data))


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ((entry(0, "TABLE"),), "the id 0"),
        ((entry(1, "TABLE"), entry(1, "TABLE")), "same id"),
        ((dataclasses.replace(entry(1, "TABLE"), section=7),), "section 7"),
        ((entry(1, "TABLE DATA", file="../../etc/passwd"),), "no file name"),
    ],
)
def test_entries_that_cannot_be_are_refused(entries: tuple[Entry, ...], reason: str) -> None:
    with pytest.raises(ArchiveCorrupt, match=reason):
        toc.parse(Toc(HEADER, entries).dump())


def test_every_cut_is_noticed() -> None:
    data = tables(5, 6)[0].dump()
    for length in range(len(data)):
        with pytest.raises(ArchiveCorrupt):
            toc.parse(data[:length])
    with pytest.raises(ArchiveCorrupt, match="1 bytes after"):
        toc.parse(data + b"\0")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_refused_or_comes_back_as_it_was(data: st.DataObject) -> None:
    whole = bytearray(tables(5, 6, 7)[0].dump())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        contents = toc.parse(bytes(whole))
    except ArchiveCorrupt:
        return
    assert contents.dump() == bytes(whole)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_refused(tail: bytes) -> None:
    for head in (b"", b"PGDMP", Toc(HEADER, ()).dump()[:-5]):
        try:
            contents = toc.parse(head + tail)
        except ArchiveCorrupt:
            continue
        assert contents.dump() == head + tail


# Data files -------------------------------------------------------------------------------------------------


def test_data_files_are_those_of_the_archive(archive: Sample) -> None:
    contents = archive.contents
    found = toc.data_files(contents, archive.sizes, archive.lists(contents))
    names = [name for item in found for name in item.files]
    assert sorted([*names, "toc.dat", *toc.blob_lists(contents)]) == sorted(archive.sizes)
    blobs = next(item for item in found if item.files[0].startswith("blob_"))
    assert len(blobs.files) == 5
    large = next(item for item in found if item.object == "shop.zz_large")
    assert large.size_bytes == archive.sizes[archive.data("zz_large")]


def test_a_missing_file_or_list_is_told() -> None:
    contents, sizes = tables(1, 2)
    del sizes["12.dat.zst"]
    with pytest.raises(ArchiveCorrupt, match=r"12\.dat"):
        toc.data_files(contents, sizes, {})
    blobs = Toc(HEADER, (entry(4, "BLOBS", file="blobs_4.toc"),))
    with pytest.raises(ArchiveCorrupt, match=r"blobs_4\.toc"):
        toc.data_files(blobs, {}, {})


@pytest.mark.parametrize("line", [b"x blob_1.dat\n", b"1 ../passwd\n", b"1 blob_1.dat blob_2.dat\n", b"\n"])
def test_a_list_of_large_objects_that_is_none_is_refused(line: bytes) -> None:
    contents = Toc(HEADER, (entry(4, "BLOBS", file="blobs_4.toc"),))
    with pytest.raises(ArchiveCorrupt, match="line 2"):
        toc.data_files(contents, {"blob_7.dat": 1}, {"blobs_4.toc": b"7 blob_7.dat\n" + line})


def test_before_1_16_the_list_has_one_name_whatever_the_entry_says() -> None:
    old = dataclasses.replace(HEADER, version=(1, 15, 0))
    contents = Toc(old, (entry(4, "BLOBS", file="4.dat"),))
    assert toc.blob_lists(contents) == ("blobs.toc",)
    found = toc.data_files(contents, {"blob_7.dat.gz": 3}, {"blobs.toc": b"7 blob_7.dat\n"})
    assert found == (DataEntry(4, "t", ("blob_7.dat.gz",), 3),)


# Priorities -------------------------------------------------------------------------------------------------


def test_the_largest_comes_first_and_its_index_before_smaller_data() -> None:
    contents, sizes = tables(10, 3000, 200)
    got = by_priority(toc.prioritised(contents, sizes))
    # An index and its table's data have the same size: the old ids decide, but it has to wait for the data.
    assert got[:6] == [
        "TABLE DATA t1",
        "INDEX i1",
        "TABLE DATA t2",
        "INDEX i2",
        "TABLE DATA t0",
        "INDEX i0",
    ]


def test_a_foreign_key_is_as_urgent_as_the_larger_table() -> None:
    contents, sizes = tables(10, 3000, 200)
    key = entry(31, "FK CONSTRAINT", "fk", needs=(1, 3, 999))
    got = by_priority(toc.prioritised(Toc(HEADER, (*contents.entries, key)), sizes))
    assert got.index("TABLE DATA t2") < got.index("FK CONSTRAINT fk") < got.index("TABLE DATA t0")


def test_only_the_ids_of_entries_are_dealt_out_anew() -> None:
    contents, sizes = tables(10, 3000, 200)
    outside = dataclasses.replace(contents.entries[-1], dependencies=(3, 5000, 7))
    contents = Toc(HEADER, (*contents.entries[:-1], outside))
    result = toc.prioritised(contents, sizes)
    assert sorted(e.dump_id for e in result.entries) == sorted(e.dump_id for e in contents.entries)
    assert [e.tag for e in result.entries] == [e.tag for e in contents.entries]
    assert result.entries[-1].dependencies[1:] == (5000, 7)
    renamed = {a.dump_id: b.dump_id for a, b in zip(contents.entries, result.entries, strict=True)}
    for before, after in zip(contents.entries, result.entries, strict=True):
        assert after.dependencies == tuple(renamed.get(d, d) for d in before.dependencies)
        same = dataclasses.replace(after, dump_id=before.dump_id, dependencies=before.dependencies)
        assert same == before


def test_equal_sizes_keep_their_order() -> None:
    contents, sizes = tables(7, 7, 7)
    assert by_priority(toc.prioritised(contents, sizes))[:3] == [f"TABLE DATA t{n}" for n in range(3)]


def test_large_objects_are_made_as_early_as_their_list_is_long() -> None:
    contents, sizes = tables(10, 3000, 200)
    makes = entry(41, "BLOB METADATA", "1..9", file="")
    blobs = entry(42, "BLOBS", "1..9", needs=(41,), file="blobs_42.toc")
    sizes |= {"blobs_42.toc": 2, "blob_1.dat.zst": 5}
    result = toc.prioritised(Toc(HEADER, (*contents.entries, makes, blobs)), sizes)
    order = toc.opening_order(
        result, toc.data_files(result, sizes, {"blobs_42.toc": b"1 blob_1.dat\n"}), sizes, 2
    )
    assert [item.object for item in order] == ["t1", "1..9", "t2", "t0"]
    one = toc.opening_order(
        result, toc.data_files(result, sizes, {"blobs_42.toc": b"1 blob_1.dat\n"}), sizes, 1
    )
    assert [item.object for item in one] == ["t0", "t1", "t2", "1..9"]


def test_pg_restore_reads_the_new_ids(archive: Sample, tmp_path: Path) -> None:
    result = toc.prioritised(archive.contents, archive.sizes)
    (tmp_path / "toc.dat").write_bytes(result.dump())
    before, after = listed(archive, archive.directory), listed(archive, tmp_path)
    assert [words for _, words in before] == [words for _, words in after]
    assert sorted(number for number, _ in before) == sorted(number for number, _ in after)
    assert before != after


def test_pg_restore_loads_the_largest_first_and_everything(archive: Sample, tmp_path: Path) -> None:
    """Sizes that are made up, so that time plays no part: every table is as quick as the other."""
    tags = [e.tag for e in archive.contents.entries if e.desc == "TABLE DATA"]
    sizes = dict(archive.sizes)
    wanted = sorted(tags, key=lambda tag: str(tag)[::-1])
    for rank, tag in enumerate(wanted):
        sizes[archive.data(str(tag))] = 10**9 - rank * 1000
    result = toc.prioritised(archive.contents, sizes)
    lists = archive.lists(result)
    (tmp_path / "toc.dat").write_bytes(result.dump())
    for name, content in lists.items():
        (tmp_path / name).write_bytes(content)
    order = toc.opening_order(result, toc.data_files(result, sizes, lists), sizes, 2)
    first = order_of_tables(order)[0]
    first_file = next(item.files[0] for item in order if item.object == f"shop.{first}")
    first_is_read = threading.Event()

    def stored(name: str) -> Iterator[bytes]:
        # The first two are free to go, the others wait until the first is read: so its indexes are ready.
        if name != first_file and name not in {item.files[0] for item in order[:2]}:
            first_is_read.wait(60)
        yield (archive.directory / name).read_bytes()
        if name == first_file:
            first_is_read.set()

    name = archive.server.database()
    argv = restore_argv(archive.server, tmp_path, name, "-j2", "--verbose")
    with Feeder(
        tmp_path, [item.files for item in order], stored, jobs=2, memory_limit_bytes=1 << 24
    ) as feeder:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        report = feeder.finish()
    assert done.returncode == 0, done.stderr
    assert report.complete
    assert facts(archive.server, name) == archive.facts
    launched = re.findall(r"launching item \d+ (.*)", done.stderr)
    loaded = [words.removeprefix("TABLE DATA ") for words in launched if words.startswith("TABLE DATA ")]
    # Both workers come free at about the same time towards the end: which of the last few is first is luck.
    assert loaded[:4] == wanted[:4]
    assert sorted(loaded) == sorted(str(tag) for tag in wanted)
    archive.server.drop(name)


def order_of_tables(order: tuple[DataEntry, ...]) -> list[str]:
    return [item.object.removeprefix("shop.") for item in order if item.object.startswith("shop.")]


def test_a_large_tables_index_is_built_before_small_tables_are_loaded(
    source_server: Callable[[int], SourceServer], tmp_path: Path
) -> None:
    """On the newest major; the others take the same decision from the same ids."""
    server = source_server(max(MAJORS))
    many = "".join(f"CREATE TABLE t{n} AS SELECT {n} AS n;" for n in range(12))
    source = server.database(f"{many} CREATE TABLE big AS SELECT 1 AS n; CREATE INDEX big_n ON big (n);")
    dumped = tmp_path / "dumped"
    dump = [str(server.tools.program("pg_dump")), "-Fd", "-f", str(dumped), server.url(source)]
    subprocess.run(dump, check=True)
    contents = toc.parse((dumped / "toc.dat").read_bytes())
    sizes = {path.name: path.stat().st_size for path in dumped.iterdir()}
    big = next(e.filename for e in contents.entries if e.desc == "TABLE DATA" and e.tag == "big") + ".gz"
    result = toc.prioritised(contents, sizes | {big: 10**9})
    order = toc.opening_order(result, toc.data_files(result, sizes, {}), sizes, 2)
    assert order[0].files == (big,)
    (fed := tmp_path / "fed").mkdir()
    (fed / "toc.dat").write_bytes(result.dump())
    read = threading.Event()

    def stored(name: str) -> Iterator[bytes]:
        if name != big:
            read.wait(60)
        yield (dumped / name).read_bytes()
        if name == big:
            read.set()

    argv = restore_argv(server, fed, server.database(), "-j2", "--verbose")
    with Feeder(fed, [item.files for item in order], stored, jobs=2, memory_limit_bytes=1 << 24) as feeder:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert feeder.finish().complete
    launched = re.findall(r"launching item \d+ (?:TABLE DATA|INDEX) (\w+)", done.stderr)
    assert launched[0] == "big"
    # Whoever worked beside it may have loaded some; by file order and by ties all would have been first.
    assert launched.index("big_n") < len(launched) - 4, launched
