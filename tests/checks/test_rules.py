"""The table of rules holds every rule there is."""

import ast
import re
from collections.abc import Iterable, Iterator

from restoredrill.checks.rules import RULES, finding
from tests.plugins.requirements import REPOSITORY

PACKAGE = REPOSITORY / "restoredrill"
NAME = re.compile(r"[A-Z][A-Z0-9_]{4,}")


def test_every_rule_has_a_severity_a_meaning_and_a_hint() -> None:
    for name, rule in RULES.items():
        assert NAME.fullmatch(name)
        assert rule.means[0].islower()
        assert not rule.means.endswith(".")
        assert rule.hint
        assert not rule.hint.endswith(".")


def test_a_finding_takes_severity_and_hint_from_the_table() -> None:
    made = finding("ROWS_MISSING", "public.t", "1 of 2 rows are missing")
    assert (made.severity, made.hint) == (RULES["ROWS_MISSING"].severity, RULES["ROWS_MISSING"].hint)
    assert finding("ROWS_MISSING", "t", "m", hint="other").hint == "other"


def test_every_rule_that_the_code_names_is_in_the_table() -> None:
    named = {name for path in PACKAGE.rglob("*.py") for name in rules_in(ast.parse(path.read_text("utf-8")))}
    assert len(named) > 40
    assert named - RULES.keys() == set()


def test_rules_are_found_where_they_are_named() -> None:
    text = """
def f(kind):
    rule = "ONE_RULE" if kind else "OTHER_RULE"
    return Finding(rule="THIRD_RULE", object="NOT_A_RULE"), finding("FOURTH_RULE", "NEITHER_IS_THIS")
_RULES = {Error: "FIFTH_RULE", "other": ("SIXTH_RULE", "")}
class Rule(StrEnum):
    SEVENTH_RULE = "SEVENTH_RULE"
"""
    ordinals = ("ONE", "OTHER", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH")
    assert set(rules_in(ast.parse(text))) == {f"{ordinal}_RULE" for ordinal in ordinals}


def rules_in(tree: ast.AST) -> Iterator[str]:
    """Names in a keyword or variable called after rules, in a call of `finding` as the first argument, and in
    the enumeration `Rule`.
    """
    for node in ast.walk(tree):
        match node:
            case (
                ast.keyword(arg="rule", value=value) | ast.Call(func=ast.Name(id="finding"), args=[value, *_])
            ):
                yield from constants(value)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if re.search("(?i)rules?$", name):
                yield from constants(value.values if isinstance(value, ast.Dict) else [value])
            case ast.ClassDef(name="Rule", bases=[_, *_]):
                yield from constants(node.body)


def constants(among: ast.AST | Iterable[ast.AST]) -> Iterator[str]:
    for top in [among] if isinstance(among, ast.AST) else among:
        for node in ast.walk(top):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                yield node.value
