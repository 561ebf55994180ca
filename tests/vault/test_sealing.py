"""Encryption: what is sealed opens elsewhere, what was touched does not open, and nothing leaks."""

import threading
from collections.abc import Iterator

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrage import x25519

from restoredrill.errors import KeyMissing, KeyWrong, ObjectCorrupt, RestoredrillError, UsageError
from restoredrill.vault.sealing import AgeSealer, AgeUnsealer, require_fitting_key

ONE, TWO, OTHER = (x25519.Identity.generate() for _ in range(3))
BLOCK = 64 * 1024  # what age authenticates at once


def public(*identities: x25519.Identity) -> list[str]:
    """Their public keys as text."""
    return [str(identity.to_public()) for identity in identities]


def sealed(data: bytes, *identities: x25519.Identity, piece_bytes: int = 10_000) -> bytes:
    """`data`, sealed by us."""
    pieces = (data[i : i + piece_bytes] for i in range(0, len(data), piece_bytes))
    return b"".join(AgeSealer(public(*identities)).seal(pieces))


def opened(data: bytes, *identities: x25519.Identity, piece_bytes: int = 10_000) -> bytes:
    """`data`, opened by us."""
    pieces = (data[i : i + piece_bytes] for i in range(0, len(data), piece_bytes))
    return b"".join(AgeUnsealer("\n".join(map(str, identities))).open(pieces))


def age_threads() -> list[threading.Thread]:
    """Threads of ours that still run."""
    return [thread for thread in threading.enumerate() if thread.name == "age"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.binary(max_size=3000), max_size=8),
    st.integers(1, 200_000),
    st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK]),
)
def test_what_is_sealed_opens_again(chunks: list[bytes], piece_bytes: int, more_bytes: int) -> None:
    chunks = [*chunks, b"m" * more_bytes]
    closed = b"".join(AgeSealer(public(ONE)).seal(iter(chunks)))
    assert opened(closed, ONE, piece_bytes=piece_bytes) == b"".join(chunks)


def test_what_is_sealed_opens_with_age_itself() -> None:
    data = bytes(range(256)) * 2000
    assert pyrage.decrypt(sealed(data, ONE), [ONE]) == data
    assert opened(pyrage.encrypt(data, [ONE.to_public()]), ONE) == data
    assert pyrage.decrypt(sealed(b"", ONE), [ONE]) == b""


def test_a_large_chunk_is_sealed_slice_by_slice() -> None:
    data = b"z" * (5 * 1024 * 1024 + 3)
    out = list(AgeSealer(public(ONE)).seal(iter([data])))
    assert max(map(len, out)) <= 2 * BLOCK
    assert pyrage.decrypt(b"".join(out), [ONE]) == data


def test_any_one_of_several_keys_opens() -> None:
    closed = sealed(b"secret", ONE, TWO)
    assert opened(closed, ONE) == opened(closed, TWO) == opened(closed, OTHER, TWO) == b"secret"
    sealer = AgeSealer([*public(ONE, TWO), *public(ONE)])
    assert sealer.recipients == tuple(public(ONE, TWO))
    assert sealer.suffix == ".age"


def test_without_keys_bytes_go_through() -> None:
    sealer = AgeSealer()
    assert (sealer.recipients, sealer.suffix) == ((), "")
    assert list(sealer.seal(iter([b"a", b"b"]))) == [b"a", b"b"]


def test_a_wrong_key_is_wrong_before_the_first_chunk() -> None:
    closed = sealed(b"secret" * 100_000, ONE)
    stream = AgeUnsealer(str(TWO)).open(iter([closed]))
    with pytest.raises(KeyWrong):
        next(stream)
    assert age_threads() == []


def test_what_was_cut_or_lengthened_is_corrupt() -> None:
    data = b"d" * (3 * BLOCK + 100)
    closed = sealed(data, ONE)
    header = closed.index(b"\n---") + 4 + 44 + 16
    edges = [header + n * (BLOCK + 16) + d for n in range(4) for d in (-1, 0, 1)]
    for cut in [*range(0, header, 29), *edges, len(closed) - 1]:
        got: list[bytes] = []
        with pytest.raises(ObjectCorrupt):
            got.extend(AgeUnsealer(str(ONE)).open(iter([closed[:cut]])))
        assert data.startswith(b"".join(got))
        assert b"".join(got) != data
    for more in (b"x", closed, b"x" * (BLOCK + 16)):
        with pytest.raises(ObjectCorrupt):
            opened(closed + more, ONE)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, BLOCK + 400), st.integers(0, 7))
def test_a_flipped_bit_never_opens(place: int, bit: int) -> None:
    data = b"q" * (BLOCK + 20)
    closed = bytearray(CLOSED)
    closed[place % len(closed)] ^= 1 << bit
    got: list[bytes] = []
    with pytest.raises((ObjectCorrupt, KeyWrong)):
        got.extend(AgeUnsealer(str(ONE)).open(iter([bytes(closed)])))
    assert b"".join(got) in (b"", data[:BLOCK])


CLOSED = sealed(b"q" * (BLOCK + 20), ONE)


def test_sealing_reads_little_ahead_and_in_the_callers_thread() -> None:
    """Promise 7."""
    read_bytes = 0

    def source() -> Iterator[bytes]:
        nonlocal read_bytes
        for _ in range(400):
            assert threading.current_thread() is threading.main_thread()
            read_bytes += 50_000
            yield b"x" * 50_000

    out_bytes = 0
    for chunk in AgeSealer(public(ONE)).seal(source()):
        out_bytes += len(chunk)
        assert read_bytes - out_bytes < 1024 * 1024
    assert out_bytes > 20_000_000


def test_a_consumer_that_stops_leaves_no_thread() -> None:
    closed_source = threading.Event()

    def source() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            closed_source.set()

    stream = AgeSealer(public(ONE)).seal(source())
    next(stream)
    next(stream)
    assert len(age_threads()) == 1
    stream.close()  # type: ignore[attr-defined]
    assert age_threads() == []
    assert closed_source.is_set()
    never_started = AgeSealer(public(ONE)).seal(source())
    assert age_threads() == []
    del never_started


@pytest.mark.parametrize("error", [ValueError("mine"), OSError(5, "mine"), KeyboardInterrupt()])
def test_a_source_that_breaks_breaks_the_stream_with_its_own_error(error: BaseException) -> None:
    def source() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise error

    with pytest.raises(type(error)) as caught:
        list(AgeSealer(public(ONE)).seal(source()))
    assert caught.value is error
    with pytest.raises(type(error)) as caught:
        list(AgeUnsealer(str(ONE)).open(sealed_then(error)))
    assert caught.value is error
    assert age_threads() == []


def sealed_then(error: BaseException) -> Iterator[bytes]:
    """A good beginning, then trouble in whoever delivers it."""
    yield sealed(b"x" * 200_000, ONE)[:150_000]
    raise error


# Keys as text -----------------------------------------------------------------------------------------------


def test_an_identity_file_has_comments_and_several_keys() -> None:
    text = f"# created: 2026\n# public key: {public(ONE)[0]}\n\n{ONE}\n  {TWO}  \r\n# end"
    unsealer = AgeUnsealer(text)
    assert unsealer.recipients == tuple(public(ONE, TWO))


@pytest.mark.parametrize("text", ["", "\n\n", "# only words\n"])
def test_an_identity_file_without_keys_is_a_missing_key(text: str) -> None:
    with pytest.raises(KeyMissing):
        AgeUnsealer(text)


NO_KEYS = {
    "cut": str(ONE)[:-1],
    "longer": f"{ONE}Q",
    "misspelt": str(ONE).replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-"),
    "sealed itself": "-----BEGIN AGE ENCRYPTED FILE-----",
    "a password": "hunter2",
}


@pytest.mark.parametrize("what", NO_KEYS)
def test_a_line_that_is_no_key_is_named_and_not_shown(what: str) -> None:
    with pytest.raises(UsageError, match="line 3") as caught:
        AgeUnsealer(f"# mine\n{TWO}\n{NO_KEYS[what]}\n")
    assert_hidden(caught.value, NO_KEYS[what])


def test_a_private_key_where_a_public_one_belongs_is_not_shown() -> None:
    for text in (str(ONE), str(ONE).lower(), f"key: {ONE}"):
        with pytest.raises(UsageError, match="private key") as caught:
            AgeSealer([text])
        assert_hidden(caught.value, str(ONE))


def assert_hidden(error: RestoredrillError, secret: str) -> None:
    """No part of the error that anybody prints holds the secret."""
    told = f"{error} {error.hint} {error.args!r} {error.__cause__}".lower()
    assert secret[:30].lower() not in told
    assert error.hint


@pytest.mark.parametrize("text", ["", "age1", "age1xyz", "ssh-ed25519 AAAA", "x" * 500])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not an age public key") as caught:
        AgeSealer([*public(ONE), text])
    assert len(str(caught.value)) < 200


def test_recipients_are_taken_as_people_write_them() -> None:
    [key] = public(ONE)
    assert AgeSealer([f"  {key}\n", key.upper()]).recipients == (key,)


def test_whether_a_key_fits_is_known_without_reading() -> None:
    require_fitting_key((), None)
    require_fitting_key(public(ONE, TWO), AgeUnsealer(f"{OTHER}\n{TWO}"))
    with pytest.raises(KeyMissing, match=public(ONE)[0]):
        require_fitting_key(public(ONE), None)
    with pytest.raises(KeyWrong, match=public(OTHER)[0]):
        require_fitting_key(public(ONE, TWO), AgeUnsealer(str(OTHER)))
