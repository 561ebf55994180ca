"""The history that `_service.yaml` names, or a file in the state directory."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from restoredrill import config, wiring
from restoredrill.cli.frame import Context
from restoredrill.errors import ToolMissing
from restoredrill.service_settings import HistorySettings

if TYPE_CHECKING:
    from restoredrill.history.database import DatabaseHistory

FILE = "history.sqlite"


def settings(context: Context) -> HistorySettings:
    """Where the history is and how long it is kept. Raises `ConfigError`."""
    return config.service(context.schedules).history


def opened(named: HistorySettings) -> "DatabaseHistory":
    """The history itself; whoever opens it closes it.

    Raises `HistoryError`, `SecretMissing`, `CloudError`, `UsageError`; `ToolMissing` without the extra.
    """
    try:
        from restoredrill.history.opening import open_history
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    if named.url is None:
        return open_history(f"sqlite:///{quote(str(config.state_directory().absolute() / FILE))}")
    return open_history(wiring.reveal(named.url, "history.url").reveal())
