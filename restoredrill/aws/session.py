"""From who and where one is to a client of one of AWS's services. The only place that makes one."""

import ipaddress
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError
from botocore.loaders import Loader, create_loader

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
# botocore pauses longer each time, by chance and 20 s at the most; ten attempts outlast a busy minute.
ATTEMPTS = 10
_CONNECTIONS = 32
# Other clouds want some region in the signature and do not care which.
_ANY_REGION = "us-east-1"


@dataclass(frozen=True)
class Reach:
    """An account of AWS: where its machines are started, where else to look, and who one is towards it.

    `endpoint_url` is for what imitates AWS: every service is then asked there.
    """

    region: str
    regions: tuple[str, ...] = ()
    profile: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None

    @property
    def swept(self) -> tuple[str, ...]:
        """Every region to look in, each once; the one where machines are started comes first."""
        return tuple(dict.fromkeys((self.region, *self.regions)))


# Any: the stubs have a type a service, told by a literal name. Whoever calls knows which it is, and says so.
def client(service: str, reach: Reach, region: str | None = None, *, attempts: int = ATTEMPTS) -> Any:
    """A client of `service` ("ec2", "pricing") in `region`, else the reach's own. Nothing is sent yet.

    Safe to share between threads; making one costs a tenth of a second, so keep it. `attempts` is for whoever
    tries again by himself. Raises botocore's errors: call it inside `aws.errors.translated`.
    """
    return make_client(
        service,
        open_session(reach.profile, reach.role_arn, reach.region, reach.endpoint_url),
        region or reach.region,
        reach.endpoint_url,
        attempts=attempts,
    )


def open_session(
    profile: str | None,
    role_arn: str | None,
    region: str | None,
    sts_url: str | None = None,
    keys: tuple[str, str] | None = None,
) -> botocore.session.Session:
    """Who one is: `keys`, else the profile, else what the host says; as the role, where there is one."""
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    if keys is not None:
        session.set_credentials(*keys)
    if role_arn:
        _assume(session, role_arn, region, sts_url)
    return session


@cache
def _loader(places: str | None) -> Loader:
    """What botocore knows of AWS's services, read once a process: of EC2 alone it is 22 MB a session, which
    many drills at once would each pay.
    """
    return create_loader(places)


def make_client(
    service: str,
    session: botocore.session.Session,
    region: str | None,
    endpoint_url: str | None,
    *,
    attempts: int,
    **config: Any,
) -> Any:
    """A client with time-outs, retries and proxies as all of ours have them, and with `config` besides."""
    region = region or session.get_config_variable("region")
    return boto3.Session(botocore_session=session).client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint_url,
        region_name=region or (_ANY_REGION if endpoint_url else None),
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": attempts},
            tcp_keepalive=True,
            max_pool_connections=_CONNECTIONS,
            proxies={} if _is_here(endpoint_url) else None,
            **config,
        ),
    )


def _assume(
    session: botocore.session.Session, role_arn: str, region: str | None, sts_url: str | None
) -> None:
    """Work as `role_arn`, with credentials that are got when first needed and again before they expire."""
    source = session.get_credentials()
    if source is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=lambda service, **keys: session.create_client(
            service,
            region_name=region or (_ANY_REGION if sts_url else None),
            endpoint_url=sts_url,
            config=Config(proxies={} if _is_here(sts_url) else None),
            **keys,
        ),
        source_credentials=source,
        role_arn=role_arn,
        extra_args={"RoleSessionName": "restoredrill"},
    )
    refreshed = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    # botocore has no public way in for credentials that refresh themselves; this is the one people take.
    session._credentials = refreshed  # type: ignore[attr-defined]


def _is_here(endpoint_url: str | None) -> bool:
    """Is it on this host? Then no proxy can reach it."""
    host = urlsplit(endpoint_url or "").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
