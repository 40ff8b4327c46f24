from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from packy.config import Secret
from packy.demo import DemoUpstream
from tests.status.browser import API, KEY, Browser, change, start
from tests.support.gateway import CLIENT_KEY, Gateway
from tests.support.ledger import enter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium import webdriver


def seeds() -> list[dict[str, Any]]:
    """Give requests of a good hour, as a small team makes them."""
    made: list[dict[str, Any]] = []
    for number in range(130):
        wave = (number * 7) % 23
        made.append(
            {
                "ago": 20 + number * 30,
                "client": ("laptop", "ci", "wang")[number % 3],
                "provider": "packycode",
                "model": "claude-opus-4-8",
                "upstream_model": "gpt-5-codex" if number % 4 else "gpt-5",
                "effort": "high" if number % 3 else "medium",
                "stream": True,
                "status": 200,
                "stop_reason": "tool_use" if number % 3 else "end_turn",
                "input_tokens": 21_000 + wave * 900,
                "cached_tokens": 16_000 + wave * 700,
                "output_tokens": 400 + wave * 60,
                "reasoning_tokens": wave * 20,
                "ttft_ms": 480.0 + wave * 37,
                "duration_ms": 4200.0 + wave * 410,
                "tokens_per_second": 58.0 + wave * 1.7,
            }
        )
    troubles = ("upstream_timeout", "upstream_rate_limit", "upstream_timeout", "context_length_exceeded")
    for number, failure in enumerate(troubles):
        error = {"error_type": "api_error", "failure": failure, "status": 529, "retries": number % 2}
        made.append({"ago": 45 + number * 700, "client": "ci", "provider": "packycode", "model": "gpt-5", **error})
    made.append({"ago": 70, "client": "laptop", "provider": "packycode", "model": "gpt-5", "cancelled": True})
    return made


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """The browser."""
    driver = start(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with Packycode, a spare provider, and requests in its ledger."""
    folder = tmp_path_factory.mktemp("status")
    ledger = f"sqlite:///{folder}/ledger.db"
    enter(Secret(ledger), seeds())
    with DemoUpstream() as upstream:
        settings = {
            "client-keys": [{"label": "tests", "key": CLIENT_KEY}],
            "remote-management": {"secret-key": KEY},
            "packycode": {
                "enabled": True,
                "base-url": upstream.url,
                "credentials": {"openai-api-key": "sk-packycode-0123456789-wxyz"},
            },
            "codex-api-key": [{"name": "spare", "base-url": upstream.url, "api-key": "sk-spare", "models": ["o3"]}],
            "prices": {
                model: {"input": 1.25, "cached-input": 0.125, "output": 10} for model in ("gpt-5", "gpt-5-codex")
            },
            "ledger": {"url": ledger},
        }
        # The page would warn of a file that holds keys and can be read by others.
        (folder / "config.yaml").touch(0o600)
        with Gateway(folder, yaml.safe_dump(settings), workers=2) as running:
            yield running


@pytest.fixture
def browser(chromium: webdriver.Chrome, gateway: Gateway) -> Iterator[Browser]:
    """The browser as it begins: a large window, light, nobody signed in."""
    page = Browser(chromium, gateway.url)
    page.pretend(prefers_color_scheme="light")
    page.resize(1280)
    page.driver.get("about:blank")
    page.complaints()
    page.requested()
    yield page
    page.driver.get("about:blank")


@pytest.fixture
def as_before(gateway: Gateway) -> Iterator[None]:
    """Leave the gateway as it was."""
    before = requests.get(gateway.url + API, headers={"X-Management-Key": KEY}, timeout=20).json()
    yield
    change(gateway, **{"enabled": True, "base-url": before["base-url"], "defaults": None})
