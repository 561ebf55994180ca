"""What `schedules/_service.yaml` may say: restoredrill itself, beside the databases it looks after."""

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from restoredrill.sections import Section, schema_of
from restoredrill.values import (
    AbsolutePath,
    Count,
    Cron,
    Duration,
    Flag,
    NotifyUrl,
    Reference,
    TimeZone,
    Words,
)

FILE = "_service.yaml"
_ARGON2ID = r"^\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}$"
Money = Annotated[float, Field(gt=0)]
AtLeastOne = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class HistorySettings(Section):
    """The index. `url`: sqlite or postgresql; none given: a file in the state directory."""

    url: Words | None = None  # may hold references
    keep_s: Duration = Field(400 * 86400.0, alias="keep", json_schema_extra={"default": "400d"})


class LimitSettings(Section):
    """What may go on at once, and what may be spent."""

    drills: AtLeastOne = 4
    backups: AtLeastOne = 4
    local_drills: AtLeastOne = 2  # of those, on this host
    machines: AtLeastOne = 50  # in the cloud
    usd_per_month: Money | None = None


class Blackout(Section):
    """From each time of `cron` on, for so long, nothing of these kinds starts."""

    cron: Cron
    for_s: Duration = Field(alias="for")
    timezone: TimeZone = "UTC"
    what: tuple[Literal["backup", "drill"], ...] = ("backup", "drill")


class User(Section):
    """Who may sign in. `password`: an argon2id hash (`restoredrill password` makes one)."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$")]
    password: Annotated[str, Field(pattern=_ARGON2ID)]
    role: Literal["read", "run"] = "read"


def _ranges(named: tuple[str, ...]) -> tuple[str, ...]:
    for one in named:
        try:
            found = ipaddress.ip_network(one, strict=False)
        except ValueError:
            raise ValueError(f"{one[:40]!r} is no address and no range such as 10.0.0.0/8") from None
        if found.prefixlen == 0:
            raise ValueError(f"{one[:40]!r} is everybody")
    return named


Ranges = Annotated[tuple[Words, ...], AfterValidator(_ranges)]


class ProxySettings(Section):
    """A reverse proxy at these addresses signs people in (OIDC, say) and names them in a header."""

    addresses: Ranges = Field(min_length=1)
    user_header: Words = "X-Forwarded-User"
    role_header: Words | None = None  # none given: everybody has `role`
    role: Literal["read", "run"] = "read"


class WebSettings(Section):
    """The dashboard. Off loopback only with users or a proxy, and with TLS or a proxy that does it."""

    listen: Words = "127.0.0.1:8765"
    url: Words | None = None  # where people reach it: for links
    users: tuple[User, ...] = ()
    proxy: ProxySettings | None = None
    tls_certificate: AbsolutePath | None = None
    tls_key: AbsolutePath | None = None
    tls_by_proxy: Flag = False
    scrapers: Ranges = ()  # addresses off this host that may read /metrics without signing in
    session_key: Reference | None = None  # none given: a new one at every start signs everybody out

    @model_validator(mode="after")
    def _safe(self) -> "WebSettings":
        host = self.listen.rpartition(":")[0].strip("[]")
        if len({user.name for user in self.users}) != len(self.users):
            raise ValueError("users has a name twice")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.tls_by_proxy and not self.users and self.proxy is None:
            raise ValueError("is reached through a proxy, so it needs users or proxy")
        if host in ("127.0.0.1", "::1", "localhost"):
            return self
        if not self.users and self.proxy is None:
            raise ValueError("listens off loopback, so it needs users or proxy")
        if self.tls_certificate is None and not self.tls_by_proxy:
            raise ValueError("listens off loopback, so it needs tls_certificate and tls_key, or tls_by_proxy")
        return self


class TicketSettings(Section):
    """Where a failed drill opens an issue. Exactly one kind."""

    github: Words | None = None  # owner/repository
    gitlab: Words | None = None  # group/project
    jira: Words | None = None  # a project's key
    webhook: NotifyUrl | None = None
    url: Words | None = None  # of the server, where it is not the public one
    token: Reference | None = None
    user: Words | None = None  # Jira's
    labels: tuple[Words, ...] = ("restoredrill",)

    @model_validator(mode="after")
    def _is_one(self) -> "TicketSettings":
        kinds = [k for k in ("github", "gitlab", "jira", "webhook") if getattr(self, k) is not None]
        if len(kinds) != 1:
            raise ValueError(f"needs exactly one of github, gitlab, jira, webhook; has {len(kinds)}")
        if self.webhook is None and self.token is None:
            raise ValueError("needs a token")
        return self


class LogSettings(Section):
    """Where logs go: `auto` is for people on a terminal, JSON otherwise."""

    to: Words = "stderr"  # or syslog: udp://host:514, tcp://host:601, unix:///dev/log
    format: Literal["auto", "text", "json"] = "auto"


class MetricsSettings(Section):
    """`/metrics` is served by the dashboard; `textfile` is for node_exporter."""

    textfile: AbsolutePath | None = None


class EvidenceSettings(Section):
    """Every report is signed with this Ed25519 key (a PEM file)."""

    key: Reference | None = None


class ServiceSettings(Section):
    """The whole file; without it everything has its default."""

    history: HistorySettings = HistorySettings()
    limits: LimitSettings = LimitSettings()
    jitter_s: Duration = Field(0.0, alias="jitter", json_schema_extra={"default": "0s"})
    blackouts: tuple[Blackout, ...] = ()
    web: WebSettings = WebSettings()
    notify: tuple[NotifyUrl, ...] = ()  # whom to tell of the service's own troubles
    ping: NotifyUrl | None = None  # healthchecks.io's protocol: who notices that the service is dead
    ping_every_s: Duration = Field(300.0, alias="ping_every", json_schema_extra={"default": "5m"})
    ticket: TicketSettings | None = None
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    ticks_s: Duration = Field(5.0, alias="ticks", json_schema_extra={"default": "5s"})
    retry_inconclusive: Count = 0  # so many times, a drill that could not find out is tried again


def json_schema() -> dict[str, Any]:
    """The shape of `_service.yaml` (draft 2020-12)."""
    return schema_of(ServiceSettings, "restoredrill as a service")
