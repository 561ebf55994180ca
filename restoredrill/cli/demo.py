"""`restoredrill demo`: back up, drill, damage, drill again, on embedded parts; nothing to configure."""

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click

from restoredrill import clock, config
from restoredrill.cli.forms import report_answer
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.errors import Exit, UsageError
from restoredrill.machines.local import workplace
from restoredrill.model import Report, Verdict, make_id
from restoredrill.reports import units

REQUESTS = 300_000
LONGEST = timedelta(days=1)  # until a demo counts as left behind, even if it seems to live


@new_command
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep bucket and reports there.")
@click.option("--requests", type=click.IntRange(1000), default=REQUESTS, help="Lines of log (300000).")
def command(context: Context, keep: Path | None, requests: int) -> Answer:
    """Back up a real PostgreSQL to a real S3 server, drill it, damage a copy quietly, drill that."""
    from restoredrill import demo  # an extra: `pip install 'restoredrill[demo]'`

    began_s = clock.monotonic_s()
    with _folder(keep) as folder, _pages(keep) as pages, context.progress() as progress:

        def say(line: str) -> None:
            context.tell(f"[{clock.monotonic_s() - began_s:4.0f} s] {line}")

        with demo.stage(folder, requests, say, progress) as stage:
            say("backing up, encrypted: restoredrill backup demo")
            taken = stage.run("backup", demo.NAME)
            rows, size = taken["fingerprint"]["rows"], units.size(taken["size_bytes"])
            say(f"backup {taken['id']} taken: {rows:,} rows, {size}")
            say("drilling: restoredrill drill demo")
            good = stage.drill(taken["id"], pages / "passed.html")
            context.tell(report_answer(good, Exit.PASSED).text)
            say(f"exchanging one value between two rows of {demo.TABLE} in a copy of the backup")
            planted = stage.damage(taken["id"])
            say(f"drilling that: restoredrill drill demo --backup {planted.id}")
            bad = stage.drill(planted.id, pages / "failed.html")
            context.tell(report_answer(bad, Exit.PASSED).text)
        say("servers ended")
    return _answer(good, bad, clock.monotonic_s() - began_s, pages)


def _answer(good: Report, bad: Report, seconds: float, pages: Path) -> Answer:
    """Exit status 0 only if the good one passed, the bad one failed for its content, and nothing is left."""
    caught = bad.verdict is Verdict.FAILED and any(f.rule == "CONTENT_DIFFERS" for f in bad.findings)
    left = [*good.machine.leftovers, *bad.machine.leftovers]
    passed, failed = pages / "passed.html", pages / "failed.html"
    right = good.verdict is Verdict.PASSED and caught
    status = (Exit.LEFTOVERS if left else Exit.PASSED) if right else Exit.FAILED
    document = {
        "passed": right,
        "seconds": round(seconds, 1),
        "good": good,
        "bad": bad,
        "reports": [passed, failed],
    }
    words = "the good backup passed, the damaged one failed" if right else "they did not end as they should"
    rest = f"left running: {', '.join(left)}" if left else "nothing is left running"
    lines = [f"{words}, in {units.duration(seconds)}; {rest}", "reports:"]
    return Answer(document, "\n".join([*lines, *(f"  {page}" for page in (passed, failed))]), status)


@contextlib.contextmanager
def _pages(keep: Path | None) -> Iterator[Path]:
    """Where the reports go: they stay, unless there is no whole story to tell."""
    if keep is not None:
        yield keep
        return
    pages = Path(tempfile.mkdtemp(prefix="restoredrill-demo-"))
    try:
        yield pages
    except BaseException:
        shutil.rmtree(pages, ignore_errors=True)
        raise


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """A fresh folder that the server's user can reach; erased unless kept.

    It is a machine like any other, under a lease: `reap` ends what a killed demo leaves.
    """
    if keep is None:
        name = make_id(clock.utcnow(), secrets.token_hex(2))
        with workplace(config.machines_directory(), name, "demo", LONGEST) as home:
            yield home
        return
    try:
        keep.mkdir(mode=0o711, parents=True)
    except OSError as error:
        reason = "it exists already" if isinstance(error, FileExistsError) else str(error.strerror).lower()
        raise UsageError("keep", str(keep), reason, hint="name a new directory") from None
    yield keep.absolute()
