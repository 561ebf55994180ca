"""What an instance may ask about itself: the metadata service, version 2 only."""

import contextlib
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime

import botocore.session

from restoredrill.errors import CloudMissing, CloudUnreachable
from restoredrill.model import MachineFacts
from restoredrill.plan import Market

ADDRESS = "http://169.254.169.254"
_TTL_S = 300
_MARKETS: dict[str, Market] = {"spot": "spot", "on-demand": "on-demand"}


@dataclass(frozen=True)
class Notice:
    """A spot interruption notice: what will be done, and when."""

    action: str  # terminate, stop, hibernate
    at: datetime | None


def address() -> str:
    """Where the service is: AWS_EC2_METADATA_SERVICE_ENDPOINT as the SDKs read it, or the usual place."""
    named = botocore.session.Session().get_config_variable("ec2_metadata_service_endpoint")
    return str(named or ADDRESS).rstrip("/")


class Imds:
    """The service at `base`. Every question takes a token of its own: they are few."""

    def __init__(self, base: str = ADDRESS, timeout_s: float = 2.0) -> None:
        self._base = base
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> str:
        """The answer for `meta-data/…`. Raises `CloudMissing` if there is none, `CloudUnreachable`."""
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TTL_S)}
        token = self._ask("api/token", headers, "PUT")
        return self._ask(f"meta-data/{path}", {"X-aws-ec2-metadata-token": token}, "GET")

    def facts(self) -> MachineFacts:
        """What this instance is. Raises `CloudUnreachable`; what the service leaves out stays empty."""
        market = self._any("instance-life-cycle")
        return MachineFacts(
            provider="ec2",
            id=self.get("instance-id"),
            type=self._any("instance-type"),
            region=self._any("placement/region"),
            zone=self._any("placement/availability-zone"),
            market=_MARKETS.get(market),
        )

    def notice(self) -> Notice | None:
        """That this instance will be taken away, once that is decided. Raises `CloudUnreachable`."""
        try:
            said = json.loads(self.get("spot/instance-action"))
        except CloudMissing:
            return None
        except ValueError:
            return Notice("unknown", None)
        at = None
        with contextlib.suppress(KeyError, TypeError, ValueError):
            at = datetime.fromisoformat(said["time"]).astimezone(UTC)
        action = said.get("action") if isinstance(said, dict) else None
        return Notice(str(action or "unknown"), at)

    def _any(self, path: str) -> str:
        try:
            return self.get(path)
        except CloudMissing:
            return ""

    def _ask(self, path: str, headers: dict[str, str], method: str) -> str:
        url = f"{self._base}/latest/{path}"
        asked = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - not from outside
        try:
            with self._opener.open(asked, timeout=self._timeout_s) as answer:
                text: str = answer.read().decode("utf-8", errors="replace")
                return text.strip()
        except urllib.error.HTTPError as error:
            kind = CloudMissing if error.code == 404 else CloudUnreachable
            raise kind("ask", f"the metadata service for {path}", f"{error.code} {error.reason}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            hint = "is this an instance, with IMDSv2 switched on?"
            reason = str(getattr(error, "reason", error)).lower() or type(error).__name__
            raise CloudUnreachable("ask", "the metadata service", reason, hint=hint) from error
