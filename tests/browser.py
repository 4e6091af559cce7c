"""A real browser without a window, told what to do over its debugging pipe: no port, no driver, no further package."""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

FLAGS = [
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # WebGL 2 without a GPU
]  # fmt: skip


def find_chromium() -> str | None:
    """Path of a Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def lacking(what: str) -> None:
    """Skip a test for which something is not installed; fail it where ICHOR_REQUIRE_VIEWER=1 says that it must be."""
    if os.environ.get("ICHOR_REQUIRE_VIEWER"):
        pytest.fail(what)
    pytest.skip(what)


class Browser:
    """One page of Chromium; what the page says on its console and asks for is kept.

    Parameters
    ----------
    chromium : str
        Program.
    profile : Path
        Folder for its settings; made.
    width, height : int
        Size of the page in pixels.

    Attributes
    ----------
    console : list of str
        Warnings, errors and exceptions that nobody caught.
    requests : list of str
        Addresses that the page asked for, `data:` ones left out.
    """

    def __init__(self, chromium: str, profile: Path, width: int = 1500, height: int = 950) -> None:
        self.console: list[str] = []
        self.requests: list[str] = []
        self._number, self._buffer, self._answers = 0, b"", {}
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        command = ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", chromium, *FLAGS]
        command += [f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._session: str | None = None
        pages = self.send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in pages if target["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *raised: object) -> None:
        os.close(self._write)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._read)

    def open(self, page: Path) -> None:
        """Open a file as a double click would."""
        self.send("Page.navigate", url=page.resolve().as_uri())
        self.wait("document.readyState === 'complete'")

    def value(self, expression: str) -> object:
        """Value of a JavaScript expression in the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = 240.0) -> object:
        """Value of an expression as soon as it is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := self.value(expression):
                return found
            time.sleep(0.1)
        raise TimeoutError(f"{expression} did not become true in {seconds:.0f} s; console: {self.console}")

    def press(self, key: str) -> None:
        """Press and release a key, for example ``"ArrowUp"`` or ``"m"``."""
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def wheel(self, x: float, y: float, by: float) -> None:
        """Turn the mouse's wheel at a place of the page."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.send("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by)

    def picture(self) -> bytes:
        """PNG of the page, when what was drawn so far is on it."""
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def send(self, method: str, **params: object) -> dict:
        """Answer of the browser to a command of its debugging protocol."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._write, content) :]
        deadline = time.monotonic() + 240
        while number not in self._answers:
            if not select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"no answer to {method}")
            self._take()
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _take(self) -> None:
        part = os.read(self._read, 1 << 20)
        if not part:
            raise RuntimeError(f"the browser ended with {self._process.poll()}")
        self._buffer += part
        *whole, self._buffer = self._buffer.split(b"\0")
        for content in whole:
            message = json.loads(content)
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self._keep(message["method"], message["params"])

    def _keep(self, method: str, params: dict) -> None:
        if method == "Runtime.exceptionThrown":
            self.console.append(json.dumps(params["exceptionDetails"])[:1000])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.console.append(json.dumps(params["args"])[:1000])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.console.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith("data:"):
            self.requests.append(params["request"]["url"])
