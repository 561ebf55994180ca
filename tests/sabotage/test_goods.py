"""A drill that cries wolf is muted within a week: good databases pass, without a finding above `low`."""

from collections.abc import Callable

import pytest

from restoredrill.model import Verdict
from tests.e2e.host import Host
from tests.plugins.postgres import SourceServer
from tests.sabotage.goods import goods

pytestmark = pytest.mark.xdist_group("sabotage-goods")

GOODS = goods()


@pytest.mark.parametrize("good", GOODS)
def test_a_good_backup_passes_quietly(
    good: str,
    host: Host,
    source_server: Callable[[int], SourceServer],
    record_property: Callable[[str, object], None],
) -> None:
    """Twice, so that the second is compared with the first; the second one looks deep."""
    record_property("good", good)
    server = source_server(17)
    name = GOODS[good](server)
    try:
        host.protect("good", server.url(name), host.folder / "vault")
        host.backup("good")
        for drill in ({}, {"deep": True}):
            host.protect("good", server.url(name), host.folder / "vault", drill=drill)
            report = host.run("drill", "good", "--json", code=None).report
            assert report.verdict is Verdict.PASSED, report.to_json()
            assert [f for f in report.findings if f.severity.fails] == []
    finally:
        server.drop(name)
