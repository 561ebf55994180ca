"""A host to break backups on; see tests/e2e."""

from tests.e2e.conftest import host

__all__ = ["host"]
