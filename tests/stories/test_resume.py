"""A controller that dies anywhere: the next one comes to the same end, and nothing is left (promise 8)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from restoredrill import drill
from restoredrill.drill import Hands
from restoredrill.errors import CloudUnreachable, VaultUnreachable
from restoredrill.model import Report, Verdict
from restoredrill.protocols import MachineState
from tests.plugins.requirements import REPOSITORY
from tests.stories.samples import NOW, Cloud, MemoryJournal, cloud_job, manifest, report


def killed_at_each_step(folder: Path, *scripts: str) -> list[dict[str, Any]]:
    words = [sys.executable, "-m", "tests.stories.mortal", str(folder), *scripts]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("scripts", "attempts"),
    [
        pytest.param(["sre"], 1, id="one machine does it"),
        pytest.param(["si", "re"], 2, id="the first is given notice"),
        pytest.param(["sx", "re"], 2, id="the first is taken away without a word"),
    ],
)
def test_a_controller_killed_at_any_step_is_followed_by_one_that_finishes(
    tmp_path: Path, scripts: list[str], attempts: int
) -> None:
    found = killed_at_each_step(tmp_path, *scripts)
    assert len(found) > 15, "before and after each call there is"
    assert [one["killed"] for one in found] == [True] * (len(found) - 1) + [False]
    for one in found:
        assert one["statuses"][1] == 0, one
        assert one["alive"] == [], one
        if one["submitted"]:
            assert (one["verdict"], one["swept"]) == ("passed", True), one
            assert (one["attempts"], one["started"]) == (attempts, attempts), one
        else:
            assert one["started"] == 0, "nothing is started of what nobody would know"


def hands(cloud: Cloud, journal: MemoryJournal) -> Hands:
    return Hands(cloud, journal, lambda report: {}, lambda event: None)


def test_what_has_come_to_its_end_is_left_alone() -> None:
    journal, cloud = MemoryJournal(), Cloud()
    ended = report()
    facts = ended.machine.model_copy(update={"swept_at": NOW})
    journal.saved.append(ended.model_copy(update={"machine": facts}))
    assert drill.resume(cloud_job(), manifest(), hands(cloud, journal)).machine.swept_at == NOW
    assert (cloud.did, len(journal.saved)) == ([], 1)


def test_a_server_that_is_kept_on_purpose_is_left_alone() -> None:
    journal, cloud = MemoryJournal(), Cloud()
    journal.saved.append(report(url="postgresql://x@/y"))
    drill.resume(cloud_job(), manifest(), hands(cloud, journal))
    assert cloud.did == []


def test_a_vault_that_does_not_answer_leaves_all_as_it_is() -> None:
    """Somebody comes again; to end a machine at work for this would be wrong."""

    class Dead(MemoryJournal):
        def reports(self, drill: str | None = None) -> Any:
            raise VaultUnreachable("read", "report.json", "no answer")

    cloud = Cloud()
    with pytest.raises(VaultUnreachable):
        drill.resume(cloud_job(), manifest(), hands(cloud, Dead()))
    assert cloud.did == []


def test_nobody_who_says_how_far_it_is_leaves_all_as_it_is() -> None:
    """The look at its report was answered, the next question was not."""

    def away(look: int) -> MachineState:
        raise CloudUnreachable("look at", "instances", "no answer")

    deaf, cloud = MemoryJournal(dead_for=1), Cloud(away)
    cloud.launched.append((cloud_job(), 1))
    with pytest.raises(VaultUnreachable):
        drill.resume(cloud_job(), manifest(), hands(cloud, deaf))
    with pytest.raises(CloudUnreachable):
        drill.resume(cloud_job(), manifest(), hands(cloud, MemoryJournal()))
    assert (cloud.did, deaf.saved) == ([], [])


def test_a_drill_whose_time_is_over_is_not_started_again() -> None:
    cloud = Cloud(lambda look: MachineState(running=False, detail="the machine is gone"))
    cloud.launched.append((cloud_job(), 1))
    final = drill.resume(cloud_job(deadline_s=-60), None, hands(cloud, MemoryJournal()))
    assert final.verdict is Verdict.INCONCLUSIVE
    assert not any(deed.startswith("launch") for deed in cloud.did)
    assert "look" in cloud.did


def test_a_report_that_nobody_looked_after_is_finished_and_nothing_is_started() -> None:
    journal = MemoryJournal()
    journal.saved.append(report())
    cloud = Cloud(lambda look: MachineState(running=False))
    cloud.launched.append((cloud_job(), 1))
    final: Report = drill.resume(cloud_job(), None, hands(cloud, journal))
    assert (final.verdict, cloud.did[-1]) == (Verdict.PASSED, "look")
    assert final.machine.swept_at is not None
