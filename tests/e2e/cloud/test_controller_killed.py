"""Promise 8: a controller that is killed is taken up by the next one, from what can be seen. Every call of a
controller is a moment for it in tests/stories/test_resume.py; here are some, with real machines.
"""

import pytest

from tests.e2e.cloud.site import Site, report_of
from tests.e2e.host import Command, eventually


def submitted(site: Site, _: Command) -> None:
    site.job()


def launched(site: Site, command: Command) -> None:
    """In the very call: EC2 has done the work, and nobody hears its answer."""
    site.instance()


def heard(site: Site, _: Command) -> None:
    site.await_word("prepare started")


def reported(site: Site, _: Command) -> None:
    drill = site.job().drill
    eventually(lambda: list(site.journal.reports(drill)), "a report")


@pytest.mark.parametrize("moment", [submitted, launched, heard, reported], ids=lambda it: it.__name__)
def test_a_drill_goes_on_with_the_same_machine(site: Site, moment: object) -> None:
    command = site.start()
    if moment is launched:
        site.cloud.on_run(lambda _: command.kill())
    moment(site, command)  # type: ignore[operator]
    command.kill()
    report = report_of(site.drill("--resume", site.job().drill), 0, "passed")
    assert len(site.cloud.instances()) == 1
    assert report.machine.attempts == 1
    site.finish(report)
    again = report_of(site.drill("--resume", report.drill), 0, "passed")
    assert again == report
