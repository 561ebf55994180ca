"""A plugin's line, read by a parser of the guidelines."""

import re

import pytest

from restoredrill.reports.nagios import Limit, Service, State, check

DAY = 86400.0
FINE = Limit(3600, DAY, 2 * DAY)
_LABEL = r"(?:'(?P<quoted>(?:[^'=]|'')+)'|(?P<bare>[^\s'=]+))"
_NUMBER = r"-?\d+(?:\.\d+)?"
_PIECE = re.compile(
    rf"{_LABEL}=(?P<value>U|{_NUMBER})(?P<unit>s|%|B|c)?"
    rf"(?:;(?P<warn>{_NUMBER})?)?(?:;(?P<crit>{_NUMBER})?)?(?:;(?P<min>{_NUMBER})?)?(?:\s+|$)"
)


def parsed(line: str) -> tuple[str, dict[str, dict[str, str | None]]]:
    """The text, and the performance data by label; nothing may be left over."""
    assert "\n" not in line
    text, _, data = line.partition(" | ")
    assert "|" not in text + data
    found, at = {}, 0
    while at < len(data):
        piece = _PIECE.match(data, at)
        assert piece is not None, data[at:]
        label = piece["bare"] or piece["quoted"].replace("''", "'")
        found[label] = piece.groupdict()
        at = piece.end()
    return text, found


def test_all_is_well() -> None:
    state, line = check([Service("shop", FINE, FINE), Service("crm", FINE, FINE)])
    text, data = parsed(line)
    assert (state, int(state)) == (State.OK, 0)
    assert text == "RESTOREDRILL OK - every database is proven"
    assert set(data) == {"shop_proof_age", "shop_backup_age", "crm_proof_age", "crm_backup_age"}
    found = data["shop_proof_age"]
    assert [found[key] for key in ("value", "unit", "warn", "crit", "min")] == [
        "3600",
        "s",
        "86400",
        "172800",
        "0",
    ]


@pytest.mark.parametrize(
    ("service", "state", "words"),
    [
        (Service("shop", Limit(DAY * 1.5, DAY, 2 * DAY), FINE), State.WARNING, "shop: no pass for 36 h"),
        (Service("shop", Limit(DAY * 3, DAY, 2 * DAY), FINE), State.CRITICAL, "shop: no pass for 3 d"),
        (Service("shop", Limit(None, DAY, 2 * DAY), FINE), State.CRITICAL, "shop: no pass yet"),
        (Service("shop", Limit(None), FINE), State.OK, "every database is proven"),
        (Service("shop", FINE, Limit(DAY * 3, DAY, 2 * DAY)), State.CRITICAL, "shop: no backup for 3 d"),
        (Service("shop", FINE, FINE, failed="drill d failed"), State.CRITICAL, "shop: drill d failed"),
        (Service("shop", FINE, FINE, unknown="the vault is away"), State.UNKNOWN, "shop: the vault is away"),
        (Service("shop", FINE, FINE, inconclusive="not found out"), State.WARNING, "shop: not found out"),
    ],
)
def test_each_state_has_its_reason(service: Service, state: State, words: str) -> None:
    found, line = check([service])
    assert found is state
    assert parsed(line)[0] == f"RESTOREDRILL {state.name} - {words}"


def test_what_is_known_to_be_bad_hides_behind_nothing() -> None:
    unknown = Service("a", FINE, FINE, unknown="away")
    failed = Service("b", FINE, FINE, failed="drill failed")
    state, line = check([unknown, failed])
    assert state is State.CRITICAL
    assert parsed(line)[0] == "RESTOREDRILL CRITICAL - b: drill failed; a: away"


def test_odd_words_break_no_line() -> None:
    state, line = check([Service("it's=a|b", Limit(None), FINE, failed="x | y\nz")])
    text, data = parsed(line)
    assert state is State.CRITICAL
    assert text.endswith("x / y z")
    assert set(data) == {"it's_a/b_proof_age", "it's_a/b_backup_age"}
    assert data["it's_a/b_proof_age"]["value"] == "U"


def test_of_many_some_are_named_and_all_are_counted() -> None:
    state, line = check([Service(f"d{n}", FINE, FINE, failed="failed") for n in range(9)])
    assert state is State.CRITICAL
    assert parsed(line)[0].endswith("d4: failed; and 4 more")


def test_of_no_database_nothing_is_known() -> None:
    assert check([])[0] is State.UNKNOWN
