"""YAML with line numbers: what is read, and what is said where it can't be."""

import pytest

from restoredrill.yaml_lines import Malformed, parse


def test_reads_yaml_1_2() -> None:
    text = "a: yes\nb: 017\nc: 0o17\nd: 2026-01-01\ne: ~\nf: true\ng: 1.5\nh: 0x1f\non: [x]\ni: 12:30\n"
    assert parse(text).data == {
        "a": "yes",
        "b": 17,
        "c": 15,
        "d": "2026-01-01",
        "e": None,
        "f": True,
        "g": 1.5,
        "h": 31,
        "on": ["x"],
        "i": "12:30",
    }


def test_knows_the_line_of_everything() -> None:
    parsed = parse("# comment\na:\n  b:\n    - x\n    -\n      c: 1\n")
    assert parsed.line(("a", "b", 1, "c")) == 6
    assert parsed.line(("a", "b", 0)) == 4
    assert parsed.line(("a", "b", 1, "missing", "deeper")) == 6
    assert parsed.line(("missing",)) == 2


def test_reads_references_in_flow_mappings() -> None:
    """`{url: ${X}}` is no YAML by the book; DESIGN section 6 writes it, and so does everybody."""
    parsed = parse("- {url: ${X}, on: [a, '${Y}']}\n- ${Z}\n")
    assert parsed.data == [{"url": "${X}", "on": ["a", "${Y}"]}, "${Z}"]


def test_reads_a_byte_order_mark_and_aliases() -> None:
    assert parse("\ufeffa: &x [1]\nb: *x\n").data == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "is empty"),
        ("# only a comment\n", 1, "is empty"),
        ("a:\n\tb: 1\n", 2, "a tab; YAML is indented with spaces"),
        ("a: 1\nb: [1\n", 3, "is not YAML: expected ',' or ']'"),
        ("a: b: c\n", 1, "a colon where none can be"),
        ("a: 'x\n", 2, "quoted scalar that began on line 1"),
        ("a: 1\n---\nb: 2\n", 2, "more than one document"),
        ("a: *hunter2\n", 1, "an alias"),
        ("a: \x01\n", 1, "a control character"),
        ("a: 1\nb: 2\na: 3\n", 3, "stands here twice, first on line 1"),
        ("a: !foo 5\n", 1, "tags"),
        ("a: .inf\n", 1, "is neither text"),
        ("? [a]\n: 1\n", 1, "a key must be a plain word"),
        ("a: &x [*x]\n", 1, "too large or nested too deeply"),
        ("[" * 100_000, 1, "is nested too deeply"),
        ("- " * 3000 + "x", 1, "is nested too deeply"),
        ("a: \ue000\n", 1, "private characters"),
    ],
)
def test_says_what_is_wrong_and_where(text: str, line: int, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert problem.line == line
    assert reason in problem.reason
    assert "hunter2" not in problem.reason


def test_aliases_can_not_multiply_without_end() -> None:
    levels = ["a: &a [1,1,1,1,1,1,1,1,1,1]"]
    levels += [f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)]
    with pytest.raises(Malformed, match="too large"):
        parse("\n".join(levels))


def test_finds_every_key_that_stands_twice() -> None:
    with pytest.raises(Malformed) as caught:
        parse("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n")
    assert [(p.line, p.path) for p in caught.value.problems] == [(2, ("a",)), (5, ("b", "c"))]
