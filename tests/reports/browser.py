"""A real Chromium to look at pages with, driven over its debugging pipe: JSON, no port open."""

import base64
import importlib.resources
import importlib.util
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.plugins.requirements import missing

FLAGS = (
    "--headless",
    "--no-sandbox",  # root may not have one
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # containers have little of it
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
ANSWER_WITHIN_S = 60.0
_SPOKEN_UP = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
_TEXT = "document.readyState == 'complete' ? location.pathname + ' ' + document.body.innerText : ''"


def chromium() -> str | None:
    """Path of a Chromium or Chrome, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


class Browser:
    """One browser with one tab. `heard` gathers its events: console messages, errors, requests."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._number = 0
        self._rest = b""
        self._session: str | None = None
        self.heard: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol, return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self.heard.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + ANSWER_WITHIN_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(end - time.monotonic(), 0))
            more = os.read(self._answers, 1 << 20) if ready else b""
            if not more:
                raise RuntimeError("chromium fell silent")
            self._rest += more
        line, self._rest = self._rest.split(b"\0", 1)
        found: dict[str, Any] = json.loads(line)
        return found

    def show(self, page: Path | str, *, width: int, dark: bool = False, media: str = "screen") -> None:
        """Open a file or an address as a screen `width` pixels wide shows it."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.heard.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.heard):
            self.heard.append(self._next())

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    @property
    def spoken(self) -> list[dict[str, Any]]:
        """What stands on the console since the page was opened."""
        return [event for event in self.heard if event.get("method") in _SPOKEN_UP]

    def until(self, fine: Callable[[str], bool], patience_s: float = ANSWER_WITHIN_S) -> str:
        """The page's path and text, once it is all there and as wanted."""
        end_s, text = time.monotonic() + patience_s, ""
        while time.monotonic() < end_s:
            try:
                text = str(self.ask(_TEXT))
            except RuntimeError:  # it is between two pages
                continue
            if fine(text):
                return text
            time.sleep(0.05)
        raise AssertionError(text)

    def barriers(self) -> Any:
        """What axe finds on the page, with how to mend it."""
        if importlib.util.find_spec("axe_core_python") is None:
            missing("no axe-core (pip install axe-core-python)")
        axe = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text()
        self.ask(f"{axe};0")
        return self.ask(
            "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.failureSummary)]))"
        )

    def screenshot(self, path: Path) -> None:
        """The whole page, top to bottom, as PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        """The page as printed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"]))


@contextmanager
def running(program: str) -> Iterator[Browser]:
    """A browser with an empty profile; ended, and its profile removed, at the end."""
    profile = Path(tempfile.mkdtemp(prefix="rd-chromium-"))
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()
    # Chromium reads commands from descriptor 3 and writes answers to 4.
    shell = ["/bin/bash", "-c", f'exec "$@" 3<&{command_read} 4>&{answer_write}', "chromium", program, *FLAGS]
    process = subprocess.Popen(
        [*shell, f"--user-data-dir={profile}"],
        pass_fds=(command_read, answer_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(command_read)
    os.close(answer_write)
    try:
        yield Browser(command_write, answer_read)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(command_write)
        os.close(answer_read)
        shutil.rmtree(profile, ignore_errors=True)
