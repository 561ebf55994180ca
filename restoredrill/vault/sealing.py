"""Encryption by age (https://age-encryption.org/v1) towards X25519 recipients, streamed.

A host that knows public keys only can write backups and not read them. What is sealed here opens with the
`age` tool.
"""

import queue
import re
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol

import pyrage
from pyrage import x25519

from restoredrill.errors import KeyMissing, KeyWrong, ObjectCorrupt, UsageError

# What is handed to the cipher at once: bounds what it puts out before we pass it on.
_SLICE_BYTES = 1024 * 1024
_SECRET = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]+", re.IGNORECASE)
_HINT_KEYGEN = "make a pair with `age-keygen`; backup.encrypt_to takes the public key, age1…"


class AgeSealer:
    """A `Sealer` towards several keys, any one of which opens; with none, bytes go through as they are."""

    def __init__(self, recipients: Sequence[str] = ()) -> None:
        """Raises `UsageError` for what is no public key."""
        self._keys = tuple(dict.fromkeys(_recipient(text) for text in recipients))
        self._recipients = [x25519.Recipient.from_str(key) for key in self._keys]

    @property
    def recipients(self) -> tuple[str, ...]:
        """See `Sealer.recipients`."""
        return self._keys

    @property
    def suffix(self) -> str:
        """See `Sealer.suffix`."""
        return ".age" if self._keys else ""

    def seal(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """See `Sealer.seal`."""
        if not self._keys:
            return chunks
        return _piped(chunks, lambda source, sink: pyrage.encrypt_io(source, sink, self._recipients))


class AgeUnsealer:
    """An `Unsealer` with one or more private keys."""

    def __init__(self, identities: str) -> None:
        """`identities` is the text of an identity file: private keys a line each, comments, blank lines.

        Raises `KeyMissing` if there is none in it, `UsageError` for a line that is something else. No message
        ever holds a key.
        """
        self._identities = [_identity(number, line) for number, line in _key_lines(identities)]
        if not self._identities:
            raise KeyMissing("read", "the private key", "no key in it", hint="it is a line AGE-SECRET-KEY-1…")

    @property
    def recipients(self) -> tuple[str, ...]:
        """The public keys that belong to the private ones."""
        return tuple(str(identity.to_public()) for identity in self._identities)

    def open(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """See `Unsealer.open`. Each 64 KiB comes out only once it is known to be genuine."""
        try:
            yield from _piped(chunks, lambda source, sink: pyrage.decrypt_io(source, sink, self._identities))
        except pyrage.DecryptError as error:
            raise _refusal(str(error)) from error
        except _CipherFailed as error:
            raise _corrupt(str(error)) from error


def require_fitting_key(recipients: Sequence[str], unsealer: AgeUnsealer | None) -> None:
    """Can the keys at hand open what was sealed to `recipients`? Raises `KeyMissing`, `KeyWrong`."""
    if not recipients:
        return
    wanted = ", ".join(recipients)
    if unsealer is None:
        raise KeyMissing("open", "the backup", f"it is encrypted to {wanted}", hint="set drill.decrypt_with")
    if not set(recipients) & set(unsealer.recipients):
        have = ", ".join(unsealer.recipients)
        raise KeyWrong("open", "the backup", f"it is encrypted to {wanted}; the keys given are for {have}")


# Keys as text -----------------------------------------------------------------------------------------------


def _recipient(text: str) -> str:
    if _SECRET.search(text):
        raise UsageError("use", "a recipient", "that is a private key", hint=_HINT_KEYGEN)
    try:
        return str(x25519.Recipient.from_str(text.strip().lower()))
    except pyrage.RecipientError as error:
        shown = text if len(text) <= 80 else f"{text[:77]}…"
        raise UsageError("use", f"recipient {shown!r}", "not an age public key", hint=_HINT_KEYGEN) from error


def _key_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _identity(number: int, line: str) -> x25519.Identity:
    try:
        return x25519.Identity.from_str(line.upper())
    except pyrage.IdentityError:
        # Not chained: nothing of the line may get into a traceback.
        hint = (
            "only lines AGE-SECRET-KEY-1… and comments; a file with a passphrase is opened first: age -d FILE"
        )
        raise UsageError("read", "the private key", f"line {number} is no age key", hint=hint) from None


# age's refusals ---------------------------------------------------------------------------------------------


def _refusal(said: str) -> KeyWrong | ObjectCorrupt:
    if said.startswith("No matching keys"):
        return KeyWrong("decrypt", "the stream", "none of the keys given opens it")
    return _corrupt(said.splitlines()[0].lower())


def _corrupt(said: str) -> ObjectCorrupt:
    return ObjectCorrupt("decrypt", "the stream", f"it was changed or cut: {said}")


# From file objects to generators ----------------------------------------------------------------------------


class _Source(Protocol):
    def read(self, size: int = -1) -> bytes: ...


class _Sink(Protocol):
    def write(self, data: bytes) -> int: ...

    def flush(self) -> None: ...


class _CipherFailed(Exception):
    """The cipher gave up with an error of the system's kind."""


class _Stopped(Exception):
    """Nobody wants the rest."""


class _Pipe:
    """The two ends that the cipher's thread sees. It and the generator take turns: never do both run.

    So the source is only ever read in the consumer's own thread, memory is bounded by one slice, and a
    consumer that stops early leaves no thread behind.
    """

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue[BaseException | str] = queue.SimpleQueue()
        self.given: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.out: list[bytes] = []
        self._rest = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self.asked.put("more")
            chunk = self.given.get()
            if chunk is None:
                raise _Stopped
            self._rest = memoryview(chunk)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)

    def write(self, data: bytes) -> int:
        self.out.append(data)
        return len(data)

    def flush(self) -> None:
        pass

    def run(self, cipher: Callable[[_Source, _Sink], None]) -> None:
        try:
            cipher(self, self)
            self.asked.put("done")
        except BaseException as error:  # handed over, raised in the consumer's thread
            self.asked.put(error)


def _piped(chunks: Iterator[bytes], cipher: Callable[[_Source, _Sink], None]) -> Iterator[bytes]:
    """Run a cipher that wants file objects over a stream, lazily."""
    pipe = _Pipe()
    worker = threading.Thread(target=pipe.run, args=(cipher,), name="age", daemon=True)
    slices = _slices(chunks)
    worker.start()
    try:
        while (asked := pipe.asked.get()) == "more":
            yield from pipe.out
            pipe.out.clear()
            pipe.given.put(next(slices, b""))
        if isinstance(asked, OSError):
            raise _CipherFailed(str(asked)) from asked
        if isinstance(asked, BaseException):
            raise asked
        yield from pipe.out
    finally:
        pipe.given.put(None)
        worker.join()
        if isinstance(chunks, Generator):
            chunks.close()


def _slices(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at most 1 MiB, none of them empty."""
    for chunk in chunks:
        for start in range(0, len(chunk), _SLICE_BYTES):
            yield chunk[start : start + _SLICE_BYTES]
