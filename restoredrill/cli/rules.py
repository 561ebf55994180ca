"""`restoredrill rules`: every rule a drill can find broken, how bad that is, and what to do about it."""

import click
from rich.table import Table

from restoredrill.checks.rules import RULES, Rule
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command


@new_command
@click.option("--markdown", is_flag=True, help="As the table that README has.")
def command(context: Context, markdown: bool) -> Answer:
    """List the rules: the names that findings bear and that `ignore` takes."""
    document = {"rules": [_document(name, rule) for name, rule in RULES.items()]}
    return Answer(document, as_markdown() if markdown else _table())


def as_markdown() -> str:
    """The table of README, a line a rule."""
    head = ["| rule | severity | what is found | what to do |", "|---|---|---|---|"]
    rows = [
        f"| `{name}` | {rule.severity.value} | {_cell(rule.means)} | {_cell(rule.hint)} |"
        for name, rule in RULES.items()
    ]
    return "\n".join((*head, *rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _document(name: str, rule: Rule) -> dict[str, object]:
    return {
        "name": name,
        "severity": rule.severity,
        "fails": rule.severity.fails,
        "means": rule.means,
        "hint": rule.hint,
    }


def _table() -> Table:
    table = Table("rule", "severity", "what is found", "what to do", box=None, pad_edge=False)
    for name, rule in RULES.items():
        table.add_row(name, rule.severity.value, rule.means, rule.hint)
    return table
