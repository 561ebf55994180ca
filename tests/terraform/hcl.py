"""Terraform's language, as far as names go: blocks, and what is set in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HEREDOC = re.compile(r"<<-?([A-Za-z_][A-Za-z0-9_]*)\n")
_PAIRS = {"{": "}", "[": "]", "(": ")"}


@dataclass
class Block:
    """`kind "label" {...}`. `arguments` are the texts behind `=`, by name."""

    kind: str
    labels: tuple[str, ...]
    place: str  # file:line
    arguments: dict[str, str] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)

    def within(self) -> Iterator["Block"]:
        """The block and all that is in it."""
        yield self
        for block in self.blocks:
            yield from block.within()


def blocks(path: Path) -> list[Block]:
    """The blocks of a file. Raises `ValueError` for what is no such text."""
    return parse(path.read_text(), path.name)


def parse(text: str, name: str) -> list[Block]:
    """The blocks of a text."""
    whole = Block("file", (), f"{name}:1")
    try:
        end = _Scanner(text, name).body(0, whole)
    except IndexError:
        raise ValueError(f"{name}: something does not end") from None
    if end != len(text):
        raise ValueError(f"{name}: a bracket too many")
    return whole.blocks


class _Scanner:
    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name

    def body(self, at: int, into: Block) -> int:
        """Read what is in a block, up to its bracket or the end; where that is."""
        while (at := self._blank(at)) < len(self._text) and self._text[at] != "}":
            found = _NAME.match(self._text, at)
            if found is None:
                raise ValueError(f"{self._place(at)}: {self._text[at : at + 20]!r} is no name")
            at = self._item(found[0], at, found.end(), into)
        return at

    def _item(self, name: str, start: int, at: int, into: Block) -> int:
        at = self._blank(at)
        if self._text[at] == "=":
            end = self._expression(at + 1)
            into.arguments[name] = self._text[at + 1 : end].strip()
            return end
        labels = []
        while self._text[at] == '"':
            end = self._string(at)
            labels.append(self._text[at + 1 : end - 1])
            at = self._blank(end)
        if self._text[at] != "{":
            raise ValueError(f"{self._place(at)}: neither = nor a block behind {name}")
        block = Block(name, tuple(labels), self._place(start))
        into.blocks.append(block)
        return self.body(at + 1, block) + 1

    def _expression(self, at: int) -> int:
        """Up to the end of its line, if no bracket is open there."""
        open_ones: list[str] = []
        while at < len(self._text):
            sign = self._text[at]
            if heredoc := _HEREDOC.match(self._text, at):
                at = self._heredoc(heredoc)
                continue
            if sign == "\n" and not open_ones:
                return at
            if (after := self._comment(at)) > at:
                at = after
                continue
            if sign in _PAIRS:
                open_ones.append(_PAIRS[sign])
            elif sign in _PAIRS.values():
                if not open_ones:
                    return at
                if open_ones.pop() != sign:
                    raise ValueError(f"{self._place(at)}: {sign} closes nothing")
            at = self._string(at) if sign == '"' else at + 1
        return at

    def _string(self, at: int) -> int:
        """Behind a string: what is interpolated has strings of its own."""
        at += 1
        while self._text[at] != '"':
            if self._text[at] == "\\":
                at += 2
            elif self._text.startswith(("$${", "%%{"), at):
                at += 3
            elif self._text.startswith(("${", "%{"), at):
                at = self._interpolation(at + 2)
            else:
                at += 1
        return at + 1

    def _interpolation(self, at: int) -> int:
        depth = 1
        while depth:
            depth += {"{": 1, "}": -1}.get(self._text[at], 0)
            at = self._string(at) if self._text[at] == '"' else at + 1
        return at

    def _heredoc(self, found: re.Match[str]) -> int:
        end = re.compile(rf"^\s*{found[1]}$", re.MULTILINE).search(self._text, found.end())
        if end is None:
            raise ValueError(f"{self._place(found.start())}: {found[1]} does not end")
        return end.end()

    def _blank(self, at: int) -> int:
        while at < len(self._text):
            after = self._comment(at)
            if after == at and not self._text[at].isspace():
                return at
            at = max(after, at + 1)
        return at

    def _comment(self, at: int) -> int:
        """Behind the comment that begins here; here, if none does."""
        if self._text.startswith(("#", "//"), at):
            end = self._text.find("\n", at)
            return len(self._text) if end < 0 else end
        if self._text.startswith("/*", at):
            return self._text.index("*/", at) + 2
        return at

    def _place(self, at: int) -> str:
        return f"{self._name}:{self._text.count(chr(10), 0, at) + 1}"
