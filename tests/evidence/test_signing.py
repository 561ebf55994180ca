"""Signatures: what they hold for, and every way in which they do not."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from restoredrill.errors import EvidenceUnfit, Exit
from restoredrill.evidence import statements
from restoredrill.evidence.signing import Signer, Trusted, Unproven, new_key, sign
from tests.reports import samples
from tests.stories.samples import manifest, report

PRIVATE, PUBLIC = new_key()
OTHER_PRIVATE, OTHER_PUBLIC = new_key()
REPORT = samples.passed().to_json().encode()
MANIFEST = manifest(samples.BACKUP.id).model_dump_json(by_alias=True).encode()
NAME = f"drills/{samples.passed().drill}/report.json"
CUT = """-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALhk3T6nS1mW0ZbQ2fQ1Fq3v0Y1oQm1h
-----END PUBLIC KEY-----"""


def trusted(*pems: str) -> Trusted:
    return Trusted((pem, "a test") for pem in pems or (PUBLIC,))


def changed(envelope: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(envelope), **fields}).encode()


def test_a_signature_names_the_report_and_the_manifest() -> None:
    statement = trusted().opened(sign(REPORT, MANIFEST, Signer(PRIVATE)), statements.DRILL)
    assert statement.sha256_of(NAME) == statements.sha256(REPORT)
    assert statement.sha256_of(f"backups/{samples.BACKUP.id}/manifest.json") == statements.sha256(MANIFEST)
    assert statement.predicate["verdict"] == "passed"
    assert statement.predicate["backup"] == samples.BACKUP.id


def test_what_is_signed_is_an_in_toto_statement_in_a_dsse_envelope() -> None:
    envelope = json.loads(sign(REPORT, MANIFEST, Signer(PRIVATE)))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert [set(one) for one in envelope["signatures"]] == [{"keyid", "sig"}]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert [set(one["digest"]) for one in statement["subject"]] == [{"sha256"}, {"sha256"}]


def test_it_can_be_checked_without_us_as_the_note_in_an_archive_says() -> None:
    """Ed25519 over "DSSEv1 LENGTH TYPE LENGTH PAYLOAD"."""
    envelope = json.loads(sign(REPORT, MANIFEST, Signer(PRIVATE)))
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    signed = b" ".join((b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload))
    key = load_pem_public_key(PUBLIC.encode())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)


def test_without_a_manifest_the_report_alone_is_signed() -> None:
    bare = report().to_json().encode()
    for signed in (sign(bare, MANIFEST, Signer(PRIVATE)), sign(REPORT, None, Signer(PRIVATE))):
        assert len(trusted().opened(signed, statements.DRILL).subject) == 1


def test_the_same_report_gets_the_same_signature() -> None:
    """So that whoever saves it again after a crash changes nothing."""
    assert sign(REPORT, MANIFEST, Signer(PRIVATE)) == sign(REPORT, MANIFEST, Signer(PRIVATE))


def test_any_of_the_keys_given_will_do() -> None:
    both = trusted(PUBLIC, OTHER_PUBLIC)
    for key in (PRIVATE, OTHER_PRIVATE):
        assert both.opened(sign(REPORT, None, Signer(key)), statements.DRILL).sha256_of(NAME)


def test_another_key_proves_nothing() -> None:
    with pytest.raises(Unproven, match="none of the keys given"):
        trusted(OTHER_PUBLIC).opened(sign(REPORT, None, Signer(PRIVATE)), statements.DRILL)


def test_another_signature_under_the_name_of_a_key_proves_nothing() -> None:
    envelope = sign(REPORT, None, Signer(OTHER_PRIVATE))
    forged = json.loads(envelope)["signatures"][0] | {"keyid": Signer(PRIVATE).keyid}
    with pytest.raises(Unproven, match="does not fit"):
        trusted().opened(changed(envelope, signatures=[forged]), statements.DRILL)


def test_a_changed_payload_proves_nothing() -> None:
    other = json.loads(sign(samples.failed().to_json().encode(), None, Signer(PRIVATE)))["payload"]
    with pytest.raises(Unproven, match="does not fit"):
        trusted().opened(changed(sign(REPORT, None, Signer(PRIVATE)), payload=other), statements.DRILL)


def test_a_payload_of_another_type_proves_nothing() -> None:
    envelope = changed(sign(REPORT, None, Signer(PRIVATE)), payloadType="text/plain")
    with pytest.raises(Unproven, match="no in-toto statement"):
        trusted().opened(envelope, statements.DRILL)


def test_a_statement_of_another_kind_is_not_taken_for_one_of_this() -> None:
    envelope = Signer(PRIVATE).envelope(statements.of_archive("index.json", b"{}", {}))
    assert trusted().opened(envelope, statements.ARCHIVE).sha256_of("index.json")
    with pytest.raises(Unproven, match="another kind"):
        trusted().opened(envelope, statements.DRILL)


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"payload": 1, "payloadType": 2, "signatures": 3}',
        b'{"payload": "e30=", "payloadType": "x", "signatures": [{}]}',
        b'{"payload": "e30=", "payloadType": "x", "signatures": [{"keyid": 1, "sig": "!"}]}',
        b'{"payload": "e30=", "payloadType": "x", "signatures": []}',
        b"[" * 100_000,
    ],
)
def test_rubbish_proves_nothing(envelope: bytes) -> None:
    with pytest.raises(Unproven):
        trusted().opened(envelope, statements.DRILL)


@pytest.mark.parametrize("statement", [b"{}", b"no json", b'{"_type": "x", "subject": []}'])
def test_a_signed_payload_that_is_no_statement_proves_nothing(statement: bytes) -> None:
    with pytest.raises(Unproven, match="no in-toto statement"):
        trusted().opened(Signer(PRIVATE).envelope(statement), statements.DRILL)


def test_only_a_report_is_signed_as_one() -> None:
    with pytest.raises(ValueError, match="no report"):
        sign(b"{}", None, Signer(PRIVATE))


@pytest.mark.parametrize("pem", ["", "hunter2", PUBLIC, PRIVATE[:60]], ids=["none", "word", "public", "cut"])
def test_what_is_no_private_key_is_said_and_not_shown(pem: str) -> None:
    with pytest.raises(EvidenceUnfit) as caught:
        Signer(pem)
    assert caught.value.exit_code is Exit.USAGE
    assert "evidence key" in caught.value.hint
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("pem", ["", PRIVATE, CUT], ids=["none", "private", "cut"])
def test_what_is_no_public_key_is_said(pem: str) -> None:
    with pytest.raises(EvidenceUnfit, match=r"use k\.pub"):
        Trusted([(pem, "k.pub")])
