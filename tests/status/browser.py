"""A real Chromium for tests of the status page, driven by the packages of Debian."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium.webdriver.remote.webelement import WebElement

    from tests.support.gateway import Gateway

__all__ = ["API", "KEY", "Browser", "change", "start"]

API: Final = "/v0/management/packycode"
KEY: Final = "management-key-0123456789"
_PROGRAMS: Final = (Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver"))
_PATIENCE: Final = 30
_AUDIT: Final = Path(__file__).with_name("audit.js").read_text()
_T = TypeVar("_T")


def start(folder: Path) -> webdriver.Chrome:
    """Start it, with a profile in a folder; skip the test where there is none."""
    for program in _PROGRAMS:
        if not program.exists():
            pytest.skip(f"{program} is missing: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(_PROGRAMS[0])
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--disable-extensions", "--hide-scrollbars", "--lang=en-GB", f"--user-data-dir={folder / 'profile'}"),
        # One process less to start, on machines that are busy.
        "--disable-features=OptimizationHints,MediaRouter,Translate",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    # With the driver's path given, selenium looks for none and downloads none.
    service = webdriver.ChromeService(str(_PROGRAMS[1]), log_output=str(folder / "chromedriver.log"))
    return webdriver.Chrome(options, service)


def change(gateway: Gateway, **fields: object) -> None:
    """Change the settings, as somebody else would."""
    answer = requests.patch(gateway.url + API, json=fields, headers={"X-Management-Key": KEY}, timeout=20)
    assert answer.status_code == 200, answer.text


class Browser:
    """The page in the browser, as somebody who uses it sees it.

    Args:
        driver: the browser.
        url: of the gateway.
    """

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, query: str = "", *, key: str | None = KEY) -> None:
        """Open the page, and sign in if there is a key."""
        self.driver.get(f"{self.url}/status{query}")
        if key is not None:
            self.sign_in(key)
            self.until(lambda: self.shown("#board") and self("#updated").text != "")

    def sign_in(self, key: str) -> None:
        """Type a key and submit it."""
        self("#key").send_keys(key)
        self("#sign-in button").click()

    def __call__(self, selector: str) -> WebElement:
        """Find an element."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def shown(self, selector: str) -> bool:
        """Tell whether an element is there to be seen."""
        return self(selector).is_displayed()

    def text(self, selector: str) -> str:
        """Give the text of an element as it is seen."""
        return self(selector).text

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def until(self, holds: Callable[[], _T]) -> _T:
        """Wait until something is so."""
        found: _T = WebDriverWait(self.driver, _PATIENCE, 0.05).until(lambda _: holds())
        return found

    def nudge(self) -> None:
        """Have the page ask at once, as it does when it is seen again."""
        self.run("document.dispatchEvent(new Event('visibilitychange'))")

    def pretend(self, **features: str) -> None:
        """Pretend that the user prefers something, as in `prefers_color_scheme="dark"`."""
        given = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": given})

    def resize(self, width: int, height: int = 1000, *, mobile: bool = False) -> None:
        """Make the window as large as some device's."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def cells(self, selector: str) -> list[list[str]]:
        """Give the texts of a table's body, row by row."""
        script = (
            "return [...document.querySelector(arguments[0]).rows].map((r) => [...r.cells].map((c) => c.textContent))"
        )
        rows: list[list[str]] = self.run(script, selector)
        return rows

    def audit(self) -> list[str]:
        """Give what makes the page, as it is now, hard to use for some."""
        found: list[str] = self.run(_AUDIT)
        return found

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call] # selenium's own
        return entries

    def complaints(self) -> list[str]:
        """Give what the page has complained about in the console so far, and forget it."""
        return [each["message"] for each in self._log("browser") if each["level"] in {"SEVERE", "WARNING"}]

    def requested(self) -> list[str]:
        """Give the addresses that the page has asked for so far, and forget them."""
        messages = [json.loads(each["message"])["message"] for each in self._log("performance")]
        sent = [each["params"]["request"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        return [each["url"] for each in sent]
