"""YAML 1.2 text to plain values, remembering on which line each stood."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

Path = tuple[str | int, ...]

_NODES_MAX = 20_000
_DEPTH_MAX = 30
_BRACKETS_MAX = 200

# `{url: ${NAME}}` is no YAML, since braces end a plain word in a flow mapping, but everybody writes it. The
# braces of a reference are hidden from the parser behind two private characters, so that lines and columns
# stay as they are.
_REFERENCE = re.compile(r"\$\{([^{}\s]*)\}")
_HIDDEN = ("\ue000", "\ue001")


@dataclass(frozen=True)
class Problem:
    """Something wrong on a line, counted from 1, at a path of keys and indexes (empty: the whole file)."""

    line: int
    path: Path
    reason: str


class Malformed(Exception):
    """Not usable as YAML; holds every problem found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


@dataclass(frozen=True)
class Parsed:
    """Plain values, and the line of each path."""

    data: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest one above it that is in the file."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str) -> Parsed:
    """The one document in `text`. Raises `Malformed`; its messages never quote a value from the file."""
    if any(character in text for character in _HIDDEN):
        raise Malformed(Problem(1, (), "private characters (U+E000, U+E001) are not used here"))
    if _bracket_depth(text) > _BRACKETS_MAX:  # the parser takes seconds to find that out
        raise Malformed(Problem(1, (), "is nested too deeply"))
    hidden = _REFERENCE.sub(rf"${_HIDDEN[0]}\1{_HIDDEN[1]}", text.removeprefix("\ufeff"))
    try:
        node = YAML(typ="rt", pure=True).compose(hidden)
    except (YAMLError, RecursionError, ValueError) as error:
        raise Malformed(_explain(error, hidden)) from None
    if node is None:
        raise Malformed(Problem(1, (), "is empty"))
    reader = _Reader()
    data = reader.value(node, ())
    if reader.problems:
        raise Malformed(*reader.problems)
    return Parsed(data, reader.lines)


def _explain(error: Exception, text: str) -> Problem:
    if isinstance(error, RecursionError):
        return Problem(1, (), "is nested too deeply")
    if isinstance(error, ReaderError):
        return Problem(text.count("\n", 0, error.position) + 1, (), "holds a control character")
    if not isinstance(error, MarkedYAMLError):
        return Problem(1, (), "is not YAML")
    mark = error.problem_mark or error.context_mark
    line = 1 if mark is None else mark.line + 1
    problem = str(error.problem or "")
    if "another document" in problem:
        return Problem(line, (), "holds more than one document; a file is one database")
    if isinstance(error, ComposerError):
        return Problem(line, (), "an alias (*name) has no anchor (&name); quote a text that starts with *")
    if "'\\t'" in problem:
        return Problem(line, (), "a tab; YAML is indented with spaces")
    if "mapping values are not allowed" in problem:
        return Problem(line, (), "a colon where none can be; check the indentation, or quote the text")
    return Problem(line, (), f"is not YAML: {problem}{_since(error)}")


def _since(error: MarkedYAMLError) -> str:
    context = str(error.context or "")
    start = f" that began on line {error.context_mark.line + 1}" if error.context_mark else ""
    return f" {context}{start}" if context.startswith("while ") else ""


@dataclass
class _Reader:
    """Walks the nodes once; collects lines and problems."""

    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    seen: int = 0

    def value(self, node: Node, path: Path, line: int | None = None) -> Any:
        self.lines[path] = node.start_mark.line + 1 if line is None else line
        self.seen += 1
        if self.seen > _NODES_MAX or len(path) > _DEPTH_MAX:  # an alias may hold itself, or multiply
            raise Malformed(Problem(self.lines[path], (), "is too large or nested too deeply"))
        if isinstance(node, MappingNode):
            return dict(self._pairs(node, path))
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _pairs(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self.problems.append(Problem(line, path, "a key must be a plain word"))
                continue
            name = _shown(str(key.value))
            if name in first:
                reason = f"stands here twice, first on line {first[name]}"
                self.problems.append(Problem(line, (*path, name), reason))
                continue
            first[name] = line
            yield name, self.value(value, (*path, name), line)

    def _scalar(self, node: Node, path: Path) -> Any:
        text = _shown(str(node.value))
        kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
        if kind in ("str", "timestamp"):
            return text
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        read = _NUMBERS.get(kind)
        try:
            if read is not None:
                return read(text)
        except ValueError:
            pass  # .inf and the like
        tag = kind.startswith("!")
        reason = "tags (!name) are not used here" if tag else "is neither text, number, true, false nor null"
        self.problems.append(Problem(self.lines[path], path, reason))
        return None


def _whole(text: str) -> int:
    """An integer of YAML's core schema: decimal (leading zeros and all), 0o octal, 0x hexadecimal."""
    base = {"0o": 8, "0x": 16}.get(text[:2].lower(), 10)
    return int(text, base)


_NUMBERS: Mapping[str, Callable[[str], float]] = {"int": _whole, "float": float}


def _bracket_depth(text: str) -> int:
    """How deep brackets and braces go, whatever they are part of."""
    steps = ({"[": 1, "{": 1, "]": -1, "}": -1}.get(character, 0) for character in text)
    return max(accumulate(steps), default=0)


def _shown(text: str) -> str:
    return text.replace(_HIDDEN[0], "{").replace(_HIDDEN[1], "}")
