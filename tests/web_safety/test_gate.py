"""Who gets in, who may do what, and whose requests are refused: each both ways."""

import pytest

from restoredrill.web.safety.headers import POLICY
from tests.web_safety.conftest import Make
from tests.web_safety.visitors import ANNA, Dashboard

PROXY = "10.1.2.3"


def test_on_loopback_everybody_may_read_and_nobody_run(local: Dashboard) -> None:
    somebody = local.visitor()
    assert somebody.get("/").text.startswith("anybody False")
    assert somebody.do() == 403
    assert local.audited == []


def test_who_can_read_the_key_may_run(local: Dashboard) -> None:
    operator = local.visitor()
    key = (local.state / "dashboard.key").read_text().strip()
    assert operator.sign_in("operator", key).headers["location"] == "/"
    assert operator.get("/").text.startswith("operator True")
    assert operator.do() == 200
    assert [(one.who, one.what, one.database, one.detail) for one in local.audited] == [
        ("operator", "sign in", "", "from 127.0.0.1"),
        ("operator", "run drill", "shop", "latest; from 127.0.0.1"),
    ]


def test_the_key_is_for_the_services_user_alone_and_new_each_time(local: Dashboard, make: Make) -> None:
    path = local.state / "dashboard.key"
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_text()
    path.chmod(0o644)
    make()
    assert path.read_text() != first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in local.state.iterdir()] == ["dashboard.key"]


def test_with_users_the_key_opens_nothing(peopled: Dashboard) -> None:
    assert peopled.visitor().sign_in("operator", peopled.key).status_code == 403


def test_with_users_nothing_is_shown_before_signing_in(peopled: Dashboard) -> None:
    stranger = peopled.visitor()
    page = stranger.get("/?sort=age")
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/%3Fsort%3Dage")
    refused = stranger.get("/api/things")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert refused.json()["hint"] == "sign in at /sign-in"
    assert stranger.get("/nowhere").status_code == 303  # not even what there is
    assert stranger.get("/healthz").text == "fine"
    assert stranger.get("/static/style.css").text == "fine"


def test_reading_and_running_are_two_roles(peopled: Dashboard) -> None:
    anna, reed = peopled.visitor(), peopled.visitor()
    anna.sign_in("anna", "correct horse")
    reed.sign_in("reed", "only looking")
    assert (anna.do(), reed.do()) == (200, 403)
    assert reed.get("/").text.startswith("reed False")
    token = reed.token("/")
    for method in ("POST", "PUT", "DELETE"):
        assert reed.ask(method, "/api/deed", headers={"X-CSRF-Token": token}).status_code == 403
    assert "X-CSRF" not in reed.post("/api/deed", headers={"X-CSRF-Token": token}).text


def test_what_a_handler_does_not_write_down_is_written_down(peopled: Dashboard) -> None:
    anna = peopled.visitor()
    anna.sign_in("anna", "correct horse")
    assert anna.do({"how": "quietly"}) == 200
    assert (peopled.audited[-1].who, peopled.audited[-1].what) == ("anna", "POST /deed")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host"])
def test_who_was_sent_on_from_elsewhere_is_not_anybody_here(local: Dashboard, header: str) -> None:
    assert local.visitor().get("/", headers={header: "203.0.113.9"}).status_code == 303
    assert local.visitor(address="203.0.113.9").get("/").status_code == 303
    assert local.visitor().get("/").status_code == 200


def test_a_link_elsewhere_leads_to_the_page_and_not_to_sign_in(peopled: Dashboard) -> None:
    """A browser keeps the cookie back on the way from another site, and sends it once our own page asks."""
    followed = peopled.visitor().get("/?a=1&b=%22", headers={"Sec-Fetch-Site": "cross-site"})
    assert followed.status_code == 200
    assert 'content="0; url=/?a=1&amp;b=%22"' in followed.text
    again = peopled.visitor().get("/?a=1", headers={"Sec-Fetch-Site": "same-origin"})
    assert again.headers["location"] == "/sign-in?next=/%3Fa%3D1"


# Another page, another host ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:9000", "127.0.0.1:8765", "[::1]:8765", "localhost."],
)
def test_names_of_loopback_are_ours(local: Dashboard, host: str) -> None:
    assert local.visitor().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.7", "evil@localhost", "", "[::1"],
)
def test_a_name_that_was_rebound_to_loopback_is_not(local: Dashboard, host: str) -> None:
    refused = local.visitor().get("/", headers={"Host": host})
    assert refused.status_code == 421
    assert "anybody" not in refused.text


def test_two_hosts_are_none(local: Dashboard) -> None:
    both = [("Host", "localhost"), ("Host", "evil.example")]
    assert local.visitor().get("/", headers=both).status_code == 421


def test_the_name_in_url_is_ours_only_where_people_sign_in(make: Make) -> None:
    url = "https://drills.example.org"
    outside = {"Host": "drills.example.org"}
    assert make(url=url).visitor().get("/", headers=outside).status_code == 421
    assert make(url=url, users=(ANNA,)).visitor().get("/", headers=outside).status_code == 303


@pytest.mark.parametrize(
    "header",
    [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:9999"),  # another server on this host
        ("Origin", "https://localhost:8765"),
        ("Origin", "http://localhost:8765.evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "none"),
        ("Referer", "http://evil.example/localhost:8765"),
    ],
)
def test_what_another_page_sends_is_refused_even_with_a_token(
    peopled: Dashboard, header: tuple[str, str]
) -> None:
    anna = peopled.visitor()
    anna.sign_in("anna", "correct horse")
    assert anna.do(headers=[header]) == 403
    assert [one.what for one in peopled.audited] == ["sign in"]


@pytest.mark.parametrize(
    "header",
    [
        ("Origin", "http://localhost:8765"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Referer", "http://localhost:8765/x"),
    ],
)
def test_what_our_page_sends_is_not(peopled: Dashboard, header: tuple[str, str]) -> None:
    anna = peopled.visitor()
    anna.sign_in("anna", "correct horse")
    assert anna.do(headers=[header]) == 200


def test_a_form_needs_the_token_of_its_own_session(peopled: Dashboard) -> None:
    anna, reed = peopled.visitor(), peopled.visitor()
    before = anna.token()
    anna.sign_in("anna", "correct horse")
    reed.sign_in("reed", "only looking")
    for token in ("", "x" * 48, "\u00e4", before, reed.token("/")):
        assert anna.post("/deed", data={"csrf_token": token}).status_code == 403
    assert anna.post("/deed").status_code == 403
    right = anna.token("/")
    assert anna.post("/deed", content=f"csrf_token={right}&csrf_token=x", headers=FORM).status_code == 403
    assert anna.post("/deed?csrf_token=" + right).status_code == 403
    assert anna.post("/deed", data={"csrf_token": right}).status_code == 200
    assert anna.post("/api/deed", headers={"X-CSRF-Token": right}, json={}).status_code == 200


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml", ""])
def test_other_kinds_of_content_are_not_taken(peopled: Dashboard, kind: str) -> None:
    anna = peopled.visitor()
    anna.sign_in("anna", "correct horse")
    headers = {"X-CSRF-Token": anna.token("/"), "Content-Type": kind}
    assert anna.post("/deed", content=b"{}", headers=headers).status_code == 415


# A proxy ----------------------------------------------------------------------------------------------------


def test_a_proxy_says_who_somebody_is(proxied: Dashboard) -> None:
    named = {"X-Forwarded-User": "anna", "X-Role": "dba, run", "X-Forwarded-For": "203.0.113.9"}
    anna = proxied.visitor("https://drills.example.org", PROXY)
    assert anna.get("/", headers=named).text.startswith("anna True")
    token = anna.get("/", headers=named).text.partition('value="')[2].partition('"')[0]
    origin = {"Origin": "https://drills.example.org"}
    assert anna.post("/deed", data={"csrf_token": token}, headers=named | origin).status_code == 200
    assert proxied.audited[-1].detail == "latest; from 203.0.113.9"
    other = named | {"X-Forwarded-User": "reed"}  # the same browser, somebody else now
    assert anna.post("/deed", data={"csrf_token": token}, headers=other).status_code == 403


@pytest.mark.parametrize("address", ["10.2.0.1", "127.0.0.1", "203.0.113.9", "testclient", ""])
def test_nobody_else_says_it(proxied: Dashboard, address: str) -> None:
    forged = {"X-Forwarded-User": "anna", "X-Role": "run", "X-Forwarded-For": PROXY}
    answer = proxied.visitor("https://drills.example.org", address).get("/", headers=forged)
    assert answer.status_code == 303


def test_a_proxy_on_ipv6_and_one_seen_through_a_socket_for_both_kinds(proxied: Dashboard) -> None:
    named = {"X-Forwarded-User": "anna", "X-Role": "read"}
    for address in ("::1", f"::ffff:{PROXY}"):
        visitor = proxied.visitor("https://drills.example.org", address)
        assert visitor.get("/", headers=named).text.startswith("anna False")


def test_a_name_that_came_through_the_proxy_beside_its_own_is_refused(proxied: Dashboard) -> None:
    two = [("X-Forwarded-User", "anna"), ("X-Forwarded-User", "reed"), ("X-Role", "run")]
    visitor = proxied.visitor("https://drills.example.org", PROXY)
    assert visitor.get("/", headers=two).status_code == 400
    assert visitor.get("/", headers={"X-Forwarded-User": " ", "X-Role": "run"}).status_code == 400


@pytest.mark.parametrize("role", [[], [("X-Role", "admin")], [("X-Role", "read"), ("X-Role", "run")]])
def test_who_has_no_role_sees_nothing(proxied: Dashboard, role: list[tuple[str, str]]) -> None:
    visitor = proxied.visitor("https://drills.example.org", PROXY)
    assert visitor.get("/", headers=[("X-Forwarded-User", "anna"), *role]).status_code == 403


# Figures ----------------------------------------------------------------------------------------------------


def test_programs_on_this_host_may_read_the_figures(peopled: Dashboard) -> None:
    assert peopled.visitor().get("/metrics").text == "fine"
    for passed_on in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert peopled.visitor().get("/metrics", headers={passed_on: "203.0.113.9"}).status_code == 401
    assert peopled.visitor(address="203.0.113.9").get("/metrics").status_code == 401


def test_behind_a_proxy_this_host_is_not_known_from_others(make: Make) -> None:
    behind = make(users=(ANNA,), tls_by_proxy=True)
    assert behind.visitor().get("/metrics").status_code == 401


def test_named_addresses_may_read_the_figures(make: Make) -> None:
    named = make(users=(ANNA,), scrapers=("192.0.2.0/24",))
    assert named.visitor(address="192.0.2.7").get("/metrics").text == "fine"
    assert named.visitor(address="192.0.3.7").get("/metrics").status_code == 401
    assert named.visitor(address="192.0.2.7").get("/").status_code == 303


# What goes wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/lost", 503, "the disk is gone"), ("/refused", 418, "Teapot"), ("/broken", 500, "did not work")],
)
def test_what_goes_wrong_is_said_in_our_words(local: Dashboard, path: str, status: int, words: str) -> None:
    answer = local.visitor().get(path)
    assert (answer.status_code, answer.headers["content-security-policy"]) == (status, POLICY)
    assert words in answer.text
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text


# What every answer says -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sign-in", "/api/things", "/nowhere", "/a/../b", "/static/style.css"])
def test_every_answer_tells_browsers_to_be_strict(local: Dashboard, path: str) -> None:
    headers = local.visitor().get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == ("public, max-age=300" if path.startswith("/static/") else "no-store")
    assert "server" not in headers
    assert "strict-transport-security" not in headers


def test_under_tls_browsers_are_told_to_stay_with_it(proxied: Dashboard) -> None:
    answer = proxied.visitor("https://drills.example.org").get("/sign-in")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
