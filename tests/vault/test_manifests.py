"""A manifest says of itself whether it is as it was written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoredrill.model import StoredFile
from restoredrill.vault.manifests import body_of, parse
from tests.vault.samples import a_manifest, an_id

MANIFEST = a_manifest(
    an_id(3),
    (StoredFile(name="toc.dat", key="data/toc.dat", size_bytes=3, sha256="0" * 64, plain_bytes=3),),
    database="büro",
)
BODY = body_of(MANIFEST)


def test_what_is_written_is_read() -> None:
    assert parse(BODY) == MANIFEST


@given(st.integers(0, len(BODY) * 8 - 1))
def test_no_flipped_bit_changes_what_is_read(bit: int) -> None:
    """Promise 1: everything else is checked against the manifest, so nothing in it may change unseen."""
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        found = parse(bytes(changed))
    except ValueError:
        return
    assert found == MANIFEST  # white space, or the name of the digest itself


def test_whoever_reformats_it_changes_nothing() -> None:
    assert parse(json.dumps(json.loads(BODY)).encode()) == MANIFEST
    assert parse(json.dumps(json.loads(BODY), indent=4, sort_keys=True).encode()) == MANIFEST


def test_one_from_before_there_was_a_digest_is_taken_as_it_is() -> None:
    assert parse(MANIFEST.model_dump_json(by_alias=True).encode()) == MANIFEST


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"sha256": 3}'])
def test_what_is_no_manifest_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(body)
