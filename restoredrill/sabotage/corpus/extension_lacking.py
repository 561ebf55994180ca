"""The database needs an extension that no machine has."""

from dataclasses import replace

from restoredrill.engines.postgres.tocfile import SECTION_PRE_DATA, Toc, parse
from restoredrill.model import Extension, Manifest
from restoredrill.sabotage.bench import TOC, Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    return Planted(bench.copy({TOC: _needing}, manifest=_needed))


_NAME = "restoredrill_no_such_extension"


def _needing(body: bytes) -> bytes:
    toc = parse(body)
    number = max(entry.dump_id for entry in toc.entries) + 1
    create = f"CREATE EXTENSION IF NOT EXISTS {_NAME} WITH SCHEMA public;\n"
    like = next(entry for entry in toc.entries if entry.desc == "ENCODING")
    extension = replace(
        like,
        dump_id=number,
        tag=_NAME,
        desc="EXTENSION",
        section=SECTION_PRE_DATA,
        definition=create,
        drop=f"DROP EXTENSION {_NAME};\n",
        dependencies=(),
    )
    return Toc(toc.header, (*toc.entries, extension)).dump()


def _needed(manifest: Manifest) -> Manifest:
    more = Extension(name=_NAME, version="1.0", schema_name="public")
    server = manifest.server.model_copy(update={"extensions": (*manifest.server.extensions, more)})
    return manifest.model_copy(update={"server": server})


SABOTAGE = Sabotage("extension lacking", ("EXTENSION_MISSING",), make)
