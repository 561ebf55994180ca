"""Whoever decides is killed at each step in turn, and the next one comes to the same end (promise 8)."""

import re
import signal
from collections.abc import Callable
from datetime import timedelta

import pytest

from restoredrill.model import Report
from tests.cloud.world import Cloud
from tests.e2e.cloud.held import go_on, in_restore
from tests.e2e.cloud.site import LIMIT_S, Site, report_of
from tests.e2e.host import Command, eventually

pytestmark = pytest.mark.xdist_group("bed-trouble")

# What a kill is waited for: it leaves the drill's machine as the step's name says.
Step = Callable[[Site, Command], object]


def submitted(site: Site, command: Command) -> None:
    """The job is out, and whoever put it there does not learn so."""
    site.cloud.fault("s3", "PutObject", "InternalError", times=None, after=True, key="*job.json")
    eventually(site.drills, "a job")
    assert site.cloud.instances() == []


def launched(site: Site, command: Command) -> None:
    """In the very call: EC2 has done its work, and nobody hears its answer."""
    site.cloud.on_run(lambda _: command.kill())
    site.instance()


def first_word(site: Site, command: Command) -> None:
    site.await_word("prepare started")


def mid_restore(site: Site, command: Command) -> None:
    in_restore(site)


def reported(site: Site, command: Command) -> None:
    """The agent's report is there, and the controller has not seen to the rest of it."""
    drill = site.job().drill
    eventually(lambda: next(site.journal.reports(drill), None), "a report")


@pytest.mark.parametrize("step", [submitted, launched, first_word, mid_restore, reported])
def test_the_next_one_goes_on(site: Site, step: Step) -> None:
    command = site.start()
    step(site, command)
    command.kill()
    site.cloud.heal()
    drill = site.job().drill
    if step is mid_restore:
        go_on(site.machine())
    report = told(site, report_of(site.drill("--resume", drill), 0, "passed"), step.__name__)
    assert report.drill == drill
    assert report.machine.attempts == 1
    assert len(site.cloud.instances()) == 1, "there is never a second one"


def test_before_the_job_is_out_there_is_nothing_to_go_on_with(site: Site) -> None:
    site.cloud.fault("s3", "PutObject", "SlowDown", 503, times=None, key="*job.json")
    command = site.start()
    eventually(lambda: site.cloud.asked("s3", "PutObject"), "the job is being put out")
    command.kill()
    site.cloud.heal()
    assert site.drills() == []
    assert site.cloud.instances() == []
    told(site, report_of(site.drill(), 0, "passed"), "before the job")


def test_killed_while_it_ends_a_machine(site: Site) -> None:
    """The machine hangs so hard that the power button is not heard either."""
    site.protect(silence="15s")
    command = site.start()
    machine = in_restore(site)
    assert machine.freeze(".")
    eventually(lambda: site.cloud.asked("ec2", "TerminateInstances"), "it is being ended", LIMIT_S)
    command.kill()
    report = told(site, report_of(site.drill("--resume", site.job().drill), 3, "inconclusive"), "ending")
    assert report.machine.attempts == 1
    assert len(site.cloud.instances()) == 1
    assert machine.ended is not None


def test_killed_between_two_attempts(site: Site) -> None:
    """Spot took the first machine. Whoever comes next starts the second one, and not the first one again."""
    command = site.start()
    first = in_restore(site)
    command.kill()
    site.bed.interrupt(first.id, 5)
    drill = site.job().drill
    eventually(lambda: "machine interrupted" in site.said(drill), "it says that it is taken away")
    report = told(site, report_of(site.drill("--resume", drill), 0, "passed"), "between attempts")
    assert report.machine.attempts == 2
    assert [one.tags["restoredrill:attempt"] for one in site.cloud.instances()] == ["1", "2"]


def test_going_on_with_what_is_done_changes_nothing(site: Site) -> None:
    first = report_of(site.drill(), 0, "passed")
    again = report_of(site.drill("--resume", first.drill), 0, "passed")
    assert again == first
    told(site, again, "after the end")
    assert len(site.cloud.instances()) == 1


def test_two_go_on_at_once(site: Site) -> None:
    command = site.start()
    machine = in_restore(site)
    command.kill()
    drill = site.job().drill
    both = [site.start("--resume", drill) for _ in range(2)]
    go_on(machine)
    for one in both:
        report = told(site, report_of(one.end(LIMIT_S), 0, "passed"), "two go on")
        assert report.machine.attempts == 1
    assert len(site.cloud.instances()) == 1


def test_a_service_goes_on_with_what_is_forsaken(site: Site) -> None:
    site.protect(drill={"cron": "0 0 1 1 *"})
    command = site.start()
    machine = in_restore(site)
    command.kill()
    go_on(machine)
    assert machine.wait_off(LIMIT_S) == "poweroff"
    drill = site.job().drill
    let_pass(site.cloud, site.bucket, timedelta(minutes=6))
    service = site.host.serve()
    said = re.compile(rf"drill shop: passed.*{drill}")
    eventually(lambda: said.search(service.err), f"it says {said.pattern!r}: {service.err}", LIMIT_S)
    service.send(signal.SIGTERM)
    assert service.end().code == 0
    told(site, next(site.journal.reports(drill)), "serve")
    assert len(site.cloud.instances()) == 1


def let_pass(cloud: Cloud, bucket: str, time: timedelta) -> None:
    """By the store's clock, all of it was written so much earlier."""
    from moto.s3.models import s3_backends

    with cloud.gate.lock:
        for _, key in s3_backends[cloud.account]["aws"].buckets[bucket].keys.items():
            key.last_modified -= time


def told(site: Site, report: Report, step: str) -> Report:
    """The proof that every scenario ends with; and a line, for whoever runs it with -rP."""
    site.finish(report)
    seconds = (report.finished_at - report.started_at).total_seconds()
    why = "; ".join(report.reasons)[:240]
    told = (report.verdict.value, why, report.machine.attempts, len(report.machine.leftovers))
    print(f"row | killed: {step} |", " | ".join(map(str, told)), f"| {seconds:.0f} s")
    return report
