"""Reports to render: as drills make them, and as an enemy would."""

from datetime import UTC, datetime, timedelta
from typing import Any

from restoredrill.model import (
    BackupFacts,
    CheckResult,
    Cost,
    Finding,
    MachineFacts,
    Outcome,
    Phase,
    Report,
    Severity,
    Verdict,
)

STARTED = datetime(2026, 9, 23, 3, 0, tzinfo=UTC)
TAKEN = datetime(2026, 9, 23, 2, 15, tzinfo=UTC)

BACKUP = BackupFacts(
    id="20260923T021500Z-7f3a", taken_at=TAKEN, age_s=2700, bytes=1_290_000_000, server_version="17.10"
)
PHASES = (
    Phase(name="provision", seconds=19.4),
    Phase(name="prepare", seconds=1.6),
    Phase(name="tables", seconds=58.3, bytes=1_290_000_000),
    Phase(name="indexes and constraints", seconds=34.8),
    Phase(name="verify", seconds=6.6),
    Phase(name="checks", seconds=1.4),
)


def _good(name: str, kind: str, seconds: float, detail: str) -> CheckResult:
    return CheckResult(name=name, kind=kind, outcome=Outcome.PASSED, seconds=seconds, detail=detail)


CHECKS = (
    _good("archive", "archive", 0.0, "every object as its manifest says"),
    _good("restore", "restore", 93.1, "everything restored without an error"),
    _good("structure", "structure", 0.41, "214 objects, all equal"),
    _good("content", "content", 6.2, "23 tables, 4,182,331 rows, all equal"),
    _good("orders are there", "rows", 0.08, "1,204,882 rows, at least 1,000 wanted"),
    _good("orders are fresh", "freshness", 0.004, "newest is 1 h 02 m old, at most 2 h wanted"),
    _good("no negative totals", "sql", 0.3, "0, wanted == 0"),
    _good("the app starts", "command", 1.02, "exit status 0"),
    _good("rto", "target", 0.0, "122.1 s, target 1800 s"),
    _good("rpo", "target", 0.0, "3720.0 s, target 93600 s"),
)
IGNORED = Finding(
    rule="EXTENSION_VERSION",
    severity=Severity.MEDIUM,
    object="pg_trgm",
    message="1.5 on the source, 1.6 here",
    hint="install the version of the source",
    ignored="1.5 there, 1.6 here; see OPS-114",
)
NOT_PROVEN = (
    "passwords of 3 roles: the managed service does not give them out",
    "that the application works on it, beyond `the app starts`",
)


def passed() -> Report:
    """Everything in order, one ignored finding, on a machine in the cloud."""
    return Report(
        drill="20260923T030000Z-51c2",
        database="shop",
        verdict=Verdict.PASSED,
        backup=BACKUP,
        machine=MachineFacts(
            provider="ec2",
            id="i-0f3a91c27be4d8810",
            type="m7i.large",
            region="eu-central-1",
            zone="eu-central-1b",
            market="spot",
            attempts=2,
            boot_s=17.8,
            swept_at=STARTED + timedelta(seconds=171),
        ),
        phases=PHASES,
        rto_s=122.1,
        rto_target_s=1800,
        rpo_s=3720,
        rpo_target_s=93600,
        bottleneck="index build of orders_customer_idx",
        planned=tuple(check.name for check in CHECKS),
        checks=CHECKS,
        findings=(IGNORED,),
        not_proven=NOT_PROVEN,
        cost=Cost(
            amount=0.011,
            estimate=0.012,
            parts={"volume": 0.0012, "instance": 0.0093, "requests": 0.0005, "transfer": 0.0},
            prices_from="pricing API, 2026-09-23",
        ),
        started_at=STARTED,
        finished_at=STARTED + timedelta(seconds=122.1),
        made_by="restoredrill 0.1.0",
    )


def bare() -> Report:
    """The least a report may hold: a pass on the local machine with nothing optional."""
    return Report(
        drill="20260923T030000Z-51c2",
        database="shop",
        verdict=Verdict.PASSED,
        machine=MachineFacts(provider="local", id="20260923T030000Z-51c2"),
        started_at=STARTED,
        finished_at=STARTED,
    )


def failed(findings: int = 31) -> Report:
    """Rows are gone, the targets are missed, a machine is left, and there is a lot to say about it."""
    lost = tuple(
        Finding(
            rule="CONTENT_DIFFERS",
            severity=Severity.HIGH,
            object=f"log.access_2026_{month:02d}",
            message="as many rows as in the dump's snapshot, but not the same content",
        )
        for month in range(1, max(findings - 2, 1))
    )
    first = (
        Finding(
            rule="ROWS_MISSING",
            severity=Severity.CRITICAL,
            object="public.orders",
            message="1,204,880 rows where the dump's own snapshot had 1,204,882",
            hint="the archive does not hold what was dumped: drill an older backup, "
            "then look at what touched the bucket after 2026-09-23T02:19:41Z",
        ),
        Finding(
            rule="RTO_MISSED",
            severity=Severity.HIGH,
            object="shop",
            message="usable after 41 m 40 s, 30 m allowed",
            hint="the index build of orders_customer_idx took most of it: "
            "raise jobs or maintenance_work_mem, or take a larger machine",
        ),
    )
    noted = Finding(
        rule="COLLATION_VERSION",
        severity=Severity.LOW,
        object="en_US.UTF-8",
        message="glibc 2.31 on the source, 2.36 here",
        hint="indexes were built anew here, so this drill is not affected",
    )
    changed: dict[str, dict[str, Any]] = {
        "content": {
            "outcome": Outcome.FAILED,
            "detail": f"{len(lost) + 1} of {len(lost) + 12} tables differ; see the findings",
        },
        "orders are fresh": {
            "outcome": Outcome.FAILED,
            "detail": "newest is 27 h 10 m old, at most 2 h wanted",
        },
        "the app starts": {
            "outcome": Outcome.NOT_RUN,
            "detail": "not tried: the content check failed",
            "seconds": 0.0,
        },
        "rto": {"outcome": Outcome.FAILED, "detail": "2500.0 s, target 1800 s"},
        "rpo": {"outcome": Outcome.FAILED, "detail": "97800.0 s, target 93600 s"},
    }
    checks = tuple(check.model_copy(update=changed.get(check.name)) for check in CHECKS)
    return passed().model_copy(
        update={
            "verdict": Verdict.FAILED,
            "reasons": (
                f"2 rows of public.orders are missing, {len(lost)} more tables are not what was dumped",
                "the newest order is 27 h 10 m old, 2 h allowed",
                "usable after 41 m 40 s, 30 m allowed",
            ),
            "machine": MachineFacts(
                provider="ec2",
                id="i-0f3a91c27be4d8810",
                type="m7i.large",
                leftovers=("volume vol-0c1d88a5e2f70b613 (80 GB)", "address eipalloc-04f2b7d1"),
                swept_at=STARTED + timedelta(seconds=2560),
            ),
            "phases": (
                Phase(name="provision", seconds=34.2),
                Phase(name="prepare", seconds=1.8),
                Phase(name="tables", seconds=611.0, bytes=1_290_000_000),
                Phase(name="indexes and constraints", seconds=1768.2),
                Phase(name="verify", seconds=71.5),
                Phase(name="checks", seconds=13.3),
            ),
            "rto_s": 2500.0,
            "rpo_s": 97800.0,
            "checks": checks,
            "findings": (*lost, noted, *first, IGNORED),
            "finished_at": STARTED + timedelta(seconds=2500),
        }
    )


def inconclusive() -> Report:
    """The machine ran out of room half way; nothing is known about the backup."""
    reason = "restore shop: no room left on the machine after 61.2 GB of about 80 GB"
    return passed().model_copy(
        update={
            "verdict": Verdict.INCONCLUSIVE,
            "reasons": (reason, f"{len(CHECKS)} planned checks could not run"),
            "machine": MachineFacts(
                provider="local", id="20260923T030000Z-51c2", swept_at=STARTED + timedelta(seconds=312)
            ),
            "phases": (
                Phase(name="prepare", seconds=1.1),
                Phase(name="tables", seconds=308.4, bytes=9_120_000_000),
            ),
            "rto_s": None,
            "rpo_s": None,
            "bottleneck": None,
            "checks": (),
            "findings": (
                Finding(
                    rule="DISK_FULL",
                    severity=Severity.HIGH,
                    object="/var/lib/restoredrill",
                    message=reason,
                    hint="free 20 GB there, or set `machine: ec2`, which brings a disk of its own",
                ),
            ),
            "not_proven": (),
            "cost": Cost(),
            "finished_at": STARTED + timedelta(seconds=310),
        }
    )


HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style></title><!-- ]]>",
    "{{ 7*7 }}{% raw %}",
    "a|b `code` **bold** [link](https://evil.example) ![i](x) @team #1 ~~s~~ &lt;",
    "line one\nline two\r\nPASSED\n# heading\n| a | b |",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x00\x08\x9b31m",
    "\u202eKO LLA\u202c \u2066x\u2069 \u200b\ufeff",
    "שלום עולם مرحبا",
    "👩‍👩‍👧‍👦 emoji 🎉 日本語",
    "[bold red]rich markup[/] :smile:",
    "\ud800 lone, \uffff none",
    "x" * 300,
    "",
    "   ",
)


def hostile(text: str) -> Report:
    """`text` wherever a report holds free text."""
    return failed(findings=4).model_copy(
        update={
            "drill": text,
            "database": text,
            "reasons": (text, text),
            "backup": BACKUP.model_copy(update={"id": text, "server_version": text}),
            "machine": MachineFacts(
                provider=text,
                id=text,
                type=text,
                region=text,
                zone=text,
                attempts=2,
                boot_s=3.0,
                leftovers=(text,),
                url=text,
            ),
            "phases": (Phase(name=text, seconds=1.0), Phase(name="verify", seconds=2.0, bytes=5)),
            "bottleneck": text,
            "planned": (text, "planned " + text),
            "checks": tuple(
                CheckResult(name=text, kind=text, outcome=outcome, detail=text, seconds=0.5)
                for outcome in Outcome
            ),
            "findings": tuple(
                Finding(
                    rule="SOME_RULE", severity=severity, object=text, message=text, hint=text, ignored=ignored
                )
                for severity in Severity
                for ignored in (None, text or "why")
            ),
            "not_proven": (text,),
            "cost": Cost(currency=text, amount=1.5, estimate=2.5, parts={text: 1.5}, prices_from=text),
            "made_by": text,
        }
    )
