"""The status page where something is in the way: it says what, and how to repair it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from packy.config import Secret
from packy.demo import DemoUpstream, pause, rule, text
from packy.status import TEXTS
from tests.status.browser import KEY, Browser
from tests.support.gateway import CLIENT_KEY, Gateway
from tests.support.ledger import enter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selenium import webdriver

    Open = Callable[..., AbstractContextManager[tuple[Browser, Gateway]]]

EN, ZH = TEXTS["en"], TEXTS["zh"]
BODY = {"model": "gpt-5", "max_tokens": 100, "stream": True, "messages": [{"role": "user", "content": "Hello."}]}
MANAGED = {"remote-management": {"secret-key": KEY}}


@pytest.fixture
def opened(chromium: webdriver.Chrome, tmp_path: Path) -> Open:
    """Settings → a gateway of its own, and the browser."""

    @contextmanager
    def start(settings: dict[str, Any], workers: int = 1) -> Iterator[tuple[Browser, Gateway]]:
        keys = {"client-keys": [{"label": "tests", "key": CLIENT_KEY}]}
        with Gateway(tmp_path, yaml.safe_dump(keys | settings), workers=workers) as gateway:
            browser = Browser(chromium, gateway.url)
            browser.resize(1280)
            try:
                yield browser, gateway
            finally:
                browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
                browser.driver.get("about:blank")

    return start


def trouble(browser: Browser, key: str) -> str:
    """Sign in with a key, and give what the page says to it."""
    browser.run("document.querySelector('#trouble').hidden = true")
    browser.sign_in(key)
    browser.until(lambda: browser.shown("#trouble"))
    return browser.text("#trouble")


def test_whom_the_api_refuses_is_told_why_and_what_to_do(opened: Open) -> None:
    with opened(MANAGED) as (browser, gateway):
        browser.open(key=None)
        browser.driver.execute_cdp_cmd("Network.enable", {})
        browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"X-Forwarded-For": "192.0.2.7"}})
        assert trouble(browser, KEY) == EN["error.forbidden"]
        browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})

        # One wrong key is one try, of the four that are free.
        for _ in range(4):
            assert trouble(browser, "wrong-key") == EN["error.unauthorized"]
        # Never sent: no key has such letters.
        assert trouble(browser, "密钥") == EN["error.unauthorized"]
        assert browser.run("return document.activeElement.id") == "key"
        assert browser("#trouble").get_attribute("role") == "alert"
        assert browser.audit() == []
        browser.sign_in(KEY)
        browser.until(lambda: browser.shown("#board"))
        assert not browser.shown("#trouble")
        browser("#sign-out").click()

        for _ in range(5):
            headers = {"X-Management-Key": "another-wrong-key"}
            requests.get(f"{gateway.url}/v0/management/packycode", headers=headers, timeout=20)
        assert trouble(browser, KEY) == EN["error.banned"].replace("{minutes}", "30")
        browser("nav a[lang=zh]").click()
        assert browser.text("#trouble") == ZH["error.banned"].replace("{minutes}", "30")
        assert not browser.shown("#board")


def test_an_api_that_is_off_is_told_with_the_line_that_turns_it_on(opened: Open) -> None:
    with opened({}) as (browser, _):
        browser.open(key=None)
        assert trouble(browser, KEY) == EN["error.not_found"]
        assert "remote-management.secret-key" in EN["error.not_found"]


def test_what_happens_to_the_gateway_meanwhile_is_told(opened: Open, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    with opened({**MANAGED, "ledger": {"enabled": False}}) as (browser, gateway):
        gateway.until(lambda _: gateway.lines("config_watched"))
        browser.open()
        assert browser.text("#ledger") == EN["ledger.off"]
        assert browser.text("#figure-requests") == "–"  # noqa: RUF001 - what stands for nothing

        # Somebody breaks its configuration.
        right = file.read_text()
        file.write_text(f"{right}prot: 8317\n")
        gateway.until(lambda _: gateway.lines("config_invalid"))
        browser.nudge()
        browser.until(lambda: EN["config.invalid"] in browser.text("#config"))
        assert "prot is not a known key" in browser.text("#config")
        browser.until(lambda: "config.yaml: no provider is enabled" in browser.text("#config"))
        assert browser.text("#meaning") == EN["packycode.off-alone"]

        # Somebody repairs it, with another management key.
        file.write_text(right.replace(KEY, "another-management-key-987"))
        gateway.until(lambda _: gateway.lines("config_reloaded"))
        browser.nudge()
        browser.until(lambda: browser.shown("#sign-in"))
        assert browser.text("#trouble") == EN["error.unauthorized"]
        assert browser.cells("#providers") == []

        # It goes away: what it has said stays.
        browser.sign_in("another-management-key-987")
        browser.until(lambda: browser.shown("#board"))
        gateway.stop()
        browser.nudge()
        browser.until(lambda: browser.text("#trouble") == EN["error.unreachable"])
        assert browser.shown("#board")


def test_long_names_leave_the_result_and_the_cooldowns_in_view(opened: Open) -> None:
    long = "provider-with-a-name-of-forty-characters"
    places = [f"http://127.0.0.1:{port}/v1/{'a-long-path/' * 12}" for port in (9, 11)]
    providers = [
        {"name": f"{name}{long[1:]}", "base-url": place, "api-key": f"sk-{name}", "models": ["gpt-5"]}
        for name, place in zip("pq", places, strict=True)
    ]
    clients = [{"label": "W" * 40, "key": CLIENT_KEY}]
    settings = {**MANAGED, "client-keys": clients, "codex-api-key": providers, "routing": {"failover": True}}
    with opened(settings) as (browser, gateway):
        requests.post(f"{gateway.url}/v1/messages", json=BODY, headers=gateway.headers, timeout=60)
        browser.open()
        browser.until(lambda: browser.cells("#recent"))
        ends = "return document.querySelector(arguments[0]).getBoundingClientRect().right"
        inside = browser.run(ends, ".scroll:has(#recent)")
        for column in range(1, 6):
            assert browser.run(ends, f"#recent td:nth-child({column})") <= inside, column
        assert "is passed over" in browser.cells("#providers")[1][2]
        assert browser.run(ends, "#providers tr:nth-child(2) td:nth-child(3)") <= browser.run(
            ends, ".scroll:has(#providers)"
        )


def test_models_without_a_price_are_named_beside_the_cost(opened: Open, tmp_path: Path) -> None:
    ledger = f"sqlite:///{tmp_path}/ledger.db"
    enter(Secret(ledger), [{"upstream_model": model, "input_tokens": 2_000_000} for model in ("o3", "gpt-5")])
    price = {"input": 1.25, "cached-input": 0.125, "output": 10}
    with opened({**MANAGED, "ledger": {"url": ledger}, "prices": {"gpt-5": price}}) as (browser, _):
        browser.open()
        assert browser.text("#figure-cost") == "2.5"
        assert browser.text("#figure-cost-note") == EN["figure.cost.some"]
        assert browser.text("#unpriced") == EN["figure.cost.without"].replace("{models}", "o3")


def test_requests_in_flight_and_providers_that_cool_down_are_shown(opened: Open) -> None:
    with DemoUpstream() as upstream:
        answer = [text("Once upon a time"), pause(60), text("there was a gateway.")]
        upstream.script(rule(*answer))
        providers = [
            {"name": "down", "base-url": "http://127.0.0.1:9/v1", "api-key": "sk-down", "models": ["gpt-5"]},
            {"name": "up", "base-url": upstream.url, "api-key": "sk-up", "models": ["gpt-5"]},
        ]
        settings = {**MANAGED, "codex-api-key": providers, "routing": {"failover": True, "cooldown": 300}}
        # Whichever worker is asked, it tells of both.
        with opened(settings, workers=2) as (browser, gateway):
            browser.open()
            with ThreadPoolExecutor(1) as pool:
                url = f"{gateway.url}/v1/messages"
                running = pool.submit(requests.post, url, json=BODY, headers=gateway.headers, timeout=60, stream=True)
                try:
                    assert upstream.wait(lambda known: known.in_flight == 1, 30)
                    browser.nudge()
                    browser.until(lambda: browser.text("#figure-in-flight") == "1")
                    assert browser.text("#figure-in-flight-note") == "1 streaming"
                    assert browser.cells("#providers")[1][2].startswith("gpt-5 is passed over for ")
                finally:
                    running.result(60).close()
            gateway.until(lambda _: gateway.requests())
            browser.nudge()
            browser.until(lambda: browser.text("#figure-in-flight") == "0")
            browser.until(lambda: browser.cells("#recent"))
            assert "cancelled" in browser.cells("#recent")[0][1]
