"""Programs of ours that the service starts: under locks that are theirs, stopped with time to clean up."""

import sys
import threading
import time
from pathlib import Path

from restoredrill.machines.children import Children


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
    assert restarted.at_work("backup shop")
    assert not restarted.at_work("drill shop")
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
