"""Where a request comes from, as far as it can be known; and which settings are refused."""

import pytest
from pydantic import ValidationError

from restoredrill.service_settings import ProxySettings, User, WebSettings
from restoredrill.web.safety.addresses import neighbourhood, networks, person_at
from tests.web_safety.visitors import ANNA

PROXIES = networks(("10.0.0.0/8", "fd00::1"))
TLS = {"tls_certificate": "/c.pem", "tls_key": "/k.pem"}
EVERYWHERE = {"listen": "0.0.0.0:8765"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "person"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),  # who is not trusted is not believed
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.1.1.1, 198.51.100.1",), "198.51.100.1"),  # what came through is made up
        ("10.0.0.1", ("1.1.1.1", "198.51.100.1, 10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", ("10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", ("198.51.100.1, <script>",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("fd00::1", ("2001:db8::7",), "2001:db8::7"),
        ("", ("198.51.100.1",), ""),
    ],
)
def test_a_person_is_where_the_last_trusted_one_says(
    peer: str, forwarded: tuple[str, ...], person: str
) -> None:
    assert person_at(peer, forwarded, PROXIES) == person


def test_whoever_has_one_address_of_ipv6_has_its_neighbours() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff") == "2001:db8::/64"
    assert neighbourhood("203.0.113.9") != neighbourhood("203.0.113.8")
    assert neighbourhood("::ffff:203.0.113.9") == "203.0.113.9"
    assert neighbourhood("who knows") == "unknown"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (EVERYWHERE, "needs users or proxy"),
        ({**EVERYWHERE, **TLS}, "needs users or proxy"),
        ({**EVERYWHERE, "users": (ANNA,)}, "needs tls_certificate and tls_key, or tls_by_proxy"),
        ({"listen": "[::]:8765"}, "needs users or proxy"),
        ({"listen": "127.0.0.1.nip.io:80"}, "needs users or proxy"),
        ({"listen": "localhost"}, "needs users or proxy"),  # a name and no port: who knows
        ({"tls_key": "/k.pem"}, "go together"),
        ({"tls_by_proxy": True}, "is reached through a proxy"),
        ({"users": (ANNA, ANNA)}, "a name twice"),
        ({"scrapers": ("0.0.0.0/0",)}, "is everybody"),
        ({"scrapers": ("prometheus",)}, "is no address"),
    ],
)
def test_unsafe_settings_are_refused(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        WebSettings.model_validate(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"listen": "[::1]:80"},
        {"listen": "localhost:80"},
        {**EVERYWHERE, **TLS, "users": (ANNA,)},
        {**EVERYWHERE, "tls_by_proxy": True, "proxy": {"addresses": ("10.0.0.1",)}},
    ],
)
def test_safe_settings_are_not(settings: dict[str, object]) -> None:
    assert WebSettings.model_validate(settings).users == settings.get("users", ())


@pytest.mark.parametrize("addresses", [(), ("everywhere",), ("::/0",), ("10.0.0.0/33",)])
def test_a_proxy_has_addresses(addresses: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        ProxySettings.model_validate({"addresses": addresses})


@pytest.mark.parametrize(
    "password", ["secret", "$argon2id$", "$argon2i$v=19$m=8,t=1,p=1$YQ$YQ", "$2b$12$abc"]
)
def test_a_password_is_a_hash(password: str) -> None:
    with pytest.raises(ValidationError):
        User.model_validate({"name": "anna", "password": password})


@pytest.mark.parametrize("name", ["", " anna", "anna\n", "<b>", "a" * 101])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(ValidationError):
        User.model_validate({"name": name, "password": ANNA.password})
