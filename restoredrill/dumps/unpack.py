"""Out of what a dump is packed in and sealed with, layer by layer, streamed; what is cut off is told.

The layers are known by their first bytes and not by a name. Every one has to come to its own end.
"""

import bz2
import importlib
import itertools
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import zstandard

from restoredrill.errors import DumpUnfit, KeyMissing, ObjectCorrupt, ToolMissing
from restoredrill.protocols import Unsealer

_LAYERS_AT_MOST = 5
_MAGIC_BYTES = 34
_SLICE_BYTES = 256 * 1024  # packed bytes that are unfolded at once
_HINT = "the dump is bad: keep another, and find out what cut or changed it"

AGE, GZIP, ZSTD, LZ4, BZIP2, XZ = "age", "gzip", "zstd", "lz4", "bzip2", "xz"

_MAGIC = (
    (AGE, b"age-encryption.org/v1"),
    (AGE, b"-----BEGIN AGE ENCRYPTED FILE-----"),
    (GZIP, b"\x1f\x8b"),
    (ZSTD, b"\x28\xb5\x2f\xfd"),
    (LZ4, b"\x04\x22\x4d\x18"),
    (BZIP2, b"BZh"),
    (XZ, b"\xfd7zXZ\x00"),
)


class _Frame(Protocol):
    """One stream of a packer, as the standard library's decompressors are."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def layer(beginning: bytes) -> str:
    """What the bytes are packed in or sealed with; empty: nothing that is known here."""
    return next((name for name, magic in _MAGIC if beginning.startswith(magic)), "")


def unpacked(chunks: Iterator[bytes], unsealer: Unsealer | None, thing: str) -> Iterator[bytes]:
    """The plain bytes, whatever they are packed in. `thing` is what errors call it.

    Raises `DumpUnfit` where a layer is cut off or changed, `KeyMissing`, `KeyWrong`, `ToolMissing`.
    """
    for _ in range(_LAYERS_AT_MOST):
        beginning, chunks = peeked(chunks, _MAGIC_BYTES)
        found = layer(beginning)
        if not found:
            break
        chunks = opened(chunks, unsealer, thing) if found == AGE else _unfolded(chunks, found, thing)
    yield from chunks


def layers(
    chunks: Iterator[bytes], unsealer: Unsealer | None, thing: str, most: int
) -> tuple[str, bytes, str]:
    """(layers from outside in, joined by +; the first `most` plain bytes; why no more came) of a beginning.

    That it ends early is no news. Raises `KeyMissing`, `KeyWrong`, `ToolMissing`.
    """
    names: list[str] = []
    out, why = bytearray(), ""
    try:
        for _ in range(_LAYERS_AT_MOST):
            beginning, chunks = peeked(chunks, _MAGIC_BYTES)
            found = layer(beginning)
            if not found:
                break
            names.append(found)
            chunks = opened(chunks, unsealer, thing) if found == AGE else _unfolded(chunks, found, thing)
        for chunk in chunks:
            out += chunk
            if len(out) >= most:
                break
    except DumpUnfit as error:
        why = error.reason
    return "+".join(names), bytes(out[:most]), why


def peeked(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """The first `size` bytes, fewer where there are no more, and all the bytes again."""
    taken: list[bytes] = []
    have = 0
    for chunk in chunks:
        taken.append(chunk)
        have += len(chunk)
        if have >= size:
            break
    beginning = b"".join(taken)
    return beginning[:size], itertools.chain((beginning,) if beginning else (), chunks)


# Layers -----------------------------------------------------------------------------------------------------


def opened(chunks: Iterator[bytes], unsealer: Unsealer | None, thing: str) -> Iterator[bytes]:
    """Unsealed and nothing more. Raises `KeyMissing`, `KeyWrong`, `DumpUnfit` where it was cut or changed."""
    if unsealer is None:
        raise KeyMissing("open", thing, "it is encrypted with age", hint="set drill.decrypt_with")
    try:
        yield from unsealer.open(chunks)
    except ObjectCorrupt as error:
        raise DumpUnfit("open", thing, error.reason, rule="DUMP_DAMAGED", hint=_HINT) from error


def _gzip() -> _Frame:
    return zlib.decompressobj(wbits=31)


def _zstd() -> _Frame:
    # 2 GB: what `zstd --long=31` wrote must open; the window is taken only where the frame asks for it.
    frame: _Frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
    return frame


def _lz4() -> _Frame:
    try:
        module = importlib.import_module("lz4.frame")
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[lz4]'"
        raise ToolMissing("import", "lz4", "it is not installed", hint=hint) from error
    frame: _Frame = module.LZ4FrameDecompressor()
    return frame


_FRAMES: dict[str, Callable[[], Any]] = {
    GZIP: _gzip,
    ZSTD: _zstd,
    LZ4: _lz4,
    BZIP2: bz2.BZ2Decompressor,
    XZ: lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ),
}
_BROKEN = (zlib.error, zstandard.ZstdError, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError)


def _unfolded(chunks: Iterator[bytes], name: str, thing: str) -> Iterator[bytes]:
    """One frame after another. Zeros behind the last are what tapes and xz fill up with."""
    frame: _Frame | None = None
    for chunk in _sliced(chunks):
        rest = chunk
        while rest:
            if frame is None:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                frame = _FRAMES[name]()
            try:
                out = frame.decompress(rest)
            except _BROKEN as error:
                reason = f"it can't be unpacked as {name}: {str(error).lower()}"
                raise DumpUnfit("unpack", thing, reason, rule="DUMP_DAMAGED", hint=_HINT) from error
            if out:
                yield out
            rest = frame.unused_data or b"" if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise DumpUnfit("unpack", thing, f"its {name} stream is cut off", rule="DUMP_CUT", hint=_HINT)


def _sliced(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _SLICE_BYTES):
            yield chunk[start : start + _SLICE_BYTES]
