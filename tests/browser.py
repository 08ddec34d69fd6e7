"""Headless Chromium for tests of pages, driven through its debugging pipe: nothing to install but the browser itself.

A page is opened as a reader would see it (width, light or dark, on paper), and all that it complains about or asks the
network for is kept.
"""

from __future__ import annotations

import base64
import fcntl
import importlib.util
import json
import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--hide-scrollbars", "--force-color-profile=srgb")  # fmt: skip
# The browser reads its orders from descriptor 3 and answers on 4.
_LAUNCH = "import os, sys; [os.dup2(int(sys.argv[i]), i + 2) for i in (1, 2)]; os.execv(sys.argv[3], sys.argv[3:])"
_PATIENCE = 120.0


def axe_source() -> str | None:
    """Find axe-core: the file that AXE_CORE names, one fetched beside the packages, or that of a Python package."""
    places = [Path(os.environ.get("AXE_CORE", "")), Path(sys.prefix) / "axe" / "package" / "axe.min.js"]
    for package in ("axe_playwright_python", "axe_core_python"):
        spec = importlib.util.find_spec(package)
        places += [Path(folder) / "axe.min.js" for folder in (spec and spec.submodule_search_locations) or ()]
    found = next((place for place in places if place.is_file()), None)
    return None if found is None else found.read_text(encoding="utf-8")


class Browser:
    """One running browser; use it as a context."""

    def __init__(self, profile: Path) -> None:
        down, up = os.pipe(), os.pipe()
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (down[0], up[1])]
        command = [sys.executable, "-c", _LAUNCH, *map(str, theirs), str(CHROMIUM), *_FLAGS]
        command += [f"--user-data-dir={profile}", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(command, pass_fds=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (down[0], up[1], *theirs):
            os.close(fd)
        self._orders, self._answers = os.fdopen(down[1], "wb"), up[0]
        self._buffer, self._last = b"", 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Give one order and wait for its answer."""
        self._last += 1
        order = {"id": self._last, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self._orders.write(json.dumps(order).encode() + b"\0")
        self._orders.flush()
        while (message := self._message()).get("id") != self._last:
            self.events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        answer: dict[str, Any] = message["result"]
        return answer

    def wait_for(self, method: str, session: str) -> None:
        """Read until an event has come."""
        while not any(e["method"] == method and e.get("sessionId") == session for e in self.events):
            self.events.append(self._message())

    def open(self, url: str, *, width: int, height: int = 900, dark: bool = False, script: bool = True) -> Page:
        """Open a page in a tab of its own and wait until it is loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(browser=self, session=session, target=target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        phone = width < 600
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        page.call("Emulation.setScriptExecutionDisabled", value=not script)
        page.url = url
        page.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired", session)
        return page

    def _message(self) -> dict[str, Any]:
        end = time.monotonic() + _PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._answers, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("the browser is gone" if ready else f"no answer in {_PATIENCE:g} s")
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._orders.close()
        os.close(self._answers)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


# What sticks out of the window and is not within a part that scrolls.
_STICKING_OUT = """(() => {
  const wide = window.innerWidth, out = [];
  const cuts = (e) => ["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX);
  const held = (e) => e && (cuts(e) || held(e.parentElement));
  for (const e of document.body.querySelectorAll("*")) {
    const box = e.getBoundingClientRect();
    if (box.width && (box.right > wide + 1 || box.left < -1) && !held(e.parentElement))
      out.push(`${e.tagName}.${e.getAttribute("class")} to ${Math.round(box.right)}: ${e.textContent.slice(0, 40)}`);
  }
  return { wide, page: document.scrollingElement.scrollWidth, out: out.slice(0, 20) };
})()"""


# Letters of figures: how small they are on the screen, and how little they stand out from the card behind them.
_LETTERS = """(() => {
  const light = (rgb) => rgb.match(/[0-9.]+/g).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  return [...document.querySelectorAll("figure svg")].flatMap((svg) => {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const card = light(getComputedStyle(svg.closest("figure")).backgroundColor);
    return [...svg.querySelectorAll("text")].map((text) => {
      const style = getComputedStyle(text), ink = light(style.fill), [low, high] = [ink, card].sort((a, b) => a - b);
      return { text: text.textContent, px: scale * parseFloat(style.fontSize), contrast: (high + 0.05) / (low + 0.05) };
    });
  });
})()"""


@dataclass
class Page:
    """A page that is open."""

    browser: Browser
    session: str
    target: str
    url: str = ""
    _kinds: tuple[str, ...] = field(default=("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"))

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Give the tab an order."""
        return self.browser.call(method, self.session, **params)

    def evaluate(self, code: str) -> Any:
        """Run code in the page and give its value; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    @property
    def complaints(self) -> list[str]:
        """What stands in the console."""
        return [json.dumps(e["params"])[:600] for e in self._own() if e["method"] in self._kinds]

    @property
    def requests(self) -> list[str]:
        """Addresses that were asked for, but for the page itself and data in it."""
        asked = [e["params"]["request"]["url"] for e in self._own() if e["method"] == "Network.requestWillBeSent"]
        return [url for url in asked if url.split("#")[0] != self.url and not url.startswith("data:")]

    def overflow(self) -> list[str]:
        """What is wider than the window."""
        found = self.evaluate(_STICKING_OUT)
        page = [f"the page: {found['page']} in a window of {found['wide']}"] if found["page"] > found["wide"] else []
        return page + list(found["out"])

    def letters(self) -> list[dict[str, Any]]:
        """Measure every text in a figure: ``px`` and ``contrast`` with the card."""
        found: list[dict[str, Any]] = self.evaluate(_LETTERS)
        return found

    def on_paper(self, width: int = 688) -> None:
        """Lay the page out as on A4 with margins of 14 mm."""
        self.call("Emulation.setEmulatedMedia", media="print")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Save a picture of the page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def pdf(self) -> bytes:
        """Print the page, as its rules for paper say."""
        self.call("Emulation.setEmulatedMedia", media="print")
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])

    def axe(self, source: str) -> list[str]:
        """Give the serious and critical violations that axe-core finds."""
        self.evaluate(source)
        found = self.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
        return [
            f"{v['id']} ({v['impact']}): {node['target']} {node['html'][:160]} | {node.get('failureSummary', '')[:240]}"
            for v in found
            if v["impact"] in ("serious", "critical")
            for node in v["nodes"]
        ]

    def close(self) -> None:
        """Close the tab."""
        self.browser.call("Target.closeTarget", targetId=self.target)

    def _own(self) -> list[dict[str, Any]]:
        self.evaluate("0")  # an order that is answered: whatever came before it has been read
        return [event for event in self.browser.events if event.get("sessionId") == self.session]
