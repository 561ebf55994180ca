"""restoredrill's restore and verification, as a program that is measured: what a drill's agent does."""

from pathlib import Path

from restoredrill.checks.fingerprint import compare
from restoredrill.engines.postgres.target import PostgresTarget
from restoredrill.model import FingerprintLevel, Outcome
from tests.benchmarks.databases import contents
from tests.benchmarks.our_backup import backups_of, quietly, tools_of
from tests.benchmarks.steps import JOBS, order, outcome, step


def main() -> None:
    """Restore one backup as it streams in, then compare structure and content of everything."""
    what = order()
    backups = backups_of(what)
    target = PostgresTarget(Path(what["folder"], "machine"), tools_of(what))
    try:
        target.start(backups.manifest(what["backup"]).server, JOBS)
        with step("restore"):
            archive = backups.open(what["backup"])
            restored = target.restore(archive, JOBS, quietly)
        assert not restored.findings, restored.findings
        with step("verify"):
            found = target.fingerprint(FingerprintLevel.CONTENT, JOBS, quietly)
            results = compare(archive.manifest, found)
        assert all(result.outcome is Outcome.PASSED for result in results), results
        outcome(contents(target.database().url))
    finally:
        target.stop()


if __name__ == "__main__":
    main()
