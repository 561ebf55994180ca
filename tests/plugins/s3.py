"""A real S3 server for tests: SeaweedFS, one a worker."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from restoredrill.embedded.seaweedfs import SeaweedFS
from restoredrill.errors import ToolMissing
from restoredrill.model import VaultSpec
from tests.plugins.requirements import missing

ACCESS_KEY_NAME = "TEST_S3_ACCESS_KEY"
SECRET_KEY_NAME = "TEST_S3_SECRET_KEY"


@dataclass(frozen=True)
class S3Vault:
    """A vault nobody else uses: the spec as a file would hold it, and the keys it refers to."""

    spec: VaultSpec
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """What the spec's references resolve from."""
        return {ACCESS_KEY_NAME: self.access_key, SECRET_KEY_NAME: self.secret_key}


def vault_on(server: SeaweedFS, prefix: str | None = None) -> S3Vault:
    """A vault on `server`, below `prefix` or a new one."""
    spec = VaultSpec(
        url=f"s3://{server.bucket}/{prefix or f'tests/{uuid.uuid4().hex[:12]}'}",
        endpoint_url=server.endpoint_url,
        region="us-east-1",
        access_key_id=f"${{{ACCESS_KEY_NAME}}}",
        secret_access_key=f"${{{SECRET_KEY_NAME}}}",
    )
    return S3Vault(spec, server.access_key, server.secret_key)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """The worker's server. Shared: a test that kills it or fills it starts one of its own."""
    directory = tmp_path_factory.mktemp("s3")
    try:
        server = SeaweedFS(directory).__enter__()
    except ToolMissing as error:
        missing(str(error))
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def s3_vault(s3_server: SeaweedFS) -> S3Vault:
    """A vault of the test's own."""
    return vault_on(s3_server)
