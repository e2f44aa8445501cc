"""Pages in a browser: no error in its console, nothing asked of a network, pictures there, everything has a name."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.study.scenario.scenario import available_scenarios

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chromium-headless-shell", "headless_shell")
PROGRAM = next((found for name in NAMES if (found := shutil.which(name))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        PROGRAM is None, reason=f"no browser on the PATH ({', '.join(NAMES)}): apt-get install chromium"
    ),
]
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--disable-component-update", "--no-first-run", "--window-size=1500,1000",
    "--remote-debugging-pipe",
)  # fmt: skip
WAIT = 240.0  # s, of a browser without a graphics card on a machine that is busy

SCENARIO = """
name = "own"
title = "one sample, its figures and a measurement"
[[sample]]
label = "x"
process = "kpinunu"
geometry = "run1-2018-s2"
selection = "pinunu"
role = "signal"
events = 3000
stored_events = 200
[run]
figures = true
[measurement]
data = "run1"
"""
PICTURES = "[...document.images].map(i => [i.alt, i.complete ? i.naturalWidth : 0])"


class Browser:
    """Headless Chromium, steered through a pipe (DevTools protocol): what it asks for and complains about is kept."""

    def __init__(self, profile: Path) -> None:
        assert PROGRAM is not None
        read, self._commands = os.pipe()
        self._answers, write = os.pipe()
        words = [PROGRAM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        # the browser reads commands from descriptor 3 and writes to 4
        shell = ["bash", "-c", f'exec "$0" "$@" 3<&{read} 4>&{write}', *words]
        with open(profile.with_suffix(".log"), "wb") as log:
            self._process = subprocess.Popen(shell, pass_fds=(read, write), stdout=log, stderr=log)
        os.close(read)
        os.close(write)
        os.set_blocking(self._answers, False)
        self._number, self._buffer, self.events = 0, b"", list[dict[str, Any]]()
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(WAIT)
        os.close(self._commands)
        os.close(self._answers)

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert time.monotonic() < until, "the browser does not answer"
            assert self._process.poll() is None, "the browser has ended"
            try:
                self._buffer += os.read(self._answers, 1 << 20)
            except BlockingIOError:
                time.sleep(0.01)
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command and its answer; events that come in between are kept."""
        self._number += 1
        words: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            words["sessionId"] = self._session
        os.write(self._commands, json.dumps(words).encode() + b"\0")
        until = time.monotonic() + WAIT
        while True:
            message = self._receive(until)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])
            self.events.append(message)

    def open(self, page: Path) -> None:
        """Load a file to its end."""
        self.events.clear()
        self.send("Page.navigate", url=page.resolve().as_uri())
        until = time.monotonic() + WAIT
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive(until))

    def value(self, script: str) -> Any:
        """What a line of JavaScript gives."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and exceptions."""
        found = []
        for event in self.events:
            name, what = event.get("method"), event.get("params", {})
            if name == "Runtime.exceptionThrown":
                found.append(str(what["exceptionDetails"]))
            elif name == "Runtime.consoleAPICalled" and what["type"] in ("error", "assert"):
                found.append(str(what["args"]))
            elif name == "Log.entryAdded" and what["entry"]["level"] == "error":
                found.append(what["entry"]["text"])
        return found

    def asked_for(self) -> set[str]:
        """Beginnings of the addresses that the page asked for."""
        events = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return {event["request"]["url"].partition(":")[0] for event in events}

    def nameless(self) -> list[str]:
        """Roles of what a screen reader finds without a name."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        found = [(node.get("role", {}).get("value"), node.get("name", {}).get("value")) for node in nodes]
        wanted = {"image", "img", "table", "region", "button", "link", "heading", "RootWebArea", "DisclosureTriangle"}
        assert any(role == "RootWebArea" for role, _ in found)
        return [role for role, name in found if role in wanted and not name]

    def photograph(self, path: Path, height: int = 1000) -> Path:
        """The page as PNG, for people."""
        area = {"x": 0, "y": 0, "width": 1500, "height": height, "scale": 1}
        data = self.send("Page.captureScreenshot", clip=area, captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))
        return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("browser") / "profile")
    yield found
    found.close()


def check_report(browser: Browser, page: Path, pictures: int) -> None:
    """As it is on the screen, and printed."""
    browser.open(page)
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    shown = browser.value(PICTURES)
    assert len(shown) == pictures
    assert all(name and width > 100 for name, width in shown), shown
    assert browser.complaints() == []
    assert browser.asked_for() <= {"file", "data"}
    assert browser.nameless() == []
    assert browser.value("document.documentElement.scrollWidth <= window.innerWidth"), "it has to be moved sideways"
    assert browser.value("document.querySelector('section.answer').getBoundingClientRect().bottom") < 1000
    printed = base64.b64decode(browser.send("Page.printToPDF", printBackground=True)["data"])
    assert printed.startswith(b"%PDF") and len(printed) > 20_000
    browser.photograph(page.with_name("report.png"), 3000)


def test_report(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(SCENARIO)
    assert main(["run", str(tmp_path / "own.toml"), "-o", str(tmp_path / "out")]) == 0
    figures = len(list((tmp_path / "out" / "figures").rglob("*.png")))
    assert figures > 5
    check_report(browser, tmp_path / "out" / "report.html", figures)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", available_scenarios())
def test_report_of_every_scenario(browser: Browser, tmp_path: Path, scenario: str) -> None:
    assert main(["run", scenario, "-n", "4000", "-o", str(tmp_path / scenario)]) == 0
    figures = len(list((tmp_path / scenario / "figures").rglob("*.png")))
    assert figures > 0
    check_report(browser, tmp_path / scenario / "report.html", figures)


def test_display(browser: Browser, tmp_path: Path) -> None:
    """The event in three dimensions: drawn, turned, with units under the pointer."""
    pytest.importorskip("plotly")
    sample = na.reconstruct(na.simulate("k2pi", events=10, seed=4))
    page = na.draw(sample, tmp_path / "event.html", event=3)
    browser.open(page)
    until = time.monotonic() + WAIT
    while not browser.value("!!document.querySelector('.js-plotly-plot canvas')"):
        assert time.monotonic() < until
        time.sleep(0.1)
    turned = "Plotly.relayout(document.querySelector('.js-plotly-plot'), {'scene.camera.eye.x': 2.0}).then(() => true)"
    assert browser.value(turned)
    assert browser.complaints() == []
    assert browser.asked_for() <= {"file", "data", "blob"}
    texts = browser.value("document.querySelector('.js-plotly-plot').data.map(t => [].concat(t.hovertext).join(' '))")
    assert any("GeV" in text for text in texts) and any(" m" in text for text in texts)
    assert browser.value("document.title").startswith("na62sim: k2pi, event 3")
    assert browser.value("document.documentElement.lang") == "en"
    assert browser.nameless() == []
    browser.photograph(tmp_path / "event.png")
