"""Running SQL of our own on a server of our own."""

import contextlib

from restoredrill.engines.postgres.connect import TARGET, login, plain, translated


def run_script(url: str, text: str) -> None:
    """Run statements without parameters, all or none. Raises `ServerFailed`, `QueryFailed`."""
    to = login(url)
    with (
        contextlib.closing(plain(to, TARGET)) as connection,
        translated(TARGET, "run a script on", to),
        connection.transaction(),
    ):
        connection.execute(text.encode())
