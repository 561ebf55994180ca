"""Takes a plain dump apart while it streams: statements, rows for COPY, psql's own commands.

Not by psql: a script that somebody put into a bucket could hold `\\!`. Where a statement ends is what psql's
scanner says (src/fe_utils/psqlscan.l): not inside quotes, comments, brackets or the body of a function that
is written in SQL (BEGIN ATOMIC … END).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from restoredrill.errors import DumpUnfit

_HINT = "the dump is bad: keep another, and find out what cut it off"
_LARGEST_BYTES = 1 << 30  # of one statement: MaxAllocSize, no server takes more

_TOKEN = re.compile(
    rb"""(?P<space>\s+)
       | (?P<comment>--[^\n]*(?:\n|\Z))
       | (?P<block>/\*)
       | (?P<escaped>[eE]'(?:[^'\\]++|\\.|'')*+')
       | (?P<string>'(?:[^']++|'')*+')
       | (?P<name>"(?:[^"]++|"")*+")
       | (?P<unclosed>[eE]'|['"]|\$[\w\x80-\xff]*\Z)
       | (?P<word>[A-Za-z_\x80-\xff][\w$\x80-\xff]*)
       | (?P<dollar>\$(?P<tag>[A-Za-z_\x80-\xff][\w\x80-\xff]*|)\$)
       | (?P<meta>\\[^\n]*(?:\n|\Z))
       | (?P<open>[(\[]) | (?P<close>[)\]])
       | (?P<end>;)
       | (?P<other>[^\s'"$\\()\[\];A-Za-z_\x80-\xff/-]+|.)""",
    re.VERBOSE | re.DOTALL,
)
# What may go on behind the buffer's end, or is the beginning of something longer.
_MAY_GO_ON = frozenset({"space", "comment", "string", "escaped", "name", "word", "meta", "other", "dollar"})
_BLOCK = re.compile(rb"/\*|\*/")
_COPY_IN = re.compile(rb"\s*COPY\s.*\sFROM\s+stdin\b", re.IGNORECASE | re.DOTALL)
_ROWS_END = re.compile(rb"\n\\\.\r?(?:\n|\Z)")
_MARK = re.compile(rb"-- PostgreSQL database (cluster )?dump( complete)?\s*$")
_MAKES_ROUTINE = re.compile(rb"CREATE( OR REPLACE)? (FUNCTION|PROCEDURE)\b", re.IGNORECASE)
_KEEP_BYTES = 8  # of rows: more than the line that ends them


@dataclass(frozen=True)
class Statement:
    """One SQL statement without its semicolon. `rows`: COPY, whose rows come next and must be taken."""

    text: bytes
    rows: bool = False


@dataclass(frozen=True)
class Meta:
    """A command of psql's, such as `\\connect shop`."""

    text: bytes


class Script:
    """A stream of SQL. `next` gives one thing after another; after a `Statement` with rows come `rows`."""

    def __init__(self, chunks: Iterator[bytes], thing: str) -> None:
        self._chunks = chunks
        self._thing = thing
        self._buffer = b""
        self._at = 0
        self._ended = False
        self._begun = {b"": 0, b"cluster ": 0}
        self._done = {b"": 0, b"cluster ": 0}

    def next(self) -> Statement | Meta | None:
        """What comes next; None at the end. Raises `DumpUnfit` where the stream stops in the middle."""
        self._forget()
        start, depth, words, body = -1, 0, b"", 0
        while True:
            token = self._token()
            if token is None:
                if start >= 0:
                    raise self._cut("in the middle of a statement")
                return None
            kind, text, where = token
            if kind in ("space", "comment"):
                self._note(text)
                continue
            if kind == "meta":
                if start < 0:
                    return Meta(text.strip())
                raise self._strange("a command of psql's stands inside a statement")
            if start < 0:
                if kind == "end":
                    self._forget()
                    continue
                start = where
            depth += {"open": 1, "close": -1}.get(kind, 0)
            if kind == "word":
                words = words + b" " + text if len(words) < 64 else words
                body += _nesting(words, text, body)
            if kind == "end" and depth <= 0 and not body:
                return _statement(self._buffer[start:where])

    def rows(self) -> Iterator[bytes]:
        """Rows for COPY, until the line that ends them. Raises `DumpUnfit` if there is no such line."""
        line_end = self._buffer.find(b"\n", self._at)
        while line_end < 0 and self._more():
            line_end = self._buffer.find(b"\n", self._at)
        if line_end < 0:
            raise self._cut("before the rows of a COPY")
        self._at = line_end  # the line's end stays: the rows may be none at all
        first = True
        while True:
            end = _ROWS_END.search(self._buffer, self._at)
            if end is not None and (end[0].endswith(b"\n") or self._ended):
                yield self._buffer[self._at + first : end.start() + 1]
                self._at = end.end()
                return
            keep = len(self._buffer) - _KEEP_BYTES
            if end is None and keep > self._at + first:
                yield self._buffer[self._at + first : keep]
                self._at, first = keep, False
                self._forget()
            if not self._more() and end is None:
                raise self._cut("in the middle of a COPY")

    def finish(self) -> None:
        """All was read: raises `DumpUnfit` if a part of the dump lacks the line that closes it."""
        for what, begun in self._begun.items():
            if self._done[what] < begun:
                words = f"-- PostgreSQL database {what.decode()}dump complete"
                raise self._cut(f"before its closing line ({words})")
        if not any(self._begun.values()):
            raise self._strange("it has no line that says it is a dump")

    def peek(self, size: int) -> bytes:
        """The first bytes, before anything was taken."""
        while len(self._buffer) < size and self._more():
            pass
        return self._buffer[:size]

    # Inside -------------------------------------------------------------------------------------------------

    def _token(self) -> tuple[str, bytes, int] | None:
        """Kind, bytes and place of the next token; more is read until it is whole."""
        while True:
            match = _TOKEN.match(self._buffer, self._at)
            if match is None:
                if self._more():
                    continue
                return None
            kind, end = match.lastgroup or "other", match.end()
            if kind == "tag":
                kind = "dollar"
            if kind == "block":
                end = self._block_end(match.end())
            elif kind == "dollar":
                end = self._dollar_end(match)
            whole = end >= 0 and kind != "unclosed"
            if (whole and end < len(self._buffer)) or (whole and self._ended):
                break
            if whole and kind not in _MAY_GO_ON and kind != "block":
                break
            if not self._more(double=True) and not whole:
                raise self._cut("inside a quotation or a comment")
        where, self._at = self._at, end
        return ("comment" if kind == "block" else kind), self._buffer[where:end], where

    def _block_end(self, at: int) -> int:
        depth = 1
        for mark in _BLOCK.finditer(self._buffer, at):
            depth += 1 if mark[0] == b"/*" else -1
            if not depth:
                return mark.end()
        return -1

    def _dollar_end(self, opening: re.Match[bytes]) -> int:
        found = self._buffer.find(opening["dollar"], opening.end())
        return -1 if found < 0 else found + len(opening["dollar"])

    def _more(self, *, double: bool = False) -> bool:
        """Read on; `double`: twice of what is there, so that a long token is not begun anew too often."""
        wanted = len(self._buffer) - self._at if double else 1
        parts, have = [self._buffer], 0
        while have < wanted and not self._ended:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
                break
            parts.append(chunk)
            have += len(chunk)
        self._buffer = b"".join(parts)
        if len(self._buffer) - self._at > _LARGEST_BYTES:
            raise self._strange("a single statement of it is larger than any server takes")
        return have > 0

    def _forget(self) -> None:
        """Drop what was taken, once it is worth it."""
        if self._at > 1 << 16 or self._at == len(self._buffer):
            self._buffer, self._at = self._buffer[self._at :], 0

    def _note(self, comment: bytes) -> None:
        if match := _MARK.match(comment):
            (self._done if match[2] else self._begun)[match[1] or b""] += 1

    def _cut(self, where: str) -> DumpUnfit:
        return DumpUnfit("read", self._thing, f"it ends {where}", rule="DUMP_CUT", hint=_HINT)

    def _strange(self, why: str) -> DumpUnfit:
        return DumpUnfit("read", self._thing, why, rule="DUMP_UNKNOWN", hint="pg_dump writes no such thing")


def _statement(text: bytes) -> Statement:
    return Statement(text, _COPY_IN.match(text[:65536]) is not None)


def _nesting(words: bytes, word: bytes, body: int) -> int:
    """How a word changes the depth in a function's body (psqlscan.l: BEGIN, CASE, END in CREATE FUNCTION)."""
    upper = word.upper()
    if upper not in (b"BEGIN", b"CASE", b"END") or not _MAKES_ROUTINE.match(words.strip()):
        return 0
    if upper == b"BEGIN" or (upper == b"CASE" and body):
        return 1
    return -1 if upper == b"END" and body else 0
