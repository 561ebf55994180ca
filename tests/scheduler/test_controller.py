"""What a run's end says, and that nothing stops the next one."""

import json
import sys
import threading
import time
from pathlib import Path

from restoredrill.controller import Controller, Ended, Open, Resumer, Rounds, Run, outcome
from restoredrill.errors import ToolMissing, VaultUnreachable
from restoredrill.machines.children import Children

BACKUP = Run("shop", "backup", "0 3 * * *", "UTC")
DRILL = Run("shop", "drill", "0 3 * * *", "UTC")


class Answers:
    """A runner that ends each run the same way."""

    def __init__(self, answer: Ended | Exception | None) -> None:
        self._answer = answer

    def carry_out(self, run: Run) -> Ended | None:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def stop(self, patience_s: float) -> None:
        raise NotImplementedError


def said(run: Run, answer: Ended | Exception | None) -> str:
    lines: list[str] = []
    Controller(Answers(answer), lines.append).due(run)
    assert lines[0] == f"{run.key}: starts"
    return lines[1]


def test_a_backup_taken_is_named() -> None:
    assert "backup 2026-1 taken" in said(BACKUP, Ended(0, json.dumps({"id": "2026-1"}), ""))


def test_a_verdict_is_said_with_its_reasons() -> None:
    report = {"verdict": "failed", "drill": "d1", "reasons": ["public.orders: 3 rows missing"]}
    line = said(DRILL, Ended(1, json.dumps(report), ""))
    assert "FAILED d1: public.orders: 3 rows missing" in line


def test_a_warning_of_a_run_is_said_before_its_end() -> None:
    lines: list[str] = []
    ended = Ended(0, json.dumps({"id": "2026-1"}), "warning: the key file is open to all\nnot for the log\n")
    Controller(Answers(ended), lines.append).due(BACKUP)
    assert lines[1:] == [
        "backup shop: warning: the key file is open to all",
        "backup shop: backup 2026-1 taken",
    ]


def test_leftovers_are_said() -> None:
    assert "left running" in said(DRILL, Ended(4, json.dumps({"verdict": "passed", "drill": "d"}), ""))


def test_an_error_is_said_with_its_parts() -> None:
    error = {"error": {"operation": "open", "thing": "s3://b", "reason": "access denied"}}
    assert "exit 3: open s3://b access denied" in said(BACKUP, Ended(3, json.dumps(error), ""))


def test_an_interruption_says_what_became_of_the_machine() -> None:
    words = '{"error": {"reason": "interrupted; 20260923T031500Z-7f3a goes on by itself"}}'
    assert said(DRILL, Ended(130, words, "")).endswith("-7f3a goes on by itself")
    assert said(DRILL, Ended(130, "", "")).endswith("interrupted, and cleaned up")


def test_a_crash_is_said_with_its_last_line() -> None:
    assert "exit -9: Killed" in said(BACKUP, Ended(-9, "", "oops\nKilled\n"))
    assert "it said nothing" in outcome(BACKUP, Ended(-9, "", ""))


def test_a_run_that_still_goes_on_is_skipped_and_said() -> None:
    assert "skipped" in said(BACKUP, None)


def test_a_run_that_cannot_start_does_not_end_the_service() -> None:
    assert "could not be started" in said(BACKUP, ToolMissing("start", "restoredrill", "no such program"))
    assert "could not be started" in said(BACKUP, OSError(12, "Cannot allocate memory"))


def children(tmp_path: Path) -> Children:
    return Children(tmp_path / "locks", {}, (sys.executable, "-c"))


def test_a_child_is_run_to_its_end(tmp_path: Path) -> None:
    ended = children(tmp_path).run("backup shop", ["print('out'); raise SystemExit(3)"])
    assert ended is not None
    assert (ended.code, ended.out.strip()) == (3, "out")


def test_a_key_is_free_again_when_its_child_is_gone_and_not_before(tmp_path: Path) -> None:
    """The lock is the child's: another service with the same locks (ours, restarted) sees it too."""
    here, restarted = children(tmp_path), children(tmp_path)
    up = tmp_path / "up"
    slow = f"import time; open({str(up)!r}, 'w').close(); time.sleep(600)"
    first = threading.Thread(target=here.run, args=("backup shop", [slow]))
    first.start()
    while not up.exists():
        time.sleep(0.02)
    assert restarted.run("backup shop", ["print(1)"]) is None
    assert restarted.run("drill shop", ["print(1)"]) is not None, "another kind is free"
    here.stop(patience_s=10)
    first.join(60)
    assert restarted.run("backup shop", ["print(1)"]) is not None


def test_stop_lets_a_child_clean_up(tmp_path: Path) -> None:
    here = children(tmp_path)
    up, cleaned = tmp_path / "up", tmp_path / "cleaned"
    careful = f"""
import signal, sys, time
def clean(*_):
    open({str(cleaned)!r}, "w").close()
    sys.exit(130)
signal.signal(signal.SIGTERM, clean)
open({str(up)!r}, "w").close()
time.sleep(600)
"""
    thread = threading.Thread(target=here.run, args=("drill shop", [careful]))
    thread.start()
    while not up.exists():
        time.sleep(0.02)
    here.stop(patience_s=30)
    thread.join(60)
    assert cleaned.exists()
    assert here.run("drill shop", ["print(1)"]) is None, "nothing starts after stop"


def test_stop_misses_no_child_that_starts_at_that_moment(tmp_path: Path) -> None:
    """It would be waited for until it ends by itself, hours later."""
    for number in range(20):
        here = children(tmp_path / str(number))
        sleeps = ["import time; time.sleep(600)"]
        thread = threading.Thread(target=here.run, args=("backup shop", sleeps))
        thread.start()
        time.sleep(0.0005 * number)
        here.stop(patience_s=0)
        thread.join(60)
        assert not thread.is_alive()


# Going on with drills whose controller died


def gone_on_with(*answers: Ended | Exception | None) -> list[str]:
    """What is said of open drills d0, d1, …, which end like this."""
    lines: list[str] = []
    left = {f"d{number}": answer for number, answer in enumerate(answers)}

    def carry_out(one: Open) -> Ended | None:
        answer = left[one.drill]
        if isinstance(answer, Exception):
            raise answer
        return answer

    resumer = Resumer(lambda: [Open("shop", drill) for drill in left], carry_out, lines.append)
    for thread in resumer.look():
        thread.join(60)
    return sorted(lines)


def test_what_becomes_of_an_open_drill_is_said() -> None:
    report = {"verdict": "passed", "drill": "d0", "reasons": ["all of it"]}
    (line,) = gone_on_with(Ended(0, json.dumps(report), ""))
    assert line == "drill shop: gone on with d0: PASSED d0: all of it"


def test_a_drill_that_somebody_works_on_is_not_worth_a_word() -> None:
    assert gone_on_with(None) == []


def test_one_that_cannot_be_started_hides_no_other() -> None:
    report = {"verdict": "failed", "drill": "d1", "reasons": ["gone"]}
    lines = gone_on_with(ToolMissing("start", "python", "no memory"), Ended(1, json.dumps(report), ""))
    assert len(lines) == 2
    assert "d0 could not be gone on with: start python: no memory" in lines[0]


def test_rounds_go_on_whatever_one_of_them_meets_and_end_when_told() -> None:
    lines: list[str] = []
    walked = threading.Semaphore(0)

    def deed() -> None:
        walked.release()
        raise VaultUnreachable("list", "drills", "no answer")

    rounds = Rounds(lines.append, ((0.01, deed),))
    rounds.start()
    for _ in range(3):
        assert walked.acquire(timeout=60)
    rounds.stop()
    assert set(lines) == {"round: list drills: no answer"}
