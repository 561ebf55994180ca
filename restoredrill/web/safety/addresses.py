"""Where a request comes from, and which hosts are ours. Pure."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from restoredrill.service_settings import WebSettings

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?", re.IGNORECASE)
_FORWARDED = ("forwarded", "via", "x-real-ip")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(named: Iterable[str]) -> tuple[Network, ...]:
    """Of addresses and CIDR ranges. Raises `ValueError` with the one that is neither."""
    return tuple(ipaddress.ip_network(one, strict=False) for one in named)


def among(address: str, ranges: Sequence[Network]) -> bool:
    """Whether it is one of these; an address that is none is not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)  # how a socket for both kinds shows an IPv4 peer
    return any((mapped or found) in one for one in ranges)


def person_at(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of the person: what a trusted peer says of whom it speaks for, from the right, until
    somebody who is not trusted. Everything left of that may be made up.
    """
    told = [part.strip() for line in forwarded for part in line.split(",")]
    found = peer
    while among(found, trusted) and told:
        try:
            found = str(ipaddress.ip_address(told.pop()))
        except ValueError:
            break
    return found


def neighbourhood(address: str) -> str:
    """What counts as one place when guesses are counted: whoever has one IPv6 address has all of its /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address) or found.ipv4_mapped is not None:
        return str(getattr(found, "ipv4_mapped", found))
    return str(ipaddress.ip_network((found, 64), strict=False))


def came_directly(peer: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a program on this very host asks, and for nobody else as far as it says."""
    names = {name.decode("latin-1").lower() for name, _ in headers}
    passed_on = any(name in _FORWARDED or name.startswith("x-forwarded-") for name in names)
    return not passed_on and among(peer, networks(("127.0.0.0/8", "::1")))


def split_host(value: str) -> tuple[str, str] | None:
    """Name (lower case, no brackets) and port of a `Host` header; None if it is none."""
    match = _HOST.fullmatch(value)
    return None if match is None else ((match[1] or match[2]).lower().rstrip("."), match[3] or "")


def is_ours(host: str, settings: WebSettings) -> bool:
    """Whether a `Host` header names this dashboard.

    Whatever the port: a tunnel has another one. Off loopback any bare address is fine too, since no name was
    looked up that somebody could have rebound. The name in `url` counts where people sign in: without that,
    it could only be reached by a proxy that nobody told us of.
    """
    found = split_host(host)
    if found is None:
        return False
    name = found[0]
    if name in LOOPBACK_NAMES or name == listen_host(settings):
        return True
    if not settings.users and settings.proxy is None:
        return False
    return name == _url_host(settings) or _is_address(name)


def origins(host: str, scheme: str, settings: WebSettings) -> tuple[str, ...]:
    """What `Origin` may say of a request to `host`: the same place, or where people are told to go."""
    found = [f"{scheme}://{host.lower()}"]
    if settings.tls_by_proxy:
        found.append(f"https://{host.lower()}")
    if settings.url is not None and (settings.users or settings.proxy is not None):
        parts = urlsplit(settings.url)
        found.append(f"{parts.scheme}://{parts.netloc}".lower())
    return tuple(found)


def listen_host(settings: WebSettings) -> str:
    """Of `listen`, without port and brackets."""
    return settings.listen.rpartition(":")[0].strip("[]").lower()


def _url_host(settings: WebSettings) -> str | None:
    return None if settings.url is None else urlsplit(settings.url).hostname


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
