"""A real browser agrees: people sign in and act, and a page elsewhere can make it do nothing.

`localhost` and `127.0.0.1` are two sites to a browser, so the page elsewhere is a second server on this host.
"""

import time
from collections.abc import Callable, Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.reports.browser import Browser
from tests.web_safety.serving import served
from tests.web_safety.visitors import Dashboard

pytestmark = pytest.mark.xdist_group("browser")
PATIENCE_S = 20.0


@pytest.fixture
def ours(peopled: Dashboard) -> Iterator[str]:
    with served(peopled.app) as port:
        yield f"http://localhost:{port}"


@pytest.fixture
def elsewhere(ours: str) -> Iterator[str]:
    async def link(_request: Request) -> Response:
        return HTMLResponse(f'<a id="link" href="{ours}/">look</a>')

    async def form(_request: Request) -> Response:
        return HTMLResponse(
            f'<form id="form" method="post" action="{ours}/deed"><input name="csrf_token" value="x"></form>'
        )

    async def frame(_request: Request) -> Response:
        return HTMLResponse(f'<iframe id="frame" src="{ours}/"></iframe>')

    pages = [Route("/link", link), Route("/form", form), Route("/frame", frame)]
    with served(Starlette(routes=pages)) as port:
        yield f"http://127.0.0.1:{port}"


def wait(browser: Browser, fine: Callable[[str], bool]) -> str:
    return browser.until(fine, PATIENCE_S)


def sign_in(browser: Browser, ours: str) -> None:
    browser.call("Network.clearBrowserCookies")
    browser.call("Page.navigate", url=ours + "/")
    wait(browser, lambda text: text.startswith("/sign-in") and "Password" in text)
    fill = "document.getElementById('{}').value = '{}'"
    browser.ask(fill.format("name", "anna"))
    browser.ask(fill.format("password", "correct horse"))
    browser.ask("document.querySelector('button').click()")
    wait(browser, lambda text: text.startswith("/ anna True"))


def test_somebody_signs_in_and_acts(browser: Browser, ours: str, peopled: Dashboard) -> None:
    sign_in(browser, ours)
    browser.ask(
        "(() => { const form = document.createElement('form'); form.method = 'post'; form.action = '/deed';"
        "form.append(document.querySelector('[name=csrf_token]')); document.body.append(form);"
        "form.submit() })()"
    )
    wait(browser, lambda text: '"done":true' in text)
    assert [one.what for one in peopled.audited] == ["sign in", "run drill"]
    assert browser.ask("document.cookie") == ""  # no script sees it


def test_a_link_elsewhere_leads_to_the_page(browser: Browser, ours: str, elsewhere: str) -> None:
    sign_in(browser, ours)
    browser.call("Page.navigate", url=f"{elsewhere}/link")
    wait(browser, lambda text: "look" in text)
    browser.ask("document.getElementById('link').click()")
    wait(browser, lambda text: text.startswith("/ anna True"))


def test_a_form_elsewhere_does_nothing(
    browser: Browser, ours: str, elsewhere: str, peopled: Dashboard
) -> None:
    sign_in(browser, ours)
    browser.call("Page.navigate", url=f"{elsewhere}/form")
    wait(browser, lambda text: text.startswith("/form"))
    browser.ask("document.getElementById('form').submit()")
    wait(browser, lambda text: "sent by another page" in text)
    assert [one.what for one in peopled.audited] == ["sign in"]


def test_no_page_elsewhere_shows_ours_in_a_frame_or_reads_it(
    browser: Browser, ours: str, elsewhere: str
) -> None:
    sign_in(browser, ours)
    browser.heard.clear()
    browser.call("Page.navigate", url=f"{elsewhere}/frame")
    wait(browser, lambda text: text.startswith("/frame"))
    script = "fetch('{}/', {{credentials: 'include'}}).then(() => 'read', () => 'refused')"
    assert browser.ask(script.format(ours)) == "refused"
    end_s = time.monotonic() + PATIENCE_S
    while "frame-ancestors" not in str(browser.heard):
        assert time.monotonic() < end_s
        browser.ask("1")
