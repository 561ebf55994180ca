"""The check `integrity`: is the restored database sound in itself, whatever the source was."""

from restoredrill.checks.compare import LISTED_AT_MOST, limited
from restoredrill.checks.results import judged
from restoredrill.checks.rules import finding
from restoredrill.model import CheckResult
from restoredrill.protocols import Examined

NAME = "integrity"


def integrity(examined: Examined, seconds: float) -> CheckResult:
    """What an engine found, as a result."""
    found = (finding(flaw.rule, flaw.object, flaw.message) for flaw in examined.flaws)
    return judged(NAME, limited(found, LISTED_AT_MOST), examined.looked_at, seconds=seconds)
