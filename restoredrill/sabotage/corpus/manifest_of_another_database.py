"""The manifest is that of another database: it tells of other tables."""

from restoredrill.model import Manifest, TableFingerprint
from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    return Planted(bench.copy(manifest=_another))


def _another(manifest: Manifest) -> Manifest:
    told = manifest.fingerprint
    objects = {**told.objects, "table": {"another.table": "0" * 16}}
    tables = (TableFingerprint(table="another.table", rows=7, digest=None),)
    other = told.model_copy(update={"objects": objects, "tables": tables})
    return manifest.model_copy(update={"fingerprint": other})


SABOTAGE = Sabotage("manifest of another database", ("TABLE_MISSING", "ROWS_MISSING"), make)
