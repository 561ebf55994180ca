"""`make bench`: measure both sides in rounds; the table goes to the terminal, all of it into build/bench/."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import databases, figures, meter, plot, rows
from tests.benchmarks.databases import DATABASES, FULL, SMALL
from tests.benchmarks.rows import Result, Row, Steps
from tests.benchmarks.stand import BACKUPS, RUNS, Run, Stand, stand
from tests.benchmarks.steps import REPOSITORY

OUT = REPOSITORY / "build" / "bench"


@dataclass(frozen=True)
class Bench:
    """What came out."""

    results: tuple[Result, ...]
    rounds: tuple[Steps, ...]
    document: str


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every figure was reached, 1 if one was missed."""
    asked = _parsed(arguments)
    done = bench(
        rows.chosen([name for name in asked.only.split(",") if name]),
        small=asked.small,
        rounds=asked.rounds or (1 if asked.small else 3),
        out=asked.out,
        patience_s=asked.patience,
    )
    print(done.document)
    return 0 if asked.small or all(result.reached for result in done.results) else 1


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="default: 3; with --small 1")
    parser.add_argument("--small", action="store_true", help="60 MB: shows that it works, not how fast it is")
    parser.add_argument("--only", default="", metavar="ROW,…", help=", ".join(rows.NAMES))
    parser.add_argument("--patience", type=float, default=0, metavar="S", help=_PATIENCE)
    parser.add_argument("--out", type=Path, default=OUT, help="default: build/bench")
    return parser.parse_args(arguments)


_PATIENCE = "before each run, wait up to so many seconds until others leave the machine alone"


def bench(chosen: Sequence[Row], *, small: bool, rounds: int, out: Path, patience_s: float = 0) -> Bench:
    """Measure what these rows need, and write `figures.md`, `figures.png` and `figures.json` below `out`."""
    needed = {run for row in chosen for run, _ in row.needs}
    runs = [run for run in RUNS.values() if run.name in needed]
    out.mkdir(parents=True, exist_ok=True)
    _say(f"making two databases ({'small' if small else 'about 1.4 GB each'})")
    with stand(SMALL if small else FULL) as ready:
        _prepare(ready, runs, warm=not small)
        measured = tuple(_round(ready, runs, number, patience_s) for number in range(rounds))
        on = _circumstances(ready, rounds)
    results = rows.results(chosen, measured)
    picture = out / "figures.png"
    document = figures.document(results, measured, on, picture)
    (out / "figures.md").write_text(document + "\n")
    (out / "figures.json").write_text(json.dumps(_raw(measured), indent=1))
    plot.draw(results, measured, picture)
    return Bench(results, measured, document)


def _prepare(ready: Stand, runs: Sequence[Run], *, warm: bool) -> None:
    """Take what is restored later, unmeasured; unless `warm`, only what no measured run will take."""
    for dbname in DATABASES:
        taken_anyway = {run.name for run in runs if run.dbname == dbname}
        if taken_anyway and (warm or not set(BACKUPS) <= taken_anyway):
            _say(f"taking the backups of {dbname} that are restored later")
            ready.prepare(dbname)


def _round(ready: Stand, runs: Sequence[Run], number: int, patience_s: float) -> Steps:
    """Everything once; every second time backwards, so that a machine that gets slower favours nobody."""
    measured = {}
    for run in runs if number % 2 == 0 else reversed(runs):
        meter.await_quiet(patience_s)
        for step, one in ready.perform(run).items():
            spent = one.spent
            measured[run.name, step] = one
            _say(
                f"round {number + 1}: {run.name}, {step}: {spent.wall_s:.2f} s, "
                f"CPU {spent.cpu_s:.2f} s, others {spent.foreign:.0%}"
            )
    return {key: measured[key] for key in ((run.name, step) for run in runs for step in run.steps)}


def _circumstances(ready: Stand, rounds: int) -> figures.Circumstances:
    return figures.Circumstances(
        postgres=ready.tools.version,
        store="SeaweedFS",
        sizes_bytes={name: databases.size_bytes(ready.source, name) for name in DATABASES},
        stored_bytes=ready.stored_bytes,
        rounds=rounds,
    )


def _raw(rounds: Sequence[Steps]) -> list[dict[str, object]]:
    return [
        {"round": number, "run": run, "step": step, **one.to_json()}
        for number, measured in enumerate(rounds, 1)
        for (run, step), one in measured.items()
    ]


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
