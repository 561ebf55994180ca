"""The instance metadata service of one instance, as cloud-init and botocore ask it.

It answers on any listening socket: on the loopback for a test, on 169.254.169.254 in a machine's own network.
Rules: docs.aws.amazon.com/AWSEC2/latest/UserGuide, "Use IMDS" and "Instance metadata categories".
"""

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.cloud.model import Instance, Keys

LONGEST_S = 21600
VERSIONS = ("2016-09-02", "2018-09-24", "2021-03-23", "2024-10-30", "latest")
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


class Imds:
    """Serves until `close`.

    `instance` looks at the instance anew, `keys` gives the role's credentials, `notice` the spot notice.
    `more` says what else is known (`local-ipv4`, the MAC below `mac`), by path below `meta-data/`.
    """

    def __init__(
        self,
        instance: Callable[[], Instance],
        keys: Callable[[], Keys | None],
        notice: Callable[[], Mapping[str, str] | None],
        listener: socket.socket | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.instance, self.notice = instance, notice
        self.more = dict(more or {})
        self.requests: list[tuple[str, str, int]] = []  # method, path, status
        self._ask_keys = keys
        self._keys: Keys | None = None
        self._tokens: dict[str, float] = {}
        self._server = _Server(self, listener or _loopback())
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.socket.getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes botocore ask here instead of at 169.254.169.254."""
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url, "AWS_EC2_METADATA_DISABLED": "false"}

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=30)
        self._server.server_close()

    # Tokens -----------------------------------------------------------------------------------------------

    def token(self, ttl_s: int) -> str:
        """A new token that is good for `ttl_s`."""
        made = secrets.token_urlsafe(40)
        self._tokens[made] = time.monotonic() + ttl_s
        return made

    def good(self, token: str) -> bool:
        return self._tokens.get(token, 0.0) > time.monotonic()

    def expire(self) -> None:
        """Every token that was given out is expired now."""
        self._tokens.clear()

    # What there is to read --------------------------------------------------------------------------------

    def read(self, path: str) -> bytes | None:
        """The content behind a path without its version, or None."""
        seen = self.instance()
        if path.rstrip("/") == "":
            return b"dynamic\nmeta-data\n" + (b"user-data" if seen.user_data else b"")
        if path == "/user-data":
            return seen.user_data
        if path.startswith("/dynamic"):  # cloud-init lists the folders on its way
            tree = {"instance-identity/document": json.dumps(_identity(seen), indent=2)}
            return _leaf(tree, path.removeprefix("/dynamic").strip("/"))
        if path.startswith("/meta-data"):
            return _leaf(self._tree(seen), path.removeprefix("/meta-data").strip("/"))
        return None

    def _tree(self, seen: Instance) -> dict[str, str]:
        mac = self.more.get("mac", seen.mac)
        tree = _machine(seen) | _interface(seen, mac)
        tree |= {name: value for name, value in self.more.items() if name not in ("mac",)}
        if seen.profile:
            tree |= self._role(seen.profile)
        if notice := self.notice():
            tree["spot/instance-action"] = json.dumps(dict(notice))
            tree["spot/termination-time"] = notice["time"]
        if seen.metadata_tags:
            tree |= {f"tags/instance/{key}": value for key, value in seen.tags.items()}
        return tree

    def _role(self, profile: str) -> dict[str, str]:
        keys = self._current_keys()
        info = {"Code": "Success", "LastUpdated": _text(datetime.now(UTC)), "InstanceProfileArn": profile}
        tree = {"iam/info": json.dumps(info | {"InstanceProfileId": "AIPA0000000000000000"})}
        if keys is None:
            return tree
        said = {
            "Code": "Success",
            "LastUpdated": _text(datetime.now(UTC)),
            "Type": "AWS-HMAC",
            "AccessKeyId": keys.access_key,
            "SecretAccessKey": keys.secret_key,
            "Token": keys.token,
            "Expiration": _text(keys.expires_at or datetime.now(UTC)),
        }
        return tree | {
            f"iam/security-credentials/{keys.role or profile.rsplit('/', 1)[-1]}": json.dumps(said)
        }

    def _current_keys(self) -> Keys | None:
        """The role's keys; new ones five minutes before the old ones end, as AWS does."""
        known = self._keys
        if known and known.expires_at and (known.expires_at - datetime.now(UTC)).total_seconds() > 300:
            return known
        self._keys = self._ask_keys()
        return self._keys


def _machine(seen: Instance) -> dict[str, str]:
    host = f"ip-{seen.private_ip.replace('.', '-')}.ec2.internal"
    tree = {
        "ami-id": seen.image,
        "ami-launch-index": "0",
        "ami-manifest-path": "(unknown)",
        "block-device-mapping/ami": seen.root_device.removeprefix("/dev/"),
        "block-device-mapping/root": seen.root_device,
        "hostname": host,
        "instance-action": "none",
        "instance-id": seen.id,
        "instance-life-cycle": seen.market,
        "instance-type": seen.type,
        "local-hostname": host,
        "local-ipv4": seen.private_ip,
        "placement/availability-zone": seen.zone,
        "placement/region": seen.region,
        "profile": "default-hvm",
        "reservation-id": f"r-{seen.id.removeprefix('i-')}",
        "services/domain": "amazonaws.com",
        "services/partition": "aws",
        "system": "nitro",
    }
    return tree | ({"public-ipv4": seen.public_ip} if seen.public_ip else {})


def _interface(seen: Instance, mac: str) -> dict[str, str]:
    below = f"network/interfaces/macs/{mac}"
    groups = "\n".join(seen.groups)
    return {
        "mac": mac,
        f"{below}/device-number": "0",
        f"{below}/interface-id": seen.interfaces[0] if seen.interfaces else "",
        f"{below}/local-ipv4s": seen.private_ip,
        f"{below}/mac": mac,
        f"{below}/owner-id": seen.account,
        f"{below}/security-group-ids": groups,
        f"{below}/subnet-id": seen.subnet,
        f"{below}/subnet-ipv4-cidr-block": seen.subnet_cidr,
        f"{below}/vpc-id": seen.vpc,
    }


def _identity(seen: Instance) -> dict[str, Any]:
    return {
        "accountId": seen.account,
        "architecture": seen.architecture,
        "availabilityZone": seen.zone,
        "imageId": seen.image,
        "instanceId": seen.id,
        "instanceType": seen.type,
        "pendingTime": _text(seen.launched_at),
        "privateIp": seen.private_ip,
        "region": seen.region,
        "version": "2017-09-30",
    }


def _leaf(tree: Mapping[str, str], path: str) -> bytes | None:
    """A value, or the names in a directory, each directory with a slash."""
    if path in tree:
        return tree[path].encode()
    below = f"{path}/" if path else ""
    inside = [name.removeprefix(below) for name in tree if name.startswith(below)]
    if not inside:
        return None
    names = {name.partition("/")[0] + ("/" if "/" in name else "") for name in inside}
    return "\n".join(sorted(names)).encode()


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _loopback() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, imds: Imds, listener: socket.socket) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.socket.listen(64)
        self.imds = imds

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A machine that dies in the middle of a question is no error of this server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_PUT(self) -> None:
        status, body = self._token()
        if status == 200:
            # The hop limit: the packets of this answer live no longer.
            with suppress(OSError):
                hops = self.server.imds.instance().hop_limit
                self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        self._say(status, body, {TTL: self.headers.get(TTL, "")} if status == 200 else {})

    def do_GET(self) -> None:
        self._say(*self._content())

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        self._say(405, b"")

    do_DELETE = do_POST  # noqa: N815

    def _token(self) -> tuple[int, bytes]:
        imds = self.server.imds
        if imds.instance().http_endpoint == "disabled" or self.headers.get("X-Forwarded-For") is not None:
            return 403, b""
        if self.path != "/latest/api/token":
            return 405, b""
        said = self.headers.get(TTL, "")
        if not said.isascii() or not said.isdigit() or not 1 <= int(said) <= LONGEST_S:
            return 400, b""
        return 200, imds.token(int(said)).encode()

    def _content(self) -> tuple[int, bytes]:
        imds, token = self.server.imds, self.headers.get(TOKEN)
        seen = imds.instance()
        if seen.http_endpoint == "disabled":
            return 403, b""
        if (token is None and seen.http_tokens == "required") or (token is not None and not imds.good(token)):
            return 401, b""
        path = unquote(self.path.partition("?")[0])
        if path == "/":
            return 200, "\n".join(VERSIONS).encode()
        version, _, rest = path.lstrip("/").partition("/")
        body = imds.read(f"/{rest}") if version in VERSIONS else None
        return (404, b"") if body is None else (200, body)

    def _say(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.server.imds.requests.append((self.command, self.path, status))
        size = int(self.headers.get("Content-Length") or 0)
        if size:
            self.rfile.read(size)
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: what was asked is in `Imds.requests`."""
