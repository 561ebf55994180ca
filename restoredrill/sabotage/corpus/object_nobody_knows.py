"""The backup has one more object, which nothing refers to."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, packed


def make(bench: Bench) -> Planted:
    return Planted(bench.copy(more={"99999.dat.zst": packed([b"x"])}))


SABOTAGE = Sabotage("object nobody knows", ("FILE_EXTRA", "ARCHIVE_CORRUPT"), make)
