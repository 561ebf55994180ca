"""What a Python file imports and uses, read without running it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "restoredrill"


@dataclass(frozen=True)
class Use:
    """A dotted name that a file imports or reads, and the line."""

    name: str
    line: int


def modules(root: Path) -> Iterator[Path]:
    """Every Python file of the package below `root`, in a fixed order."""
    return (path for path in sorted((root / PACKAGE).rglob("*.py")) if "__pycache__" not in path.parts)


def module_name(root: Path, path: Path) -> str:
    """`restoredrill.vault.s3` for its file; a package's name for its `__init__.py`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(root: Path, path: Path) -> Iterator[Use]:
    """What a file imports, wherever in it: a module where there is such a file, else the name in it."""
    package = module_name(root, path if path.name == "__init__.py" else path.parent / "__init__.py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (Use(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, package)
            yield from (Use(f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def used(root: Path, path: Path) -> Iterator[Use]:
    """What a file imports, and each attribute of it that it reads: `time.sleep`, `datetime.datetime.now`."""
    yield from imported(root, path)
    tree = ast.parse(path.read_text())
    origins = _origins(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (dotted := _dotted(node)):
            first, rest = dotted.split(".", 1)
            if first in origins:
                yield Use(f"{origins[first]}.{rest}", node.lineno)


def within(name: str, owner: str) -> bool:
    """Whether dotted `name` is `owner` or something in it."""
    return name == owner or name.startswith(f"{owner}.")


def _origins(tree: ast.Module) -> dict[str, str]:
    """The dotted name behind each name that an import binds."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                bound[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and not node.level:
            bound |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return bound


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return None


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - (node.level - 1)]
    return ".".join([*above, *([node.module] if node.module else [])])
