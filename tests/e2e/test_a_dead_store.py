"""The store dies for good in the middle of a drill. First of all files, as it has to wait for its end."""

from restoredrill.model import Verdict
from tests.e2e.conftest import Taken
from tests.e2e.host import Host
from tests.plugins.s3 import S3Vault
from tests.vault.faulty import Proxy, reset_before

FOR_GOOD = 10**9


def test_a_drill_whose_store_dies_ends_and_proves_nothing(
    host: Host, taken: Taken, proxy: Proxy, proxied: S3Vault
) -> None:
    """Promises 1, 4 and 8: inconclusive soon after the deadline, exit 3, and nothing is left running; the
    report can't be stored, so it is printed and says so.
    """
    host.protect("shop", None, proxied, drill={"deadline": "8s"})
    taken.put(host.store("shop"))
    data = r"^GET .*\.dat\.zst"

    def dies(handler: object, request: object) -> None:
        proxy.fail(".", reset_before, times=FOR_GOOD)
        reset_before(handler, request)  # type: ignore[arg-type]

    proxy.fail(data, dies)
    ended = host.run("drill", "shop", "--json", code=3)
    report = ended.report
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.machine.leftovers == ()
    assert host.left() == []
    if proxy.seen(data):  # else the deadline came first, on a machine that is busy
        proxy.forget()
        assert "REPORT_NOT_STORED" in {finding.rule for finding in report.findings}
        assert host.reports("shop") == ()
