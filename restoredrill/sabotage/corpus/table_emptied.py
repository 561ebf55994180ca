"""A table was emptied before the dump, which holds that faithfully."""

from restoredrill.engines.postgres.digest import in_hex
from restoredrill.model import Manifest, TableFingerprint
from restoredrill.sabotage.bench import Bench, Planted, Sabotage, packed


def make(bench: Bench) -> Planted:
    data, file = bench.tables[0]
    name = bench.told_name(data)

    def emptied(manifest: Manifest) -> Manifest:
        told = manifest.fingerprint
        nothing = TableFingerprint(table=name, rows=0, digest=in_hex(0) if told.tables[0].digest else None)
        tables = tuple(nothing if table.table == name else table for table in told.tables)
        return manifest.model_copy(update={"fingerprint": told.model_copy(update={"tables": tables})})

    return Planted(bench.copy({file: lambda body: packed([])}, manifest=emptied))


SABOTAGE = Sabotage("table emptied", ("TABLE_EMPTIED",), make)
