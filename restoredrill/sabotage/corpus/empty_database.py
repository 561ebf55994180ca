"""A database without anything in it was dumped, faithfully."""

from restoredrill.engines.postgres.tocfile import Toc, parse
from restoredrill.model import Manifest
from restoredrill.sabotage.bench import TOC, Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    files = [file.name for file in bench.manifest.files if ".dat" in file.name and file.name != TOC]
    return Planted(bench.copy({TOC: _emptied}, without=files, manifest=_nothing))


def _emptied(body: bytes) -> bytes:
    toc = parse(body)
    kept = ("ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE")
    return Toc(toc.header, tuple(entry for entry in toc.entries if entry.desc in kept)).dump()


def _nothing(manifest: Manifest) -> Manifest:
    told = manifest.fingerprint
    objects = {kind: (there if kind == "database" else {}) for kind, there in told.objects.items()}
    emptied = told.model_copy(update={"objects": objects, "tables": (), "sequences": {}})
    return manifest.model_copy(update={"fingerprint": emptied})


SABOTAGE = Sabotage("empty database", ("DATABASE_EMPTY",), make)
