"""The table's rows: what is compared with what, and what is to be reached. No figure here was measured."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks import meter
from tests.benchmarks.steps import Measured

Steps = Mapping[tuple[str, str], Measured]
"""One round: (run, step) -> what was measured."""

BACKUP, CONTENT = ("ours", "backup"), ("ours, content", "backup")
PIPE, DISK = ("pipe", "backup"), ("disk", "backup")
MB = 1e6


@dataclass(frozen=True)
class Row:
    """One line. `value` makes one number of one round, from the steps in `needs`."""

    name: str
    group: str
    what: str
    against: str
    at_most: float
    needs: tuple[tuple[str, str], ...]
    value: Callable[[Steps], float]
    unit: str = ""  # none: a ratio


@dataclass(frozen=True)
class Result:
    """A row's numbers, one a round, and how much of the machine others used at worst: 0.0 to 1.0."""

    row: Row
    values: tuple[float, ...]
    foreign: float

    @property
    def median(self) -> float:
        """Of the rounds; of peaks the largest, because a limit holds always."""
        return max(self.values) if self.row.unit else statistics.median(self.values)

    @property
    def reached(self) -> bool:
        """Is it at most what it was to be?"""
        return self.median <= self.row.at_most


def _seconds(one: tuple[str, str], other: tuple[str, str]) -> Callable[[Steps], float]:
    return lambda steps: steps[one].spent.wall_s / steps[other].spent.wall_s


def _ratio(
    name: str,
    group: str,
    words: tuple[str, str],
    pair: tuple[tuple[str, str], tuple[str, str]],
    at_most: float,
) -> Row:
    return Row(name, group, *words, at_most, pair, _seconds(*pair))


def _memory(steps: Steps) -> float:
    return max(step.memory_bytes for step in steps.values()) / MB


def _disk(*of: tuple[str, str]) -> Callable[[Steps], float]:
    return lambda steps: max(steps[step].disk_bytes for step in of) / MB


def _floor(steps: Steps) -> float:
    spent = steps["btree ours", "restore"].spent
    return spent.wall_s / (spent.cpu_s / meter.CORES)


def _of(kind: str, side: str, step: str = "restore") -> tuple[str, str]:
    return f"{kind} {side}", step


_PLAIN = "download, `pg_restore`, one job, default server"
_TUNED = "download, `pg_restore -j2`, the same tuned server"
_FETCHED = tuple(_of(kind, "ours") for kind in ("btree", "gin"))
_COMMANDS = (("commands", "backup"), ("commands", "drill"))
_OURS = (
    BACKUP,
    CONTENT,
    *(_of(kind, "ours", step) for kind in ("btree", "gin") for step in ("restore", "verify")),
    ("commands", "backup"),
    ("commands", "drill"),
)

ROWS = (
    _ratio(
        "backup-pipe",
        "backup",
        ("backup, fingerprint off, into S3", "`pg_dump -Fc` piped to the same S3"),
        (BACKUP, PIPE),
        0.50,
    ),
    _ratio(
        "backup-disk",
        "backup",
        ("the same", "`pg_dump -Fd -j2 --compress=zstd` to disk, then copied"),
        (BACKUP, DISK),
        1.0,
    ),
    Row("spool", "backup", "its spool", "peak on disk", 256, (BACKUP, CONTENT), _disk(BACKUP, CONTENT), "MB"),
    _ratio(
        "fingerprint", "fingerprint", ("content fingerprint", "a backup without"), (CONTENT, BACKUP), 1.70
    ),
    _ratio(
        "btree-plain",
        "restore",
        ("fetch and restore, b-tree", _PLAIN),
        (_of("btree", "ours"), _of("btree", "plain")),
        0.58,
    ),
    _ratio(
        "gin-plain",
        "restore",
        ("fetch and restore, GIN", "the same"),
        (_of("gin", "ours"), _of("gin", "plain")),
        0.75,
    ),
    _ratio(
        "btree-tuned",
        "restore",
        ("fetch and restore, b-tree", _TUNED),
        (_of("btree", "ours"), _of("btree", "tuned")),
        1.0,
    ),
    _ratio(
        "gin-tuned",
        "restore",
        ("fetch and restore, GIN", "the same"),
        (_of("gin", "ours"), _of("gin", "tuned")),
        1.0,
    ),
    Row(
        "no-dump",
        "restore",
        "dump on disk while restoring",
        "peak on disk",
        1,
        _FETCHED,
        _disk(*_FETCHED),
        "MB",
    ),
    _ratio(
        "btree-verify",
        "verify",
        ("verify, b-tree", "its own restore"),
        (_of("btree", "ours", "verify"), _of("btree", "ours")),
        0.35,
    ),
    _ratio(
        "gin-verify",
        "verify",
        ("verify, GIN", "its own restore"),
        (_of("gin", "ours", "verify"), _of("gin", "ours")),
        0.35,
    ),
    Row(
        "floor",
        "floor",
        "fetch and restore, b-tree",
        "its CPU seconds / cores",
        1.15,
        (_of("btree", "ours"),),
        _floor,
    ),
    Row("memory", "memory", "our processes together", "peak memory", 300, _OURS, _memory, "MB"),
)

NAMES = tuple(dict.fromkeys(name for row in ROWS for name in (row.group, row.name)))


def chosen(names: Sequence[str]) -> tuple[Row, ...]:
    """Rows by name or group; all of them if none is named. Raises `ValueError` for a name that is none."""
    if unknown := set(names) - set(NAMES):
        raise ValueError(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return tuple(row for row in ROWS if not names or {row.name, row.group} & set(names))


def results(rows: Sequence[Row], rounds: Sequence[Steps]) -> tuple[Result, ...]:
    """The rows filled in."""
    return tuple(
        Result(
            row,
            tuple(row.value({step: measured[step] for step in row.needs}) for measured in rounds),
            max(measured[step].spent.foreign for measured in rounds for step in row.needs),
        )
        for row in rows
    )
