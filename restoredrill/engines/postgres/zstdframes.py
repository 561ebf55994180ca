"""Is a zstd stream whole? Found out from its block headers, without decompressing anything.

Needed because pg_restore 16 to 18 does not ask: it takes a stream that just ends for complete. The format is
RFC 8878, section 3.
"""

from collections.abc import Callable, Iterator

from restoredrill.errors import ObjectCorrupt

_MAGIC = 0xFD2FB528
_SKIPPABLE = 0x184D2A50  # and the 15 above it
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_RLE, _RESERVED = 1, 3  # kinds of blocks: one byte many times; none


class Walker:
    """Follows a stream that comes in pieces of any size; some 0.3 ms a megabyte."""

    def __init__(self) -> None:
        self._skip = 0  # bytes of content until the next header
        self._head = bytearray()  # of the header that is being read
        self._wanted = 4
        self._step: Callable[[int], None] = self._magic
        self._between = True  # frames
        self._checksum = False

    @property
    def whole(self) -> bool:
        """Does a frame end here, or has none begun?"""
        return self._between and not self._skip and not self._head

    def feed(self, data: bytes) -> None:
        """Follow `data`. Raises `ValueError` for what is no zstd."""
        at = 0
        while at < len(data):
            if self._skip:
                passed = min(self._skip, len(data) - at)
                self._skip -= passed
            else:
                passed = min(self._wanted - len(self._head), len(data) - at)
                self._head += data[at : at + passed]
                if len(self._head) == self._wanted:
                    head = int.from_bytes(self._head, "little")
                    self._head.clear()
                    self._step(head)
            at += passed

    def _magic(self, head: int) -> None:
        self._between = False
        if head == _MAGIC:
            self._step, self._wanted = self._descriptor, 1
        elif head & ~0xF == _SKIPPABLE:
            self._step, self._wanted = self._skippable, 4
        else:
            raise ValueError("no zstd frame begins here")

    def _skippable(self, head: int) -> None:
        self._end_frame(head)

    def _descriptor(self, head: int) -> None:
        single_segment = head >> 5 & 1
        self._checksum = bool(head >> 2 & 1)
        content_size = _CONTENT_SIZE_BYTES[head >> 6] or single_segment
        self._skip = 1 - single_segment + _DICTIONARY_ID_BYTES[head & 3] + content_size
        self._step, self._wanted = self._block, 3

    def _block(self, head: int) -> None:
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        if kind == _RESERVED:
            raise ValueError("a block is of no known kind")
        self._skip = 1 if kind == _RLE else size
        if last:
            self._end_frame(self._skip + (4 if self._checksum else 0))

    def _end_frame(self, skip: int) -> None:
        """The frame ends after `skip` more bytes."""
        self._skip, self._between = skip, True
        self._step, self._wanted = self._magic, 4


def checked(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """`chunks` as they are. Raises `ObjectCorrupt` at the end if `name` is that of a zstd file and they are
    no whole one. (A large object without content is stored as no bytes at all.)
    """
    walker = Walker() if name.endswith(".zst") else None
    try:
        for chunk in chunks:
            if walker is not None:
                _follow(name, walker, chunk)
            yield chunk
        if walker is not None and not walker.whole:
            raise _corrupt(name, "the zstd stream is cut off")
    finally:
        if (close := getattr(chunks, "close", None)) is not None:
            close()


def _follow(name: str, walker: Walker, chunk: bytes) -> None:
    try:
        walker.feed(chunk)
    except ValueError as error:
        raise _corrupt(name, str(error)) from error


def _corrupt(name: str, reason: str) -> ObjectCorrupt:
    return ObjectCorrupt("read", name, reason, hint="the backup is bad: it was damaged before it was stored")
