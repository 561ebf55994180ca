"""Our errors as answers."""

from restoredrill import secret
from restoredrill.errors import (
    CloudError,
    HistoryError,
    RestoredrillError,
    UsageError,
    VaultDenied,
    VaultError,
    VaultMissing,
)
from restoredrill.web.safety.refusals import Refusal

# The first that fits. What the world did not answer is worth another try; what is not set up right is not.
_TABLE: tuple[tuple[type[RestoredrillError], int, str], ...] = (
    (VaultMissing, 404, "There is no such thing in the vault"),
    (VaultDenied, 502, "The vault refuses"),
    (VaultError, 503, "The vault does not answer"),
    (HistoryError, 503, "The history does not answer"),
    (CloudError, 503, "The cloud does not answer"),
    (UsageError, 409, "This can't be done"),
)


def refusal(error: RestoredrillError) -> Refusal:
    """What is told of it, and what to do next. No secret that was resolved is in it."""
    for kind, status, title in _TABLE:
        if isinstance(error, kind):
            return Refusal(status, title, secret.redact(str(error)), secret.redact(error.hint))
    return Refusal(500, "This did not work", secret.redact(str(error)), secret.redact(error.hint))


def nothing(what: str) -> Refusal:
    """There is none of this name."""
    return Refusal(404, f"There is no such {what}", hint="the list that it would be in tells the names")
