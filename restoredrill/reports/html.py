"""The report as one page that needs nothing else: no script, no font, no picture from elsewhere.

Its content security policy forbids all but its own style sheet, named by digest: a name that got past the
escaping could still not run or fetch anything.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from restoredrill.model import Report, Verdict
from restoredrill.reports import picture, reading, units
from restoredrill.reports.escaping import visible

BACKTICKS = re.compile(r"`([^`\n]+)`")
PROVEN = {
    Verdict.PASSED: "What was proven",
    Verdict.FAILED: "What was drilled",
    Verdict.INCONCLUSIVE: "What was tried",
}


def as_html(report: Report) -> str:
    """A page for people: light and dark, on paper, on a phone, and read aloud."""
    css = style_sheet()
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            css=Markup(css),  # noqa: S704 - our own file, and autoescape would break its quotes
            css_digest=b64encode(sha256(css.encode()).digest()).decode(),
            **facts(report),
        )
    )


def facts(report: Report) -> dict[str, Any]:
    """What `report_body.html.j2` is made of."""
    return {
        "report": report,
        "reading": reading,
        "proven": PROVEN[report.verdict],
        "checks": reading.checks_to_show(report),
        "troubles": reading.troubles(reading.open_findings(report)),
        "ignored": reading.troubles(reading.ignored_findings(report)),
        "objectives": [(objective, picture.gauge(objective)) for objective in reading.objectives(report)],
        "timeline": picture.timeline(report),
        "evidence": reading.evidence(report),
    }


@cache
def environment(*packages: str) -> Environment:
    """For pages of these packages beside the report's: the same figures, everything escaped and visible."""
    loaders = [PackageLoader(package) for package in (*packages, "restoredrill.reports")]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[[Any], str]] = {
        "duration": lambda seconds: _unbroken(units.duration(seconds)),
        "size": lambda size_bytes: _unbroken(units.size(size_bytes)),
        "timestamp": units.timestamp,
        "minute": lambda at: _unbroken(units.minute(at)),
        "lines": _lines,
    }
    environment.filters |= filters
    return environment


@cache
def style_sheet() -> str:
    """What the report's page, and whoever shows its body, looks like."""
    found = environment()
    assert found.loader is not None  # it was given above
    return found.loader.get_source(found, "report.css")[0]


def _finalize(value: object) -> object:
    """Runs on every expression before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _lines(words: str) -> Markup:
    """Words whose line ends may show, and whose `backticks` mean code."""
    escaped = str(escape(visible(words.strip(), keep_newlines=True)))
    return Markup(BACKTICKS.sub(r"<code>\1</code>", escaped))  # noqa: S704 - escaped one line above


def _unbroken(figure: str) -> str:
    return figure.replace(" ", "\N{NO-BREAK SPACE}")
