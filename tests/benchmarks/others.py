"""What people do without restoredrill, as a program that is measured: PostgreSQL's tools and a copy to S3.

The copy is boto3's transfer with its defaults, which is what `aws s3 cp` is made of.
"""

import subprocess
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from s3transfer.manager import TransferConfig, TransferManager

from restoredrill.engines.postgres import room, tuning
from restoredrill.engines.postgres.server import Server
from restoredrill.engines.postgres.toolchain import Tools
from tests.benchmarks.databases import contents
from tests.benchmarks.steps import JOBS, order, outcome, step

# What `Server` sets for its own reasons and an untouched server has otherwise.
UNTOUCHED = {"dynamic_shared_memory_type": "posix", "log_error_verbosity": "default", "log_checkpoints": "on"}


class Copy:
    """`aws s3 cp`, to and from one bucket, several files at once."""

    def __init__(self, s3: dict[str, str]) -> None:
        self._bucket = s3["bucket"]
        self._client = boto3.client(
            "s3",
            endpoint_url=s3["endpoint_url"],
            region_name="us-east-1",
            aws_access_key_id=s3["access_key"],
            aws_secret_access_key=s3["secret_key"],
            config=Config(max_pool_connections=20, s3={"addressing_style": "path"}),
        )

    def up(self, files: dict[str, Any]) -> None:
        """Key -> path or stream."""
        with TransferManager(self._client, TransferConfig()) as manager:
            for future in [manager.upload(file, self._bucket, key) for key, file in files.items()]:
                future.result()

    def down(self, files: dict[str, Path]) -> None:
        """Key -> path."""
        with TransferManager(self._client, TransferConfig()) as manager:
            for future in [manager.download(self._bucket, key, str(path)) for key, path in files.items()]:
                future.result()

    def keys(self, prefix: str) -> list[str]:
        """Keys below a prefix."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]


def dump_through_pipe(what: dict[str, Any], copy: Copy) -> None:
    """`pg_dump -Fc | aws s3 cp -`: no disk, one core for dump and compression (gzip, its default)."""
    key = f"others/{what['number']}.custom"
    with step("backup"):
        with subprocess.Popen([what["bin"] + "/pg_dump", "-Fc", what["url"]], stdout=subprocess.PIPE) as dump:
            copy.up({key: dump.stdout})
        assert dump.returncode == 0
    outcome({"backup": key})


def dump_to_disk(what: dict[str, Any], copy: Copy) -> None:
    """`pg_dump -Fd -j2 --compress=zstd`, then `aws s3 cp --recursive`."""
    folder, prefix = Path(what["folder"], "dump"), f"others/{what['number']}/"
    with step("backup"):
        argv = ["-Fd", f"-j{JOBS}", "--compress=zstd", "-f", str(folder), what["url"]]
        subprocess.run([what["bin"] + "/pg_dump", *argv], check=True)
        copy.up({f"{prefix}{path.name}": str(path) for path in folder.iterdir()})
    outcome({"backup": prefix})


def restore_plainly(what: dict[str, Any], copy: Copy) -> None:
    """`aws s3 cp`, then `pg_restore` with one job, on a server nobody has tuned."""
    file = Path(what["folder"], "dump.custom")

    def restore(url: str) -> None:
        copy.down({what["backup"]: file})
        subprocess.run([what["bin"] + "/pg_restore", "-d", url, str(file)], check=True)

    _on_a_server(what, UNTOUCHED, restore)


def restore_tuned(what: dict[str, Any], copy: Copy) -> None:
    """`aws s3 cp --recursive`, then `pg_restore -j2`, on the server that restoredrill makes."""
    folder = Path(what["folder"], "dump")
    settings = tuning.settings(
        room.machine(), major=what["major"], jobs=JOBS, database_bytes=what["size_bytes"]
    )

    def restore(url: str) -> None:
        folder.mkdir()
        copy.down({key: folder / key.rpartition("/")[2] for key in copy.keys(what["backup"])})
        subprocess.run([what["bin"] + "/pg_restore", f"-j{JOBS}", "-d", url, str(folder)], check=True)

    _on_a_server(what, settings, restore)


def _on_a_server(what: dict[str, Any], settings: Any, restore: Any) -> None:
    server = Server(
        Tools(Path(what["bin"]), what["major"], what["version"]),
        Path(what["folder"], "pg"),
        trust_socket=True,
    )
    server.create(encoding="UTF8", locale=what["locale"], settings=settings)
    server.start()
    try:
        subprocess.run(
            [what["bin"] + "/createdb", f"--maintenance-db={server.url('postgres')}", "restored"], check=True
        )
        with step("restore"):
            restore(server.url("restored"))
        outcome(contents(server.url("restored")))
    finally:
        server.stop()


VERBS = {
    "pipe": dump_through_pipe,
    "disk": dump_to_disk,
    "plain": restore_plainly,
    "tuned": restore_tuned,
}

if __name__ == "__main__":
    asked = order()
    VERBS[asked["verb"]](asked, Copy(asked["s3"]))
