"""`_service.yaml`: what is read, its problems with file and line, and that it is no database."""

from pathlib import Path

import pytest

from restoredrill import config
from restoredrill.errors import ConfigError
from restoredrill.service_settings import ServiceSettings
from tests.config.documents import SMALLEST

EVERYTHING = """\
history: {url: postgresql://restoredrill@db/history, keep: 800d}
evidence: {key: file:/etc/restoredrill/evidence.pem}
"""

REFUSED = {
    "unknown key": ("evidence: {kee: file:/k}", "1: evidence.kee: unknown key; did you mean key?"),
    "unknown section": ("evidenc: {}", "1: evidenc: unknown key; did you mean evidence?"),
    "a key itself": ("evidence:\n  key: c2VjcmV0", "2: evidence.key: is a secret and must not stand here"),
    "no duration": ("history: {keep: long}", "1: history.keep: "),
    "a list": ("- 1", "1: must have keys of its own below it"),
    "no YAML": ("a: [", "1: "),
    "empty": ("", "1: is empty"),
}


@pytest.fixture
def schedules(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(SMALLEST)
    return tmp_path


def test_without_a_file_everything_has_its_default(schedules: Path) -> None:
    assert config.service(schedules) == ServiceSettings()
    assert config.service(schedules / "nowhere") == ServiceSettings()


def test_the_file_is_read(schedules: Path) -> None:
    (schedules / "_service.yaml").write_text(EVERYTHING)
    service = config.service(schedules)
    assert service.evidence.key == "file:/etc/restoredrill/evidence.pem"
    assert service.history.url == "postgresql://restoredrill@db/history"
    assert service.history.keep_s == 800 * 86400


def test_it_is_no_database(schedules: Path) -> None:
    (schedules / "_service.yaml").write_text(EVERYTHING)
    assert list(config.load(schedules)) == ["shop"]
    assert config.load_one(schedules, "shop").name == "shop"


def test_alone_it_is_no_database_either(tmp_path: Path) -> None:
    (tmp_path / "_service.yaml").write_text(EVERYTHING)
    with pytest.raises(ConfigError, match=r"holds no \.yaml file"):
        config.load(tmp_path)


def test_a_name_that_is_nearly_right_is_not_passed_over(schedules: Path) -> None:
    (schedules / "_service.yml").write_text(EVERYTHING)
    with pytest.raises(ConfigError, match=r"_service\.yml: a database is called like its file"):
        config.load(schedules)


@pytest.mark.parametrize(("text", "problem"), REFUSED.values(), ids=REFUSED)
def test_problems_have_file_and_line(schedules: Path, text: str, problem: str) -> None:
    path = schedules / "_service.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.service(schedules)
    assert caught.value.problems[0].startswith(f"{path}:{problem}")
    assert "c2VjcmV0" not in str(caught.value)


def test_a_link_that_leads_nowhere_is_no_default(schedules: Path) -> None:
    (schedules / "_service.yaml").symlink_to(schedules / "gone")
    with pytest.raises(ConfigError, match="leads nowhere"):
        config.service(schedules)
