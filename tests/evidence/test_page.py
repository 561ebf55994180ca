"""The summary in a real browser: it runs nothing, asks for nothing, fits a phone and prints; see
build/screenshots/evidence-*.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from restoredrill.evidence import summary
from restoredrill.evidence.coverage import Coverage
from restoredrill.evidence.signing import Signer
from restoredrill.model import Verdict
from restoredrill.records import TaskState
from tests.evidence import vaults
from tests.evidence.vaults import KEY, PERIOD, at, write
from tests.plugins.requirements import REPOSITORY
from tests.reports.browser import Browser
from tests.reports.samples import HOSTILE

SCREENSHOTS = REPOSITORY / "build" / "screenshots"

pytestmark = pytest.mark.xdist_group("browser")


def hostile() -> vaults.Files:
    """A stranger's words wherever words are free."""
    text = "".join(one for one in HOSTILE if "\ud800" not in one)
    files: vaults.Files = {}
    vaults.put_drill(files, at(2, 5), None, Verdict.FAILED, reason=text)
    vaults.put_task(files, at(2, 6), TaskState.SKIPPED, text)
    return files


VAULTS = {"good": vaults.good, "eventful": vaults.eventful, "empty": dict, "hostile": hostile}


def coverage_of(name: str, tmp_path: Path, key: Signer | None = KEY) -> Coverage:
    return write(VAULTS[name](), tmp_path / "e.zip", key=key)


@pytest.mark.parametrize("name", VAULTS)
def test_it_renders_in_peace_and_fits(browser: Browser, tmp_path: Path, name: str) -> None:
    page = SCREENSHOTS / f"evidence-{name}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(summary.as_html(coverage_of(name, tmp_path), KEY.keyid))
    for view, (width, dark) in {"light": (1100, False), "dark": (1100, True), "phone": (375, False)}.items():
        browser.show(page, width=width, dark=dark)
        assert browser.ask("document.documentElement.scrollWidth") <= width, view
        browser.screenshot(SCREENSHOTS / f"evidence-{name}-{view}.png")
        assert browser.spoken == []
        sent = [event for event in browser.heard if event.get("method") == "Network.requestWillBeSent"]
        urls = [event["params"]["request"]["url"] for event in sent]
        assert [url for url in urls if not url.startswith("data:")] == [page.as_uri()]
    browser.pdf(SCREENSHOTS / f"evidence-{name}.pdf")


def test_it_prints_on_a4_without_a_cut(browser: Browser, tmp_path: Path) -> None:
    page = SCREENSHOTS / "evidence-eventful.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(summary.as_html(coverage_of("eventful", tmp_path), KEY.keyid))
    browser.show(page, width=703, dark=True, media="print")  # 186 mm at 96 dots an inch
    assert browser.ask("document.documentElement.scrollWidth") <= 703
    browser.screenshot(SCREENSHOTS / "evidence-eventful-print.png")


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (1100, True), (375, False)])
def test_axe_finds_no_barrier(browser: Browser, tmp_path: Path, width: int, dark: bool) -> None:
    page = tmp_path / "evidence.html"
    page.write_text(summary.as_html(coverage_of("eventful", tmp_path), KEY.keyid))
    browser.show(page, width=width, dark=dark)
    found = browser.barriers()
    assert found == []


def test_gaps_are_named_before_anything_that_is_good(tmp_path: Path) -> None:
    page = summary.as_html(coverage_of("eventful", tmp_path), KEY.keyid)
    assert page.index("no drill at all in 2026-03") < page.index("Calendar")
    assert "budget: 40 USD of 40 USD a month are spent" in page
    assert "see OPS-114" in page


def test_without_gaps_it_says_so(tmp_path: Path) -> None:
    page = summary.as_html(coverage_of("good", tmp_path), KEY.keyid)
    assert "None found" in page
    assert "not signed" not in page


def test_an_archive_without_a_key_says_so(tmp_path: Path) -> None:
    page = summary.as_html(coverage_of("good", tmp_path, None), None)
    assert "nobody: this archive is not signed" in page


def test_the_calendar_shows_the_worst_of_a_day_and_no_day_outside(tmp_path: Path) -> None:
    files: vaults.Files = {}
    vaults.put_drill(files, at(1, 10, 3), None, Verdict.PASSED)
    vaults.put_drill(files, at(1, 10, 5), None, Verdict.FAILED)
    period = PERIOD.model_copy(
        update={"since": datetime(2026, 1, 9, tzinfo=UTC), "until": datetime(2026, 1, 12, tzinfo=UTC)}
    )
    page = summary.as_html(write(files, tmp_path / "e.zip", period), None)
    assert '<td class="failed" title="2026-01-10: 1 failed, 1 passed">' in page
    assert page.count('<td class="none"') == 2
    assert page.count('<td class="outside"') == 28


def test_words_of_strangers_stay_words(tmp_path: Path) -> None:
    page = summary.as_html(coverage_of("hostile", tmp_path), None)
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page


def test_the_note_beside_tells_how_to_check(tmp_path: Path) -> None:
    note = summary.readme(PERIOD, signed=True)
    assert "2026-01-01 to 2026-06-30" in note
    assert "--key PUBLIC.pem" in note
    assert "another way" in note
