"""The dump is of a newer server than any on the machine."""

from restoredrill.model import Manifest
from restoredrill.sabotage.bench import Bench, Planted, Sabotage


def make(bench: Bench) -> Planted:
    return Planted(bench.copy(manifest=_newer))


def _newer(manifest: Manifest) -> Manifest:
    server = manifest.server.model_copy(update={"version": "99.0", "version_num": 990000})
    return manifest.model_copy(update={"server": server})


SABOTAGE = Sabotage("of a newer server", ("TOOL_MISSING",), make)
