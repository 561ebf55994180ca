"""Passwords as argon2id hashes. A guess costs the same whether the user exists or not."""

import secrets

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 1024  # characters: hashing something endless would be work for nothing
_hasher = argon2.PasswordHasher()


def hashed(password: str) -> str:
    """What goes into `users` of `_service.yaml`."""
    return _hasher.hash(password)


def fits(password: str, hash_: str) -> bool:
    """Whether it is the one; False also for a hash that can't be read."""
    if len(password) > LONGEST:
        return False
    try:
        return _hasher.verify(hash_, password)
    except (VerificationError, InvalidHashError):
        return False


def like(hash_: str | None) -> str:
    """A hash of what nobody knows, as costly as `hash_`: a guess at an unknown user is held against it."""
    try:
        parameters = argon2.extract_parameters(hash_ or "")
    except InvalidHashError:
        return _hasher.hash(_unknown())
    return argon2.PasswordHasher.from_parameters(parameters).hash(_unknown())


def _unknown() -> str:
    return secrets.token_urlsafe(32)
