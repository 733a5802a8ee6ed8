"""A browser for tests: Debian's Chromium, headless, driven over its own debugging socket. No driver package.

with Chromium(tmp_path) as browser:
    page = browser.open("http://127.0.0.1:8080/", width=1440, height=900)
    page.wait("document.title === 'x'")
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
    "--mute-audio", "--hide-scrollbars", "--remote-debugging-port=0", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip
START_S = 40.0
WAIT_S = 15.0


def find() -> str:
    """Give the browser's path, or skip; TICKTICK_REQUIRE_BROWSER=1 makes its absence a failure."""
    for name in (os.environ.get("TICKTICK_CHROMIUM", ""), *NAMES):
        found = shutil.which(name) if name else None
        if found:
            return found
    if os.environ.get("TICKTICK_REQUIRE_BROWSER") == "1":
        pytest.fail("TICKTICK_REQUIRE_BROWSER is set, but no Chromium is installed")
    pytest.skip("no Chromium here: apt install chromium, or name it in TICKTICK_CHROMIUM")


class Page:
    """One tab. Console errors, exceptions and refused resources are kept in ``complaints``."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=WAIT_S))
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page (a promise is awaited)."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"].get("exception", {}).get("description", script))
        return answer["result"].get("value")

    def wait(self, script: str, timeout_s: float = WAIT_S) -> None:
        """Poll until an expression is true (a node counts as true)."""
        until = time.monotonic() + timeout_s
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < until, f"never came true: {script}; complaints: {self.complaints}"
            time.sleep(0.05)

    def go(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def size(self, width: int, height: int, *, dark: bool = True, is_phone: bool = False) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if is_phone else 1, mobile=is_phone)
        scheme = "dark" if dark else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def key(self, key: str) -> None:
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text={"Enter": "\r"}.get(key, key))
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def shot(self, file: Path, *, is_whole: bool = False) -> None:
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        file.write_bytes(base64.b64decode(picture["data"]))


class Chromium:
    """A browser process with its own empty profile; ended with everything it started."""

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "chromium"
        self._profile.mkdir(parents=True, exist_ok=True)
        self._path = find()
        self._links = ExitStack()

    def __enter__(self) -> Self:
        command = [self._path, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._log = (self._profile / "log").open("wb")
        self._child = subprocess.Popen(command, stdout=self._log, stderr=self._log, start_new_session=True)
        port_file, until = self._profile / "DevToolsActivePort", time.monotonic() + START_S
        while not (port_file.is_file() and port_file.read_text().count("\n") >= 1):
            assert self._child.poll() is None, f"Chromium ended: {(self._profile / 'log').read_text()[-800:]}"
            assert time.monotonic() < until, "Chromium did not start"
            time.sleep(0.05)
        port, path = port_file.read_text().splitlines()[:2]
        self._base = f"ws://127.0.0.1:{port}"
        self._browser = self._links.enter_context(connect(self._base + path, max_size=None))
        return self

    def open(self, url: str, width: int = 1440, height: int = 900) -> Page:
        self._browser.send(json.dumps({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}}))
        while "result" not in (answer := json.loads(self._browser.recv(timeout=WAIT_S))):
            pass
        socket = self._links.enter_context(connect(f"{self._base}/devtools/page/{answer['result']['targetId']}", max_size=None))
        page = Page(socket)
        for domain in ("Page", "Runtime", "Log"):
            page.send(f"{domain}.enable")
        page.size(width, height)
        page.go(url)
        return page

    def __exit__(self, *_: object) -> None:
        self._links.close()
        os.killpg(self._child.pid, 15)
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, 9)
            self._child.wait()
        self._log.close()
