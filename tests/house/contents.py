"""What must not be in the repository, what its locks must hold, and how long its code may get."""

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.house.source import PACKAGE, modules

TOP_LEVEL = frozenset(
    {"pyproject.toml", "Makefile", "README.md", "LICENSE", "CHANGELOG.md"}
    | {"restoredrill", "schedules", "tests", "terraform"}
)

# Written so that this file does not match itself.
FOREIGN = {
    "path of a machine": re.compile(r"/w[o]rk/|/r[o]ot/|/f[a]rm/|/o[p]t/(wheels|pypi)|/Use[r]s/\w"),
    "address of a package index": re.compile(
        r"index-u[r]l|find-l[i]nks|https?://\S+/sim[p]le\b|pyt[h]onhosted\.org|\"resol[v]ed\": *\"http"
    ),
    "private key": re.compile(r"AGE-SECRET-K[E]Y-1[0-9A-Z]{20}|-----BEGIN [A-Z ]*PRIVATE K[E]Y"),
}

FUNCTION_LINES = 40
MODULE_LINES = 400


def tracked(root: Path) -> list[str]:
    """The files that git knows, relative to `root`; none of those that were deleted and not yet committed."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


def strangers(names: Sequence[str]) -> Iterator[str]:
    """Names at the top level that DESIGN section 4 does not have."""
    tops = {name.split("/")[0] for name in names}
    return (top for top in sorted(tops) if not top.startswith(".") and top not in TOP_LEVEL)


def foreign(root: Path, names: Sequence[str]) -> Iterator[str]:
    """Lines that hold what belongs to a machine or a person, as `file:line: what`."""
    for name in names:
        for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1):
            yield from (
                f"{name}:{number}: {what}" for what, pattern in FOREIGN.items() if pattern.search(line)
            )


def unlocked(lock: str) -> Iterator[str]:
    """Lines of a lock file that are no pinned and hashed requirement."""
    for requirement in lock.replace("\\\n", " ").splitlines():
        pin, _, hashes = requirement.partition(" --hash=")
        pinned = re.fullmatch(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[0-9][0-9a-z.]*( ; .+)?", pin.strip())
        hashed = re.fullmatch(r"sha256:[0-9a-f]{64}(\s+--hash=sha256:[0-9a-f]{64})*", hashes.strip())
        if not (pinned and hashed):
            yield requirement.strip()[:80]


def without_docstring(root: Path, names: Sequence[str]) -> Iterator[str]:
    """Python files that hold something and do not say what it is for."""
    for name in names:
        if name.endswith(".py"):
            tree = ast.parse((root / name).read_text())
            if tree.body and not ast.get_docstring(tree):
                yield name


def too_long(root: Path, explained: Mapping[str, str]) -> Iterator[str]:
    """Modules and functions of the package over the limits; and explanations that are no longer needed."""
    found = dict(_too_long(root))
    yield from (message for place, message in found.items() if place not in explained)
    yield from (f"{place}: fits again; remove its explanation" for place in explained if place not in found)


def patching(source: str) -> Iterator[str]:
    """Where a test replaces a part of what it tests, as `line: how`."""
    tree = ast.parse(source)
    ours = set(_names_bound_to_us(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if any(it.name.split(".")[0] == "mock" for it in names):
                yield f"{node.lineno}: imports mock"
            case ast.Import(names=names) if any(it.name.startswith("unittest.mock") for it in names):
                yield f"{node.lineno}: imports mock"
            case ast.ImportFrom(module="unittest.mock" | "mock"):
                yield f"{node.lineno}: imports mock"
            case ast.ImportFrom(module="unittest", names=names) if any(it.name == "mock" for it in names):
                yield f"{node.lineno}: imports mock"
            case ast.arg(arg="mocker"):
                yield f"{node.lineno}: asks for mocker"
            case ast.Attribute(attr="setattr" | "delattr", value=ast.Name(id="monkeypatch")):
                yield f"{node.lineno}: monkeypatch.{node.attr}"
            case ast.Assign(targets=targets) if any(_root(target) in ours for target in targets):
                yield f"{node.lineno}: assigns into {PACKAGE}"


def _too_long(root: Path) -> Iterator[tuple[str, str]]:
    for path in modules(root):
        text, name = path.read_text(), path.relative_to(root).as_posix()
        if (count := len(text.splitlines())) > MODULE_LINES:
            yield name, f"{name}: {count} lines, over {MODULE_LINES}; split it or explain it in LONG"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = (node.end_lineno or node.lineno) - node.lineno + 1
                if count > FUNCTION_LINES:
                    place = f"{name}:{node.name}"
                    yield (
                        place,
                        f"{place}: {count} lines, over {FUNCTION_LINES}; split it or explain it in LONG",
                    )


def _names_bound_to_us(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                origin = (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
                if origin.split(".")[0] == PACKAGE:
                    yield alias.asname or alias.name.split(".")[0]


def _root(target: ast.expr) -> str | None:
    """The name before the first dot of `a.b.c`; nothing for a plain name, which only binds anew."""
    if not isinstance(target, ast.Attribute):
        return None
    value = target.value
    while isinstance(value, ast.Attribute):
        value = value.value
    return value.id if isinstance(value, ast.Name) else None
