"""`command`: a program of the user's own ends with status 0.

Options: argv, write, timeout_s. It gets DATABASE_URL, and PGHOST and the like, and of our own environment
only the harmless part. Its role may read everything and change nothing, unless `write` is true. What it
prints may be rows, so none of it goes into the report.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from restoredrill import clock, process
from restoredrill.checks.answer import check, failed, not_run, passed
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult, CheckSpec
from restoredrill.protocols import Database

_LOOK_EVERY_S = 0.05


@check
def command(spec: CheckSpec, database: Database, now: datetime) -> CheckResult:
    """Its whole process group is killed when the time is over."""
    argv, timeout_s = spec.options["argv"], float(spec.options["timeout_s"])
    database.query("SELECT 1", timeout_s)  # a server that is gone is not the program's fault
    url = database.url if spec.options.get("write") else database.reader_url()
    name = Path(argv[0]).name
    try:
        code = _status(argv, _environment(url), timeout_s)
    except OSError as error:
        return not_run(spec, f"start {name}: {error.strerror or error}")
    if code is None:
        message = f"{name} did not end within {timeout_s:g} s"
        return failed(spec, finding("COMMAND_TIMEOUT", spec.name, message))
    if code == 0:
        return passed(spec, f"{name} ended with status 0", measured=0)
    how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
    return failed(spec, finding("COMMAND_FAILED", spec.name, f"{name} {how}"), measured=code)


def _status(argv: Sequence[str], extra_env: Mapping[str, str], timeout_s: float) -> int | None:
    """How the program ended, None if it did not in time. Whatever it has started ends with it."""
    child = process.start(argv, extra_env=extra_env)  # its output goes nowhere
    until_s = clock.monotonic_s() + timeout_s
    try:
        while child.poll() is None and clock.monotonic_s() < until_s:
            clock.sleep(_LOOK_EVERY_S)
        return child.poll()
    finally:
        process.kill_group(child)


def _environment(url: str) -> Mapping[str, str]:
    """The URL as it is, and in pieces for libpq's programs."""
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    pieces = {
        "PGHOST": asked.get("host") or unquote(parts.hostname or ""),
        "PGPORT": asked.get("port") or str(parts.port or ""),
        "PGUSER": asked.get("user") or unquote(parts.username or ""),
        "PGDATABASE": unquote(parts.path.removeprefix("/")) or asked.get("dbname", ""),
    }
    return {"DATABASE_URL": url, **{name: value for name, value in pieces.items() if value}}
