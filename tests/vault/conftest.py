"""Stores to test: the same suite runs on a folder and on a real S3 server."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.vault.folder import FolderStore
from restoredrill.vault.s3 import S3Store
from restoredrill.vault.s3_bucket import Bucket
from restoredrill.vault.s3_client import bucket_of
from restoredrill.vault.s3_upload import MIB, Limits
from restoredrill.vault.store import VaultStore
from tests.plugins.s3 import vault_on
from tests.vault.faulty import Proxy, proxy_to

# The smallest parts that S3 takes, so that a few megabytes make several.
SMALL = Limits(part_bytes=lambda number: 5 * MIB)


@pytest.fixture(scope="session")
def bucket(s3_server: SeaweedFS) -> Bucket:
    """The worker's bucket."""
    vault = vault_on(s3_server)
    return bucket_of(vault.spec, s3_server.bucket, vault.access_key, vault.secret_key)


@pytest.fixture
def s3_store(bucket: Bucket) -> S3Store:
    """A vault of the test's own on S3, with small parts."""
    return S3Store(bucket, f"tests/{uuid.uuid4().hex[:12]}", SMALL)


@pytest.fixture
def folder_store(tmp_path: Path) -> FolderStore:
    """A vault of the test's own in a folder."""
    return FolderStore(tmp_path / "vault")


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest) -> VaultStore:
    """Each kind of store in turn."""
    found: VaultStore = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(scope="session")
def shared_proxy(s3_server: SeaweedFS) -> Iterator[Proxy]:
    """A proxy in front of the worker's server."""
    with proxy_to(s3_server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def proxied_bucket(shared_proxy: Proxy, s3_server: SeaweedFS) -> Bucket:
    """The worker's bucket behind the proxy; three attempts without a pause, to keep tests short."""
    vault = vault_on(s3_server)
    spec = vault.spec.model_copy(update={"endpoint_url": shared_proxy.endpoint_url})
    bucket = bucket_of(spec, s3_server.bucket, vault.access_key, vault.secret_key, attempts=3)
    return replace(bucket, pause=lambda attempt: None)


@pytest.fixture
def proxy(shared_proxy: Proxy) -> Proxy:
    """The proxy, with nothing going wrong yet and nothing seen."""
    shared_proxy.forget()
    return shared_proxy


@pytest.fixture
def proxied(proxied_bucket: Bucket) -> S3Store:
    """A vault of the test's own behind the proxy."""
    return S3Store(proxied_bucket, f"tests/{uuid.uuid4().hex[:12]}", SMALL)
