"""Debian's Chromium, without a window, on pages that lie in a folder of the tests' own."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

PROGRAM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
"""No sandbox: root, as which the suite runs, cannot have one; the pages are the tests' own."""


def missing() -> str | None:
    """Why no page can be looked at here, in one clause; None if one can."""
    lost = [path for path in (PROGRAM, DRIVER) if shutil.which(path) is None]
    return (
        f"there is no {' and no '.join(lost)} (Debian: chromium, chromium-driver)" if lost else None
    )


class Browser:
    """One Chromium, and what it says of a page."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, *, width: int = 1440, height: int = 1000) -> float:
        """Show a file; returns the seconds until it can be used."""
        self.driver.get("about:blank")
        self.media()
        self.driver.set_window_size(width, height)
        self.log("browser")
        self.log("performance")
        begin = time.monotonic()
        self.driver.get(path.as_uri())
        self.until("return document.body.dataset.ready === 'true'")
        return time.monotonic() - begin

    def until(self, script: str, seconds: float = 10) -> None:
        """Wait until a script says yes.

        Raises:
            AssertionError: it did not in time.
        """
        end = time.monotonic() + seconds
        while not self.js(script):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.01)

    def js(self, script: str, *given: object) -> Any:  # noqa: ANN401 - whatever the script returns
        """Run a script, as a person at the console would."""
        return self.driver.execute_script(script, *given)

    def text(self, selector: str) -> str:
        """What is to be read in an element."""
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def texts(self, selector: str) -> list[str]:
        """What is to be read in each."""
        return [one.text for one in self.driver.find_elements(By.CSS_SELECTOR, selector)]

    def click(self, selector: str) -> None:
        """With the mouse, in its middle."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def keys(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focus(self) -> str:
        """The tag and id of what has the focus."""
        told = "const e = document.activeElement; return `${e.tagName} ${e.id}`.toLowerCase()"
        return str(self.js(told)).strip()

    def media(self, medium: str = "", scheme: str = "light") -> None:
        """As what, and in which colours, pages are shown."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        wish = {"media": medium, "features": features}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What Chromium wrote into one of its logs since it was last read."""
        entries: list[dict[str, Any]] = self.driver.execute("getLog", {"type": kind})["value"]
        return entries

    def complaints(self) -> list[str]:
        """What the console has had to say since the page was opened."""
        return [str(one["message"]) for one in self.log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened, but for what was refused."""
        told = [json.loads(one["message"])["message"] for one in self.log("performance")]
        refused = {
            one["params"]["requestId"]
            for one in told
            if one["method"] == "Network.loadingFailed" and one["params"].get("blockedReason")
        }
        return [
            str(one["params"]["request"]["url"])
            for one in told
            if one["method"] == "Network.requestWillBeSent"
            and one["params"]["requestId"] not in refused
        ]

    def pdf(self) -> bytes:
        """The page as it is printed."""
        told = self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
        return base64.b64decode(told["data"])

    def picture(self, path: Path) -> None:
        """What is seen now, as PNG."""
        self.driver.save_screenshot(str(path))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start one with a fresh profile, and end it."""
    options = ChromeOptions()
    options.binary_location = PROGRAM
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(executable_path=DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
