"""The roles are not in the backup."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    globals_ = [file.name for file in bench.manifest.files if file.name.startswith("globals.")]
    return Planted(bench.copy(without=globals_))


SABOTAGE = Sabotage("roles missing", ("ROLE_MISSING", "ARCHIVE_CORRUPT", "OBJECT_NOT_THERE"), make)
