"""Large objects are not in the dump."""

from restoredrill.sabotage.bench import Bench, NotApplicable, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    gone = [entry for entry in bench.toc.entries if entry.desc in ("BLOB", "BLOBS", "BLOB METADATA")]
    if not gone:
        raise NotApplicable("it has no large object")
    files = [file.name for file in bench.manifest.files if file.name.startswith(("blob_", "blobs"))]
    return Planted(bench.copy_with(without(gone), without=files))


SABOTAGE = Sabotage("large objects missing", ("ROWS_MISSING", "OBJECT_MISSING"), make)
