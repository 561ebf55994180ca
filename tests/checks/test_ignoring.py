"""What is known and fails nothing: until when, and whether it meets anything."""

from datetime import UTC, date, datetime, timedelta

from restoredrill.checks.ignoring import idle, mark, uses
from restoredrill.known import IgnoreSpec, IgnoreUse
from restoredrill.model import Finding, Severity

NOW = datetime(2026, 9, 23, 3, tzinfo=UTC)
OLD = Finding(rule="EXTENSION_VERSION", severity=Severity.MEDIUM, object="pg_trgm", message="m", hint="h")


def entry(until: date | None = None) -> IgnoreSpec:
    return IgnoreSpec(rule="EXTENSION_VERSION", object="pg_*", reason="OPS-114", until=until)


def test_an_entry_holds_to_the_end_of_its_last_day() -> None:
    known = entry(date(2026, 9, 23))
    assert mark([OLD], [known], date(2026, 9, 23))[0].ignored == "OPS-114"
    over = mark([OLD], [known], date(2026, 9, 24))[0]
    assert over.ignored is None
    assert over.hint == "h; it was ignored until 2026-09-23 (OPS-114)"


def test_another_entry_that_still_holds_is_enough() -> None:
    entries = [entry(date(2020, 1, 1)), entry(date(2030, 1, 1))]
    assert mark([OLD], entries, NOW.date())[0].ignored == "OPS-114"


def used(found: list[Finding], last: tuple[IgnoreUse, ...] = (), *, whole: bool = True) -> IgnoreUse:
    (use,) = uses(found, [entry()], last, NOW, whole=whole)
    return use


def test_an_entry_that_meets_something_does_not_idle() -> None:
    use = used([OLD, OLD])
    assert (use.met, use.idle_since) == (2, None)


def test_since_when_an_entry_idles_goes_from_report_to_report() -> None:
    first = used([])
    assert (first.met, first.idle_since) == (0, NOW)
    since = NOW - timedelta(days=3)
    again = used([], (first.model_copy(update={"idle_since": since}),))
    assert again.idle_since == since
    assert used([OLD], (again,)).idle_since is None


def test_of_a_drill_that_was_broken_off_nobody_can_say() -> None:
    assert used([], whole=False).idle_since is None
    since = NOW - timedelta(days=3)
    assert used([], (used([]).model_copy(update={"idle_since": since}),), whole=False).idle_since == since


def test_after_30_days_that_is_told_and_fails_nothing() -> None:
    idling = used([])

    def told(days: int) -> list[tuple[str, str, bool]]:
        found = idle([idling.model_copy(update={"idle_since": NOW - timedelta(days=days)})], NOW)
        return [(one.rule, one.object, one.severity.fails) for one in found]

    assert told(29) == []
    assert told(30) == told(400) == [("IGNORE_UNUSED", "EXTENSION_VERSION pg_*", False)]
