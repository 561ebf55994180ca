"""The dashboard of a real service in a real browser: each page, a drill that passes and one that fails.

Screenshots stay in build/screenshots/ for people to look at.
"""

import re
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import Shop, Taken
from tests.e2e.host import Command, Host, eventually
from tests.plugins.requirements import REPOSITORY
from tests.reports.browser import Browser

pytestmark = pytest.mark.xdist_group("e2e-serve")
PATIENCE_S = 90.0

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
VIEWS = {"light": (1280, False), "dark": (1280, True), "phone": (375, False)}
YEARLY = "0 0 1 1 *"
PLANTED = "hunter2-of-the-pager"


@pytest.fixture
def service(host: Host, shop: Shop, taken: Taken) -> Iterator[Command]:
    """Two databases: one with a good backup, one without any."""
    yearly = {"cron": YEARLY}
    host.environment["PEOPLE"] = f"json://somebody:{PLANTED}@127.0.0.1:9/{PLANTED}"
    told = [{"url": "${PEOPLE}", "on": ["passed", "failed"]}]
    host.protect("shop", shop.url, host.folder / "vault", drill=yearly, backup=yearly, notify=told)
    host.protect("empty.one", None, host.folder / "nothing", drill=yearly)
    taken.put(host.store("shop"))
    served = host.serve(ticks="1s")
    yield served
    served.send(signal.SIGTERM)
    assert served.end().code == 0, served.err
    assert "Traceback" not in served.err
    assert PLANTED not in served.err


@pytest.fixture
def place(service: Command) -> str:
    return str(eventually(lambda: re.findall(r"dashboard at (\S+)", service.err), "it listens")[0])


def wait(browser: Browser, fine: Callable[[str], bool]) -> str:
    return browser.until(fine, PATIENCE_S)


def press(browser: Browser, words: str) -> None:
    """The button or link that says this."""
    browser.ask(
        f"[...document.querySelectorAll('button, a')].find(one => one.innerText.trim() == {words!r}).click()"
    )


def fill(browser: Browser, field: str, value: str) -> None:
    browser.ask(f"document.querySelector('[name={field}]').value = {value!r}")


def sign_in(browser: Browser, host: Host, place: str) -> None:
    browser.call("Network.clearBrowserCookies")
    browser.show(f"{place}/sign-in", width=1280)
    fill(browser, "password", (host.state / "dashboard.key").read_text().strip())
    press(browser, "Sign in")
    wait(browser, lambda text: text.startswith("/ ") and "operator" in text)


def looked_at(browser: Browser, address: str, name: str) -> None:
    """Light, dark and on a phone: nothing on the console, nothing too wide, no barrier; with pictures."""
    for view, (width, dark) in VIEWS.items():
        browser.show(address, width=width, dark=dark)
        wait(browser, bool)
        assert browser.ask("document.documentElement.scrollWidth") <= width, (name, view)
        browser.screenshot(SCREENSHOTS / f"dashboard-{name}-{view}.png")
        assert browser.spoken == [], (name, view)
        assert PLANTED not in browser.ask("document.documentElement.outerHTML")
        browser.call("Page.setBypassCSP", enabled=True)  # for axe alone, which puts style into the page
        found = browser.barriers()
        browser.call("Page.setBypassCSP", enabled=False)
        assert found == [], (name, view)


def run_now(browser: Browser, place: str, database: str) -> str:
    """By the form, with its plan before; the text of the drill's page when it is over."""
    browser.show(f"{place}/databases/{database}/run", width=1280)
    press(browser, "Show the plan")
    wait(browser, lambda text: "The plan" in text or "can't be drilled" in text)
    browser.screenshot(SCREENSHOTS / f"dashboard-plan-{database}.png")
    press(browser, "Start this drill")
    wait(browser, lambda text: text.startswith(f"/drills/{database}/"))
    return wait(browser, lambda text: "What was proven" in text or "What was drilled" in text)


def test_a_drill_is_run_by_hand_and_every_page_shows_it(browser: Browser, host: Host, place: str) -> None:
    browser.call("Network.clearBrowserCookies")
    looked_at(browser, f"{place}/", "now-before")
    looked_at(browser, f"{place}/sign-in", "sign-in")
    sign_in(browser, host, place)
    text = run_now(browser, place, "shop")
    assert "PASSED shop" in text
    assert "operator" in text
    drill = text.split()[0]
    pages = {"now": "/", "database": "/databases/shop", "drill": drill, "activity": "/activity"}
    pages |= {"leases": "/leases", "run": "/databases/shop/run?plan=1&backup=&machine=&keep="}
    for name, address in pages.items():
        looked_at(browser, f"{place}{address}", name)
    assert "run drill" in wait_for(browser, f"{place}/activity", "operator")
    assert host.reports("shop")[0].drill == drill.rpartition("/")[2]
    for address in ("databases", "databases/shop", "alarms", "tasks", "leases", "openapi.json"):
        browser.show(f"{place}/api/{address}", width=1280)
        assert PLANTED not in wait(browser, lambda text: "{" in text)


def test_a_drill_that_fails_says_so_on_every_page(browser: Browser, host: Host, place: str) -> None:
    sign_in(browser, host, place)
    browser.show(f"{place}/databases/empty.one/run?plan=1", width=1280)
    text = wait(browser, lambda text: "can't be drilled" in text)
    assert "the vault holds no backup of it" in text
    host.store("empty.one").put("backups/20260923T031500Z-7f3a/manifest.json", [b"{"])
    text = wait_for(browser, f"{place}/databases/empty.one/run?plan=1", "can't be drilled")
    assert "manifest" in text


def test_a_damaged_backup_fails_in_the_open(
    browser: Browser, host: Host, shop: Shop, taken: Taken, place: str
) -> None:
    store = host.store("shop")
    largest = max((key for key in taken.objects if "/data/" in key), key=lambda key: len(taken.objects[key]))
    store.put(largest, [taken.objects[largest][:-20]])
    sign_in(browser, host, place)
    text = run_now(browser, place, "shop")
    assert "FAILED shop" in text
    looked_at(browser, f"{place}{text.split()[0]}", "failed")
    assert "1 of 2 databases needs you" in wait_for(browser, f"{place}/", "needs you")


def wait_for(browser: Browser, address: str, words: str) -> str:
    browser.show(address, width=1280)
    return wait(browser, lambda text: words in text)
