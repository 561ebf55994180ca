"""Errands with a plan of a machine, and a stand-in for the metadata service of an instance."""

import hashlib
import json
import platform
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from restoredrill.model import BackupJob, Job, VaultSpec
from restoredrill.plan import AgentBundle, MachinePlan, Need, Volume

DRILL = "20261126T031500Z-7f3a"
BACKUP = "20261126T021500Z-0b1c"
BEGAN = datetime(2026, 11, 26, 3, 15, tzinfo=UTC)
HERE = f"linux_{platform.machine()}"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
ROLE = "restoredrill-drill"
USUAL = {
    "placement/region": "eu-central-1",
    "placement/availability-zone": "eu-central-1a",
    "instance-id": "i-0a1b2c3d4e5f60718",
    "instance-type": "m7i.large",
    "instance-life-cycle": "spot",
}


def bundle(body: bytes = b"", *, python: str = PYTHON, platform: str = HERE) -> AgentBundle:
    digest = hashlib.sha256(body).hexdigest()
    return AgentBundle(
        name=f"restoredrill-0.1.0-{platform}-py{python.replace('.', '')}-{digest[:12]}.pyz",
        version="0.1.0",
        sha256=digest,
        size_bytes=len(body),
        platform=platform,
        python=python,
    )


def plan(*bundles: AgentBundle, scratch: Any = "gp3") -> MachinePlan:
    architecture: Any = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    return MachinePlan(
        region="us-east-1",
        image="ami-0a1b2c3d4e5f60718",
        architecture=architecture,
        rungs=(),
        volume=Volume(gb=32),
        scratch=scratch,
        bundles=bundles or (bundle(),),
        instance_profile=ROLE,
        owner="dba@acme.example",
        need=Need(memory_bytes=0, cores=1, disk_bytes=0, major=17),
        prices_from="table of 2026-11-20",
    )


def job(
    vault: VaultSpec | None = None,
    *bundles: AgentBundle,
    began: datetime = BEGAN,
    lease_s: float = 4200,
    scratch: Any = "gp3",
    **more: Any,
) -> Job:
    return Job(
        drill=DRILL,
        backup=BACKUP,
        database="shop",
        vault=vault or VaultSpec(url="s3://acme-backups/shop"),
        provider="ec2",
        jobs=2,
        started_at=began,
        deadline_at=began + timedelta(seconds=lease_s - 600),
        expires_at=began + timedelta(seconds=lease_s),
        plan=plan(*bundles, scratch=scratch),
        **more,
    )


def backup_job(vault: VaultSpec | None = None, *bundles: AgentBundle) -> BackupJob:
    like = job(vault, *bundles)
    same = {name: getattr(like, name) for name in ("database", "vault", "provider", "jobs", "plan")}
    times = {name: getattr(like, name) for name in ("started_at", "deadline_at", "expires_at")}
    return BackupJob(backup=BACKUP, source_url="secretsmanager:shop/url", **same, **times)


class Metadata:
    """What an instance may ask about itself; `answers` may be changed while it is asked."""

    def __init__(self, keys: Mapping[str, str], answers: Mapping[str, str] = USUAL) -> None:
        self.answers = dict(answers)
        self.keys = dict(keys)
        self.refuses = 0  # so many questions to come
        self.url = ""

    def answer(self, path: str) -> str | None:
        role = "iam/security-credentials/"
        if path == role:
            return ROLE
        if path == f"{role}{ROLE}":
            return json.dumps({"Code": "Success", **self.keys})
        return self.answers.get(path)


@contextmanager
def metadata(access_key: str = "AKIATEST", secret_key: str = "made-up") -> Iterator[Metadata]:
    """A metadata service of version 2 that gives these keys for the role."""
    keys = {"AccessKeyId": access_key, "SecretAccessKey": secret_key, "Token": ""}
    told = Metadata({**keys, "Expiration": "2099-01-01T00:00:00Z"})

    class Answers(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._say(200, "a-token") if not self._refused() else self._say(503, "")

        def do_GET(self) -> None:
            if self.headers.get("X-aws-ec2-metadata-token") != "a-token":
                return self._say(401, "")
            found = told.answer(self.path.removeprefix("/latest/meta-data/"))
            return self._say(404, "") if found is None else self._say(200, found)

        def _refused(self) -> bool:
            told.refuses -= 1
            return told.refuses >= 0

        def _say(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
