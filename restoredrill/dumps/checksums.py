"""Checksums that somebody put beside a dump: which are there, and what they promise. Pure but for reading."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from restoredrill.protocols import Entry

LARGEST_BYTES = 1 << 20  # of a file of checksums; one of 10,000 dumps is 1 MB

_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_LINE = re.compile(r"\\?([0-9a-fA-F]{32,128})(?:[ \t]+[*]?(.*))?$")
_BSD = re.compile(r"\w+ \((.*)\) ?= ?([0-9a-fA-F]{32,128})$")
_SUFFIX = re.compile(r"\.(md5|sha1|sha256|sha512)(sum)?(\.txt)?$", re.I)


@dataclass(frozen=True)
class Promise:
    """What a checksum says that a dump's stored bytes have."""

    algorithm: str
    digest: str
    where: str  # the key of the file that says so


def beside(key: str, entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """The keys of files that may hold the checksum of `key`: `shop.dump.sha256`, and lists in its folder."""
    folder, _, name = key.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    stem = name.split(".")[0]
    own = [k for k in entries if k.startswith(f"{prefix}{stem}") and _SUFFIX.search(k)]
    fitting = [k for k in own if _SUFFIX.sub("", k) in (key, f"{prefix}{stem}", key.rpartition(".")[0])]
    lists = [
        f"{prefix}{list_}{end}"
        for list_ in ("SHA256SUMS", "SHA256SUM", "SHA512SUMS", "SHA1SUMS", "MD5SUMS", "MD5SUM")
        for end in ("", ".txt")
    ]
    return (*fitting, *(one for one in lists if one in entries))


def promises(key: str, where: str, text: str) -> Iterable[Promise]:
    """What a file of checksums at `where` says of `key`: in its own file a name is not needed."""
    name = key.rpartition("/")[2]
    own = _SUFFIX.search(where) is not None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if bsd := _BSD.match(line):
            said, digest = bsd[1], bsd[2]
        elif plain := _LINE.match(line):
            said, digest = plain[2] or "", plain[1]
        else:
            continue
        algorithm = _ALGORITHMS.get(len(digest))
        fits = said.rpartition("/")[2] == name or (own and len(lines) == 1)
        if algorithm and fits:
            yield Promise(algorithm, digest.lower(), where)
