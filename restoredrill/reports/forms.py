"""Every form of the report, made from one Report value.

`FORMS` maps a form's name to a function from a report to its text. None reads a clock or the environment: the
same report gives the same text, today and when an auditor asks.
"""

from collections.abc import Callable
from typing import Final

from restoredrill.model import Report
from restoredrill.reports.html import as_html
from restoredrill.reports.junit import as_junit
from restoredrill.reports.markdown import as_markdown
from restoredrill.reports.text import as_text

FORMS: Final[dict[str, Callable[[Report], str]]] = {
    "text": as_text,  # also takes `width` and `colour`
    "json": Report.to_json,
    "junit": as_junit,
    "markdown": as_markdown,
    "html": as_html,
}
