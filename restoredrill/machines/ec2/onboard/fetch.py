"""Runs on a throwaway machine before anything of ours is there: fetches the agent from the vault.

    fetch.py get  NOTE PYTHON DIR   the bundle for this Python, checked; its path on standard output
    fetch.py tell NOTE MESSAGE      one event in the vault: the last words of a machine that could not start

The standard library only, and whatever Python 3 an image has: this runs where the bundle may not.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import json
import os
import platform
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Callable, TypeVar

CHUNK = 1 << 20
# What is refused is asked for again this long: a new machine's role needs a moment to be known everywhere.
REFUSED_S = float(os.environ.get("RD_REFUSED_S", "60"))
TROUBLE = (OSError, http.client.HTTPException, ValueError, KeyError, IndexError)
T = TypeVar("T")


class GiveUp(Exception):
    pass  # nothing that waiting cures


def say(text: str) -> None:
    print(f"restoredrill: {text}", file=sys.stderr, flush=True)


def imds(path: str) -> str:
    """An answer of the instance metadata service, version 2."""
    base = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
    asked = urllib.request.Request(f"{base}/latest/api/token", headers=ttl, method="PUT")
    token = opener.open(asked, timeout=5).read().decode()
    asked = urllib.request.Request(f"{base}/latest/{path}", headers={"X-aws-ec2-metadata-token": token})
    return str(opener.open(asked, timeout=5).read().decode())


def credentials() -> dict[str, str]:
    """The keys of the machine's role."""
    path = "meta-data/iam/security-credentials/"
    found: dict[str, str] = json.loads(imds(path + imds(path).split()[0]))
    if found.get("Code", "Success") != "Success":
        raise ValueError(f"the machine's role gives no credentials: {found.get('Code')}")
    return found


class Vault:
    """Signed requests to the vault's bucket."""

    def __init__(self, note: dict[str, Any]) -> None:
        vault = note["vault"]
        bucket, _, prefix = vault["url"][len("s3://") :].partition("/")
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.region = vault.get("region") or note["region"]
        given = vault.get("endpoint_url")
        given = given or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        url = urllib.parse.urlsplit(given or f"https://s3.{self.region}.{suffix}")
        by_path = vault.get("path_style")
        if by_path is None:
            by_path = bool(given) or "." in bucket
        self.scheme = url.scheme
        self.host = url.netloc if by_path else f"{bucket}.{url.netloc}"
        self.path = url.path.rstrip("/") + (f"/{bucket}" if by_path else "")

    def send(self, method: str, key: str, body: bytes = b"", **more: str) -> Any:
        path = urllib.parse.quote(f"{self.path}/{self.prefix}{key}", safe="/-_.~")
        headers = {**self.signed(method, path, body), **more}
        url = f"{self.scheme}://{self.host}{path}"
        request = urllib.request.Request(url, headers=headers, method=method, data=body or None)
        return urllib.request.urlopen(request, timeout=30)

    def put(self, key: str, body: bytes) -> None:
        self.send("PUT", key, body, **{"Content-Type": "application/json"}).read()

    def signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """Signature Version 4: "Authenticating requests" in Amazon S3's API reference."""
        keys = credentials()
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        said = {"host": self.host, "x-amz-content-sha256": digest, "x-amz-date": at}
        if keys.get("Token"):
            said["x-amz-security-token"] = keys["Token"]
        names = ";".join(sorted(said))
        lines = "".join(f"{name}:{said[name]}\n" for name in sorted(said))
        asked = "\n".join([method, path, "", lines, names, digest])
        scope = f"{at[:8]}/{self.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(asked.encode()).hexdigest()])
        key = f"AWS4{keys['SecretAccessKey']}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), "sha256").digest()
        credential = f"Credential={keys['AccessKeyId']}/{scope}"
        said["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}"
        return said


def why(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.read(2000).decode('utf-8', 'replace') or error.reason}"
    return f"{type(error).__name__}: {error}"


def patiently(what: str, seconds: float, work: Callable[[], T]) -> T:
    """Try again until it works or time is up."""
    began, told, pause = time.monotonic(), "", 0.5
    while True:
        try:
            return work()
        except TROUBLE as error:
            reason = why(error)
            refused = isinstance(error, urllib.error.HTTPError) and error.code in (400, 403, 404)
            if time.monotonic() - began > (min(seconds, REFUSED_S) if refused else seconds):
                raise GiveUp(f"{what}: {reason}") from error
            if reason != told:
                say(f"{what}: {reason}; trying again")
            told, pause = reason, min(pause * 2, 15)
            time.sleep(pause)


def download(vault: Vault, bundle: dict[str, Any], path: Path) -> None:
    """Goes on where it broke off: `path` may hold the first part."""
    with path.open("ab") as file:
        there = file.tell()
        if there < bundle["size_bytes"]:
            answer = vault.send("GET", f"agents/{bundle['name']}", Range=f"bytes={there}-")
            if answer.status != 206:
                file.truncate(0)
            for chunk in iter(lambda: answer.read(CHUNK), b""):
                file.write(chunk)
    if path.stat().st_size < bundle["size_bytes"]:
        raise ValueError("the connection broke off")


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def get(note: dict[str, Any], python: str, directory: str) -> Path:
    here = f"linux_{platform.machine()}"
    fits = [one for one in note["bundles"] if one["python"] == python and one["platform"] == here]
    if not fits:
        raise GiveUp(f"no bundle for Python {python} on {here}")
    bundle = fits[0]
    baked = Path(note["baked"], bundle["name"])
    if baked.exists() and sha256(baked) == bundle["sha256"]:
        return baked
    path = Path(directory, bundle["name"])
    vault = Vault(note)
    patiently(f"fetch {bundle['name']}", note["patience_s"], lambda: download(vault, bundle, path))
    found = sha256(path)
    if found != bundle["sha256"]:
        path.unlink()
        raise GiveUp(f"{bundle['name']} has SHA-256 {found} and not {bundle['sha256']}: it is not run")
    return path


def tell(note: dict[str, Any], message: str) -> None:
    at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {"at": at, "phase": "boot", "kind": "note", "message": message[:2000]}
    body = json.dumps(event).encode()
    patience_s = min(120, note["patience_s"])
    patiently("tell the vault", patience_s, lambda: Vault(note).put(note["last_event"], body))


def main(deed: str, note_path: str, *words: str) -> int:
    note = json.loads(Path(note_path).read_text(encoding="utf-8"))
    try:
        if deed == "tell":
            tell(note, *words)
        else:
            print(get(note, *words))
        return 0
    except GiveUp as error:
        say(str(error))
        if deed == "get":
            try:
                tell(note, str(error))
            except GiveUp as second:
                say(str(second))
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
