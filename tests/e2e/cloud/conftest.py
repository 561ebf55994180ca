"""A site with a sealed backup in its vault. Taken once a worker, and put into each test's own bucket."""

from collections.abc import Callable

import pyrage
import pytest

from tests.cloud.bed import Bed
from tests.e2e.cloud.held import GATE
from tests.e2e.cloud.site import Sealed, Site
from tests.e2e.conftest import SHOP, fresh_host
from tests.e2e.host import Host
from tests.plugins.bundle import Built
from tests.plugins.postgres import SourceServer

PLANTED = "4111-1111-1111-1111 of Adele Planted"
PLANT = f"INSERT INTO shop.orders (customer_id, total, note) VALUES (1, 7, '{PLANTED}');"


@pytest.fixture(scope="session")
def sealed(source_server: Callable[[int], SourceServer]) -> Sealed:
    """The shop's backup, with a row in it that nobody may see."""
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    server = source_server(17)
    url = server.url(server.database(SHOP + PLANT + GATE, name="shop_in_the_cloud"))
    with fresh_host() as host:
        host.environment["KEY"] = str(identity)
        parts = {"backup": {"encrypt_to": [recipient]}, "drill": {"decrypt_with": "${KEY}"}}
        host.protect("shop", url, host.folder / "vault", **parts)
        backup = host.backup("shop")
        objects = {key: host.body("shop", key) for key in host.keys("shop")}
    return Sealed(backup, objects, recipient, str(identity), url, (PLANTED,))


@pytest.fixture
def site(bed: Bed, host: Host, machine_bundle: Built, sealed: Sealed) -> Site:
    """See `Site`. Its vault holds the shop's backup and the agent."""
    return Site(bed, host, machine_bundle, sealed)
