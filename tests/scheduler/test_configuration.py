"""Files that change under a service: taken over where they are good, and only there."""

import os
from pathlib import Path

import pytest

from restoredrill.configuration import Configuration
from restoredrill.errors import ConfigError

FILE = "vault: {url: 'file:///v'}\ndrill: {cron: '0 3 * * *'}\n"


@pytest.fixture
def schedules(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(FILE)
    return tmp_path


def test_what_does_not_change_is_not_read_again(schedules: Path) -> None:
    configuration = Configuration(schedules)
    before = configuration.current
    assert not configuration.look()
    assert configuration.current is before


def test_a_change_is_taken_over(schedules: Path) -> None:
    configuration = Configuration(schedules)
    (schedules / "shop.yaml").write_text(FILE.replace("0 3", "0 4"))
    assert configuration.look()
    drill = configuration.current.databases["shop"].drill
    assert drill is not None
    assert drill.cron == "0 4 * * *"
    (schedules / "crm.yaml").write_text(FILE.replace("/v'", "/w'"))
    (schedules / "_service.yaml").write_text("ticks: 9s\n")
    assert configuration.look()
    assert set(configuration.current.databases) == {"shop", "crm"}
    assert configuration.current.service.ticks_s == 9
    (schedules / "crm.yaml").unlink()
    assert configuration.look()
    assert set(configuration.current.databases) == {"shop"}


def test_a_change_whose_time_was_set_back_is_noticed(schedules: Path) -> None:
    configuration = Configuration(schedules)
    path = schedules / "shop.yaml"
    was = path.stat()
    path.write_text(FILE.replace("0 3", "0 4"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert configuration.look()


def test_a_bad_file_leaves_the_last_good_state_in_force_until_it_is_mended(schedules: Path) -> None:
    configuration = Configuration(schedules)
    good = configuration.current
    (schedules / "shop.yaml").write_text("drill: {}\n")
    assert configuration.look()
    assert configuration.current.databases == good.databases
    assert "vault" in str(configuration.current.problem)
    assert not configuration.look(), "it is said once"
    (schedules / "shop.yaml").write_text(FILE)
    assert configuration.look()
    assert configuration.current.problem is None


def test_a_folder_that_is_gone_is_a_problem_and_no_end(schedules: Path) -> None:
    configuration = Configuration(schedules)
    (schedules / "shop.yaml").unlink()
    schedules.rmdir()
    assert configuration.look()
    assert set(configuration.current.databases) == {"shop"}
    assert configuration.current.problem is not None


def test_asked_to_it_reads_again_what_has_not_changed(schedules: Path) -> None:
    configuration = Configuration(schedules)
    before = configuration.current
    assert not configuration.look(anyway=True), "there is nothing new"
    assert configuration.current is not before


def test_without_a_good_state_there_is_nothing_to_begin_with(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Configuration(tmp_path)
