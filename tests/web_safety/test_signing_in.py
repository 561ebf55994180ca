"""Signing in and out: what a guess costs, what a session is worth, and where a link may lead."""

import pytest

from restoredrill.errors import HistoryError
from restoredrill.records import AuditEntry
from restoredrill.service_settings import User, WebSettings
from restoredrill.web.safety import passwords
from restoredrill.web.safety.patience import Patience
from restoredrill.web.safety.signing_in import next_address
from tests.web_safety.conftest import Make
from tests.web_safety.visitors import ANNA, REED, Dashboard, Times, Visitor


def signed_in(dashboard: Dashboard) -> Visitor:
    anna = dashboard.visitor()
    assert anna.sign_in("anna", "correct horse").status_code == 303
    return anna


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(peopled: Dashboard) -> None:
    known = peopled.visitor().sign_in("anna", "wrong")
    unknown = peopled.visitor().sign_in("hana", "wrong")
    assert (known.status_code, unknown.status_code) == (403, 403)
    token = 'name="csrf_token" value="'
    cut = [page.text.partition(token)[0] for page in (known, unknown)]
    assert cut[0] == cut[1]
    assert [(one.who, one.what) for one in peopled.audited] == [
        ("anna", "sign in refused"),
        ("unknown", "sign in refused"),  # it could be a password in the wrong field
    ]


def test_a_guess_at_an_unknown_name_is_held_against_a_hash_too(peopled: Dashboard) -> None:
    accounts = peopled.entrance.accounts
    assert accounts.opened_by("hana", "wrong") is None
    assert list(accounts._decoys) == [ANNA.password]  # made once, as costly as that one


def test_what_an_unknown_name_is_held_against_is_as_costly_as_the_users_hash(peopled: Dashboard) -> None:
    cheap = "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQxMjM0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"
    assert passwords.like(cheap).startswith("$argon2id$v=19$m=1024,t=1,p=1$")
    assert passwords.like(ANNA.password).rsplit("$", 2)[0] == ANNA.password.rsplit("$", 2)[0]
    assert passwords.like(None).startswith("$argon2id$")


def test_guessing_takes_longer_and_longer(peopled: Dashboard) -> None:
    guesser = peopled.visitor()
    assert [guesser.sign_in("anna", f"guess {n}").status_code for n in range(3)] == [403] * 3
    blocked = guesser.sign_in("anna", "correct horse")  # not even the right one
    assert (blocked.status_code, blocked.headers["retry-after"]) == (429, "1")
    peopled.times.pass_by(seconds=1)
    assert guesser.sign_in("anna", "guess 4").status_code == 403
    assert guesser.sign_in("anna", "guess 5").headers["retry-after"] == "2"
    peopled.times.pass_by(seconds=2)
    assert guesser.sign_in("anna", "correct horse").status_code == 303
    assert len(peopled.audited) == 5  # those that were not looked at are not written down


def test_unknown_names_are_slowed_down_alike(peopled: Dashboard) -> None:
    guesser = peopled.visitor()
    assert [guesser.sign_in("hana", "x").status_code for _ in range(4)] == [403, 403, 403, 429]


def test_somebody_else_is_not_locked_out_by_it(peopled: Dashboard) -> None:
    guesser = peopled.visitor(address="203.0.113.9")
    for n in range(4):
        guesser.sign_in("anna", f"guess {n}")
    assert peopled.visitor().sign_in("anna", "correct horse").status_code == 303


def test_what_one_place_and_one_name_may_guess_is_bounded() -> None:
    times = Times()
    patience = Patience(times.now_s)
    assert [patience.attempt(f"name {n}", "203.0.113.9") for n in range(21)] == [0.0] * 20 + [1.0]
    assert [patience.attempt("anna", f"198.51.100.{n}") for n in range(11)] == [0.0] * 10 + [1.0]
    for _ in range(200):
        times.pass_by(seconds=patience.attempt("anna", "192.0.2.1"))
    assert patience.attempt("anna", "192.0.2.1") <= 300
    times.pass_by(hours=2)
    assert [patience.attempt("anna", "192.0.2.1") for _ in range(3)] == [0.0] * 3


def test_many_guesses_at_once_gain_nothing() -> None:
    patience = Patience(Times().now_s)
    before_any_is_judged = [patience.attempt("anna", "203.0.113.9") for _ in range(50)]
    assert before_any_is_judged.count(0.0) == 3


def test_what_it_remembers_is_bounded() -> None:
    patience = Patience(Times().now_s)
    for n in range(10_050):
        patience.attempt(f"name {n}" * 100, f"address {n}")
    assert max(len(one) for one in patience._known) <= 10_000


def test_own_sign_ins_buy_no_guesses_at_others(peopled: Dashboard) -> None:
    patience = Patience(Times().now_s)
    for n in range(20):
        assert patience.attempt(f"name {n}", "203.0.113.9") == 0.0
    assert patience.attempt("reed", "203.0.113.9") > 0.0


def test_a_password_without_end_is_not_looked_at(peopled: Dashboard) -> None:
    assert peopled.visitor().sign_in("anna", "x" * 2000).status_code == 403
    assert peopled.visitor().sign_in("a" * 300, "x").status_code == 403


def test_signing_in_needs_a_form_of_ours_too(peopled: Dashboard) -> None:
    fields = {"name": "reed", "password": "only looking"}
    assert peopled.visitor().post("/sign-in", data=fields).status_code == 403
    evil = {"Origin": "http://evil.example"}
    visitor = peopled.visitor()
    fields["csrf_token"] = visitor.token()
    assert visitor.post("/sign-in", data=fields, headers=evil).status_code == 403
    assert visitor.post("/sign-in", data=fields).status_code == 303


def test_nobody_signs_in_unwritten(make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    def refuse(_entry: AuditEntry) -> None:
        raise HistoryError("write", "an audit entry", "the disk is full", hint="make room")

    settings = WebSettings(users=(ANNA,))
    dashboard = Dashboard(settings, tmp_path_factory.mktemp("state"), audit=refuse)
    visitor = dashboard.visitor()
    answer = visitor.sign_in("anna", "correct horse")
    assert answer.status_code == 503
    assert "the disk is full" in answer.text
    assert visitor.get("/").status_code == 303


# Sessions ---------------------------------------------------------------------------------------------------


def test_the_cookie_is_kept_from_scripts_and_other_sites(peopled: Dashboard, proxied: Dashboard) -> None:
    plain = peopled.visitor().get("/sign-in").headers["set-cookie"]
    assert plain.startswith("restoredrill=")
    assert plain.endswith("; Path=/; HttpOnly; SameSite=Strict")
    proxied.settings = proxied.settings.model_copy(update={"users": (ANNA,)})
    safe = proxied.visitor("https://drills.example.org").get("/sign-in").headers["set-cookie"]
    assert safe.startswith("__Host-restoredrill=")
    assert safe.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")


def test_signing_in_begins_another_session(peopled: Dashboard) -> None:
    anna = peopled.visitor()
    anna.get("/sign-in")
    planted = anna.cookies["restoredrill"]
    anna.sign_in("anna", "correct horse")
    assert anna.cookies["restoredrill"] != planted
    thief = peopled.visitor()
    thief.cookies.set("restoredrill", planted)
    assert thief.get("/").status_code == 303


def test_signing_out_ends_it_for_whoever_kept_the_cookie(peopled: Dashboard) -> None:
    anna = signed_in(peopled)
    kept = anna.cookies["restoredrill"]
    left = anna.post("/sign-out", data={"csrf_token": anna.token("/")})
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert anna.get("/").status_code == 303
    anna.cookies.set("restoredrill", kept, domain="localhost.local")
    thief = peopled.visitor()
    thief.cookies.set("restoredrill", kept)
    assert thief.get("/").status_code == 303
    assert peopled.audited[-1].what == "sign out"


def test_who_may_only_read_may_leave(peopled: Dashboard) -> None:
    reed = peopled.visitor()
    reed.sign_in("reed", "only looking")
    assert reed.post("/sign-out", data={"csrf_token": reed.token("/")}).status_code == 303


def test_nobody_is_signed_out_by_another_page(peopled: Dashboard) -> None:
    anna = signed_in(peopled)
    assert anna.get("/sign-out").status_code == 405
    assert anna.post("/sign-out").status_code == 403
    assert anna.get("/").status_code == 200


def test_a_session_is_over_after_eight_idle_hours(peopled: Dashboard) -> None:
    anna = signed_in(peopled)
    peopled.times.pass_by(hours=7.9)
    assert anna.get("/").status_code == 200
    peopled.times.pass_by(hours=7.9)
    assert anna.get("/").status_code == 200  # it was used
    peopled.times.pass_by(hours=8)
    assert anna.get("/").status_code == 303


def test_a_session_is_over_after_a_day_however_busy(peopled: Dashboard) -> None:
    anna = signed_in(peopled)
    for _ in range(23):
        peopled.times.pass_by(hours=1)
        assert anna.get("/").status_code == 200
    peopled.times.pass_by(hours=1)
    assert anna.get("/").status_code == 303


def test_a_new_password_or_role_counts_at_once(peopled: Dashboard) -> None:
    anna = signed_in(peopled)
    lesser = ANNA.model_copy(update={"role": "read"})
    peopled.settings = WebSettings(users=(lesser, REED))
    assert anna.get("/").text.startswith("anna False")
    other = User(name="anna", password=passwords.hashed("another"), role="run")
    peopled.settings = WebSettings(users=(other, REED))
    assert anna.get("/").status_code == 303
    peopled.settings = WebSettings(users=(ANNA, REED))
    assert anna.get("/").status_code == 200
    peopled.settings = WebSettings(users=(REED,))
    assert anna.get("/").status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "x.y", "W10.", "\u00e4".encode("latin-1"), "a" * 5000])
def test_a_cookie_that_is_not_ours_is_nobody(peopled: Dashboard, cookie: str | bytes) -> None:
    value = cookie if isinstance(cookie, bytes) else cookie.encode()
    answer = peopled.visitor().get("/", headers=[(b"Cookie", b"restoredrill=" + value)])
    assert answer.status_code == 303


def test_a_cookie_that_was_changed_is_nobody(peopled: Dashboard) -> None:
    reed = peopled.visitor()
    reed.sign_in("reed", "only looking")
    payload, dot, signature = reed.cookies["restoredrill"].partition(".")
    for changed in (payload[:-2] + "AA" + dot + signature, payload + dot, payload + dot + signature[::-1]):
        thief = peopled.visitor()
        thief.cookies.set("restoredrill", changed)
        assert thief.get("/").status_code == 303


def test_a_cookie_signed_with_another_key_is_nobody(make: Make, peopled: Dashboard) -> None:
    elsewhere = make(users=(ANNA, REED))
    thief = peopled.visitor()
    thief.cookies.set("restoredrill", signed_in(elsewhere).cookies["restoredrill"])
    assert thief.get("/").status_code == 303


def test_a_session_key_keeps_people_signed_in_over_a_restart(peopled: Dashboard) -> None:
    first, second = (
        Dashboard(peopled.settings, peopled.state, session_key="the same " * 4) for _ in range(2)
    )
    anna = signed_in(first)
    anna.app = second.app
    assert anna.get("/").status_code == 200


# Where a link may lead --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        "/",
        "/databases/shop?sort=age&page=2",
        "/drills/shop/20260923T031500Z-7f3a",
        "/a?next=https://evil.example",
    ],
)
def test_after_signing_in_people_go_where_they_wanted(peopled: Dashboard, wanted: str) -> None:
    answer = peopled.visitor().sign_in("anna", "correct horse", next=wanted)
    assert answer.headers["location"] == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%0d%0aSet-Cookie:x\r\nx: y",
        "javascript:alert(1)",
        " /",
        "",
        "evil",
        "/sign-in?next=/",
        "/sign-out",
        "/\u2028",
    ],
)
def test_nobody_is_led_elsewhere(wanted: str) -> None:
    assert next_address(wanted) == "/"


def test_what_a_link_says_is_escaped(peopled: Dashboard) -> None:
    page = peopled.visitor().get("/sign-in?next=/a'%22%3E%3Cscript%3E").text
    assert "<script" not in page
    assert "&#x27;" in peopled.visitor().get("/sign-in?next=/a'").text
