"""Looking at processes, as users who are not root."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from restoredrill import process

NOBODY = 65534


def as_nobody(act: Callable[[], object]) -> None:
    """Run `act` in a process of its own that is not root; it fails here if it fails there."""
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_dressed_down, args=(act,))
    child.start()
    child.join(120)
    assert child.exitcode == 0


def _dressed_down(act: Callable[[], object]) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    act()


def look_at_a_zombie() -> None:
    child = subprocess.Popen(["true"], cwd="/", start_new_session=True)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    assert process.open_paths(child) == frozenset()


def look_at_many_ends() -> None:
    for _ in range(50):
        child = subprocess.Popen(["sh", "-c", "exec 3< /etc/passwd; exit"], cwd="/", start_new_session=True)
        while child.poll() is None:
            process.open_paths(child)  # whatever it is doing just now, this is no error


def test_a_program_that_has_just_ended_has_no_file_open() -> None:
    """Only root may look into it: a backup of another user's ended with `AccessDenied`."""
    as_nobody(look_at_a_zombie)
    as_nobody(look_at_many_ends)


def test_what_a_program_and_its_children_have_open_is_found(tmp_path: Path) -> None:
    file = tmp_path / "held"
    waits = f"import subprocess, time; held = open({str(file)!r}, 'w'); print(flush=True); time.sleep(600)"
    child = process.start(["sh", "-c", f'"{sys.executable}" -c "{waits}"; :'], stdout=process.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert str(file) in process.open_paths(child)
    finally:
        process.kill_group(child)


def test_a_process_is_the_same_one_only_if_it_began_at_the_same_time() -> None:
    """Numbers are used again: soon on a busy host, and in the same order after a restart of it."""
    me = process.myself()
    assert process.alive(me)
    assert not process.alive(replace(me, created=me.created - 10))
    assert not process.alive(replace(me, boot="another"))


def test_when_a_process_began_does_not_depend_on_the_clock() -> None:
    """A clock that is set (a virtual machine's after its start) makes no process another one."""
    up_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 0 < process.myself().created <= up_s
