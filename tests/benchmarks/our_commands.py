"""The commands as a user types them, measured whole: from the first import to the last word."""

import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.steps import JOBS, order, step

_FILE = """
source: {{url: "${{BENCH_URL}}"}}
vault:
  url: s3://{bucket}/commands
  endpoint_url: {endpoint_url}
  region: us-east-1
  access_key_id: ${{BENCH_ACCESS_KEY}}
  secret_access_key: ${{BENCH_SECRET_KEY}}
backup: {{jobs: {jobs}, fingerprint: content}}
drill: {{jobs: {jobs}, deadline: 2h}}
machines: {{local: {{directory: {machines}}}}}
"""


def main() -> None:
    """`restoredrill backup`, then `restoredrill drill` of what it took."""
    what = order()
    schedules, machines = Path(what["folder"], "schedules"), Path(what["folder"], "m")
    schedules.mkdir()
    (schedules / "bench.yaml").write_text(_FILE.format(**what["s3"], jobs=JOBS, machines=machines))
    environment = {
        **os.environ,
        "BENCH_URL": what["url"],
        "BENCH_ACCESS_KEY": what["s3"]["access_key"],
        "BENCH_SECRET_KEY": what["s3"]["secret_key"],
    }
    with step("backup"):
        _run("backup", schedules, environment)
    with step("drill"):
        _run("drill", schedules, environment)


def _run(verb: str, schedules: Path, environment: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "restoredrill", verb, "bench", "--schedules", str(schedules), "--json"]
    done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        print(done.stdout.decode()[-4000:], file=sys.stderr)
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
