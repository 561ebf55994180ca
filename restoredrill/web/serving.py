"""The dashboard's server, in a thread of the service."""

import contextlib
import logging
import socket
import threading
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from restoredrill.errors import UsageError
from restoredrill.service_settings import WebSettings
from restoredrill.web.safety.listening import SERVER_OPTIONS

PATIENCE_S = 1.0  # for answers under way, when it ends


class _Server(uvicorn.Server):
    """Signals are the service's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class Dashboard:
    """Listens from `start` on until `stop`."""

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        """Raises `UsageError` if it can't listen there."""
        host, _, port = settings.listen.rpartition(":")
        self._socket = _listening(host.strip("[]"), port)
        scheme = "https" if settings.tls_certificate else "http"
        self.url = f"{scheme}://{host}:{self._socket.getsockname()[1]}"
        options: dict[str, Any] = dict(SERVER_OPTIONS)
        if settings.tls_certificate and settings.tls_key:
            options |= {"ssl_certfile": settings.tls_certificate, "ssl_keyfile": settings.tls_key}
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=int(PATIENCE_S),
            **options,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._serve, name="dashboard", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def halt(self) -> None:
        """Take no more questions."""
        self._server.should_exit = True

    def stop(self) -> None:
        """Answers under way may end, for a moment."""
        self.halt()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def _listening(host: str, port: str) -> socket.socket:
    place = f"{host}:{port}"
    hint = "set web.listen to another port, or end what listens there"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, int(port)))
        made.listen(128)
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError("listen on", place, reason.lower(), hint=hint) from error
    return made
