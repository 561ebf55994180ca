"""The page in a real browser: no word on the console, nothing asked of the network, and it fits a phone.

Screenshots stay in build/screenshots/ for people to look at.
"""

from pathlib import Path

import pytest

from restoredrill.reports.html import as_html
from tests.plugins.requirements import REPOSITORY
from tests.reports import samples
from tests.reports.browser import Browser

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
VIEWS = {"light": (1100, False), "dark": (1100, True), "phone": (375, False), "phone-dark": (375, True)}
REPORTS = {
    "passed": samples.passed(),
    "failed": samples.failed(),
    "inconclusive": samples.inconclusive(),
    "hostile": samples.hostile(samples.HOSTILE[0] + samples.HOSTILE[7] + samples.HOSTILE[12]),
}

pytestmark = pytest.mark.xdist_group("browser")


def written(path: Path, page: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)
    return path


def requests(browser: Browser) -> list[str]:
    sent = [event for event in browser.heard if event.get("method") == "Network.requestWillBeSent"]
    urls = [event["params"]["request"]["url"] for event in sent]
    return [url for url in urls if not url.startswith("data:")]


@pytest.mark.parametrize("name", REPORTS)
def test_it_renders_in_peace_and_fits(browser: Browser, name: str) -> None:
    views = {"phone": VIEWS["phone"]} if name == "hostile" else VIEWS
    page = written(SCREENSHOTS / f"{name}.html", as_html(REPORTS[name]))
    for view, (width, dark) in views.items():
        browser.show(page, width=width, dark=dark)
        assert browser.ask("document.documentElement.scrollWidth") <= width, view
        assert browser.ask("matchMedia('(prefers-color-scheme: dark)').matches") is dark
        browser.screenshot(SCREENSHOTS / f"{name}-{view}.png")
        assert browser.spoken == [], view
        assert requests(browser) == [page.as_uri()], view


@pytest.mark.parametrize("name", ["passed", "failed", "inconclusive"])
def test_the_verdict_and_its_reason_are_seen_without_scrolling(browser: Browser, name: str) -> None:
    page = written(SCREENSHOTS / f"{name}.html", as_html(REPORTS[name]))
    for width in (1100, 375):
        browser.show(page, width=width)
        for selector in ("h1", ".lead", ".icon"):
            bottom = browser.ask(f"document.querySelector('{selector}').getBoundingClientRect().bottom")
            assert 0 < bottom < 667, (selector, width)  # the height of a small phone
        assert browser.ask("document.querySelector('h1').innerText") == f"{name.upper()} shop"


def test_light_and_dark_differ(browser: Browser) -> None:
    page = written(SCREENSHOTS / "passed.html", as_html(REPORTS["passed"]))
    grounds = []
    for dark in (False, True):
        browser.show(page, width=1100, dark=dark)
        grounds.append(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] == "rgb(255, 255, 255)"
    assert grounds[0] != grounds[1]


def test_paper_is_white_whatever_the_screen_is(browser: Browser) -> None:
    page = written(SCREENSHOTS / "failed.html", as_html(REPORTS["failed"]))
    browser.show(page, width=800, dark=True, media="print")
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.pdf(SCREENSHOTS / "failed.pdf")


def test_letters_in_the_picture_do_not_shrink_on_a_phone(browser: Browser) -> None:
    page = written(SCREENSHOTS / "failed.html", as_html(REPORTS["failed"]))
    browser.show(page, width=375)
    heights = browser.ask(
        "[...document.querySelectorAll('.timeline text')].map(t => t.getBoundingClientRect().height)"
    )
    assert min(heights) >= 12
    ends = browser.ask(
        "[...document.querySelectorAll('.timeline .tick')].map(t => t.getBoundingClientRect().right)"
    )
    assert max(ends) <= 375


def test_the_policy_holds_even_if_escaping_failed(browser: Browser, tmp_path: Path) -> None:
    evil = (
        "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
        '<img src="http://127.0.0.1:9/x.png"><p id="p" style="color: rgb(1, 2, 3)">p</p>'
    )
    page = as_html(samples.passed()).replace("</main>", evil + "</main>")
    browser.show(written(tmp_path / "evil.html", page), width=1100)
    assert browser.ask("document.title").startswith("PASSED shop")
    assert browser.ask("getComputedStyle(document.getElementById('p')).color") != "rgb(1, 2, 3)"
    assert browser.spoken  # the browser tells what it refused: so silence above means something
    loaded = [e for e in browser.heard if e.get("method") == "Network.responseReceived"]
    assert [e["params"]["type"] for e in loaded] == ["Document"]


@pytest.mark.parametrize(
    ("name", "views"),
    [("passed", ["dark"]), ("failed", ["light", "phone-dark"]), ("inconclusive", ["phone"])],
)
def test_axe_finds_no_barrier(browser: Browser, name: str, views: list[str]) -> None:
    page = written(SCREENSHOTS / f"{name}.html", as_html(REPORTS[name]))
    for width, dark in map(VIEWS.__getitem__, views):
        browser.show(page, width=width, dark=dark)
        found = browser.barriers()
        assert found == []
