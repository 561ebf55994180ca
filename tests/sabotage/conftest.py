"""A host to break backups on (see tests/e2e), and the score: caught of planted, quiet of good."""

from typing import Any

import pytest

from tests.e2e.conftest import host

__all__ = ["host"]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line a kind; what was skipped was neither caught nor quiet."""
    for kind, well, of in (("sabotage", "caught", "planted"), ("good", "quiet", "good")):
        ends: dict[str, bool] = {}
        for outcome in ("passed", "failed", "error", "skipped"):
            for report in terminalreporter.stats.get(outcome, ()):
                name = dict(getattr(report, "user_properties", ())).get(kind)
                if name is not None:
                    ends[name] = ends.get(name, True) and outcome == "passed"
        if ends:
            lost = ", ".join(name for name, fine in ends.items() if not fine)
            words = f"{well} / {of}: {sum(ends.values())} / {len(ends)}"
            terminalreporter.write_line(words + (f"; not: {lost}" if lost else ""))
