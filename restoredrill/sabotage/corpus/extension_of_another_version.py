"""The source had an extension in another version."""

from restoredrill.model import Manifest
from restoredrill.sabotage.bench import Bench, NotApplicable, Planted, Sabotage


def make(bench: Bench) -> Planted:
    if not bench.manifest.fingerprint.objects.get("extension"):
        raise NotApplicable("its fingerprint names no extension")
    return Planted(bench.copy(manifest=_older))


def _older(manifest: Manifest) -> Manifest:
    told = manifest.fingerprint
    objects = {**told.objects, "extension": dict.fromkeys(told.objects["extension"], "0.0.1")}
    return manifest.model_copy(update={"fingerprint": told.model_copy(update={"objects": objects})})


SABOTAGE = Sabotage("extension of another version", ("EXTENSION_VERSION",), make)
