"""The server: moto and the gate on a free port of the loopback, in threads of the test process."""

import os
import threading
from typing import Any

# Read by moto when a region is first used: without its 1,300 images a reset takes a tenth of the time.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server


class _Quiet(MotoRequestHandler):
    """Writes no log."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Nothing: what was asked is in the gate's own record."""


class Server:
    """Serves `application` (put in before the first request) until `close`."""

    def __init__(self) -> None:
        self.application: Any = None
        self.behind = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1",
            0,
            lambda environ, start: self.application(environ, start),
            threaded=True,
            request_handler=_Quiet,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="cloud", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def reset(self) -> None:
        """Everything that moto knows is forgotten."""
        moto_api_backend.reset()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=30)
        self._server.server_close()
