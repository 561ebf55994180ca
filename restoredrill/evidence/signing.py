"""Ed25519 signatures in DSSE envelopes, by securesystemslib. Nothing else here knows it, or a key's form.

A signature depends on nothing but what is signed and the key: whoever saves a report twice writes the same
bytes twice.
"""

import json
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import FormatError, UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from restoredrill.errors import EvidenceUnfit
from restoredrill.evidence import statements
from restoredrill.evidence.statements import Statement

_HINT = "`restoredrill evidence key FILE` makes a pair"


class Unproven(Exception):
    """A signature that says nothing for what it lies beside; its text says why."""


class Signer:
    """A private key. `public` is what an auditor is given, `keyid` what an envelope names it by."""

    def __init__(self, pem: str) -> None:
        """Raises `EvidenceUnfit` for what is no unencrypted Ed25519 key in PEM."""
        try:
            key = serialization.load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            reason = "it has a password" if isinstance(error, TypeError) else "it is no private key in PEM"
            raise EvidenceUnfit("use", "evidence.key", reason, hint=_HINT) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise EvidenceUnfit("use", "evidence.key", "it is no Ed25519 key", hint=_HINT)
        self._signer = CryptoSigner(key)
        self.public = _public_pem(key.public_key())
        self.keyid: str = self._signer.public_key.keyid

    def envelope(self, statement: bytes) -> bytes:
        """The statement with a signature under it, as JSON."""
        envelope = Envelope(statement, statements.PAYLOAD, {})
        envelope.sign(self._signer)
        return json.dumps(envelope.to_dict(), indent=1, sort_keys=True).encode() + b"\n"


def new_key() -> tuple[str, str]:
    """A private key and its public one, both in PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), _public_pem(key.public_key())


def sign(report: bytes, manifest: bytes | None, key: Signer) -> bytes:
    """What lies beside a report as `report.dsse.json`: that this report came of this manifest's backup.

    `report` and `manifest` are the very bytes that lie in the vault. Raises `ValueError` for no report.
    """
    return key.envelope(statements.of_drill(report, manifest))


class Trusted:
    """Public keys that signatures are held against."""

    def __init__(self, keys: Iterable[tuple[str, str]]) -> None:
        """Pairs of PEM text and where it is from. Raises `EvidenceUnfit` for what is no such key."""
        self._keys = {key.keyid: key for key in (_public_key(pem, where) for pem, where in keys)}

    @property
    def keyids(self) -> tuple[str, ...]:
        return tuple(sorted(self._keys))

    def opened(self, envelope: bytes, kind: str) -> Statement:
        """The statement of an envelope that one of these keys has signed. Raises `Unproven`, also if it is a
        statement of another `kind`.
        """
        found = _envelope(envelope)
        if found.payload_type != statements.PAYLOAD:
            raise Unproven("what is signed is no in-toto statement")
        signer = next((self._keys[keyid] for keyid in found.signatures if keyid in self._keys), None)
        if signer is None:
            named = ", ".join(keyid[:16] for keyid in found.signatures) or "nobody"
            raise Unproven(f"signed by {named}, which is none of the keys given")
        try:
            signer.verify_signature(found.signatures[signer.keyid], found.pae())
        except UnverifiedSignatureError as error:
            raise Unproven("the signature does not fit") from error
        try:
            statement = statements.parsed(found.payload)
        except ValueError as error:
            raise Unproven(str(error)) from error
        if statement.predicate_type != kind:
            raise Unproven(f"it is a statement of another kind, {statement.predicate_type[:80]}")
        return statement


def _envelope(body: bytes) -> Envelope:
    try:
        document: Any = json.loads(body)
        return Envelope.from_dict(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError) as error:
        raise Unproven("it is no DSSE envelope") from error


def _public_key(pem: str, where: str) -> Key:
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        hint = "give the public one: `restoredrill evidence key` writes it beside the private one"
        raise EvidenceUnfit("use", where, "it is no public key in PEM", hint=hint) from None
    if not isinstance(key, Ed25519PublicKey):
        raise EvidenceUnfit("use", where, "it is no Ed25519 key")
    return SSlibKey.from_crypto(key)


def _public_pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
