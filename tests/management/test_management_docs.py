"""MANAGEMENT_API.md, replayed against a gateway: its samples answer as the page says."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from packy.config import Secret
from packy.demo import DemoUpstream
from packy.management import contract
from tests.management.api import PATH
from tests.support.gateway import ROOT, Gateway
from tests.support.ledger import enter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (ROOT / "MANAGEMENT_API.md").read_text()
SAMPLES = re.findall(r"```sh\n(curl .+?)\n```\n\n```json\n(.+?)\n```", PAGE, re.DOTALL)
PUBLIC = "https://codex-api.packycode.com/v1"
# Another each time, or on each machine.
VARYING = {"id", "file", "loaded-at", "latency-ms", "message", "from", "to"}
# Too long for a page, which shows one of each.
SHORTENED = {"steps", "recent"}
# What the samples of usage and speed show.
USED: tuple[dict[str, Any], ...] = (
    {
        "upstream_model": "gpt-5",
        "input_tokens": 120_000,
        "cached_tokens": 100_000,
        "output_tokens": 3000,
        "reasoning_tokens": 1024,
        "tokens_per_second": 40.0,
        "ttft_ms": 600.0,
    },
    {
        "upstream_model": "gpt-5-codex",
        "input_tokens": 800,
        "output_tokens": 90,
        "tokens_per_second": 80.0,
        "ttft_ms": 800.0,
    },
    {"upstream_model": "gpt-5-codex", "error_type": "overloaded_error"},
)
PRICES = {"gpt-5": {"input": 1.25, "cached-input": 0.125, "output": 10}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, DemoUpstream]]:
    with DemoUpstream() as upstream:
        settings = yaml.safe_load(re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)[0])
        settings["packycode"] = {
            "enabled": True,
            "base-url": upstream.url,
            "credentials": {"openai-api-key": "sk-your-packycode-key-1234"},
        }
        spare = {"name": "spare", "base-url": "https://api.openai.com/v1", "api-key": "sk-spare", "models": ["gpt-5"]}
        settings["codex-api-key"] = [spare]
        settings["prices"] = PRICES
        folder = tmp_path_factory.mktemp("docs")
        settings["ledger"] = {"url": f"sqlite:///{folder}/ledger.db"}
        enter(Secret(settings["ledger"]["url"]), [{"provider": "packycode", **each} for each in USED])
        # Or there is a warning: it holds keys.
        (folder / "config.yaml").touch(0o600)
        with Gateway(folder, yaml.safe_dump(settings)) as running:
            yield running, upstream


def _run(command: str, gateway: Gateway, upstream: DemoUpstream) -> requests.Response:
    """Do what curl would do."""
    words = {"$PACKY": f"{gateway.url}{PATH}", "$KEY": "a-long-random-key-of-yours", PUBLIC: upstream.url}
    for name, value in words.items():
        command = command.replace(name, value)
    method, url, data = "GET", "", None
    headers: dict[str, str] = {}
    arguments = iter(shlex.split(command)[1:])
    for argument in arguments:
        match argument:
            case "-s":
                pass
            case "-X":
                method = next(arguments)
            case "-d":
                data = next(arguments)
                headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            case "-H":
                name, _, value = next(arguments).partition(": ")
                headers[name] = value
            case _:
                url = argument
    return requests.request(method, url, data=data, headers=headers, timeout=20)


def _steady(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _steady(value) for key, value in document.items() if key not in VARYING | SHORTENED}
    return [_steady(each) for each in document] if isinstance(document, list) else document


def test_the_samples_answer_as_the_page_says(gateway: tuple[Gateway, DemoUpstream]) -> None:
    assert len(SAMPLES) == 10
    for command, expected in SAMPLES:
        answer = _run(command, *gateway)
        shown = json.loads(answer.text.replace(gateway[1].url, PUBLIC))
        assert _steady(shown) == _steady(json.loads(expected)), command
        assert shown.keys() == json.loads(expected).keys()


def test_what_a_sample_shows_one_of_has_all_that_the_contract_says() -> None:
    (sample,) = (json.loads(expected) for command, expected in SAMPLES if "/activity" in command)
    used = contract()["components"]["schemas"]["Activity"]["properties"]["used"]["properties"]
    for name in SHORTENED:
        assert [list(each) for each in sample["used"][name]] == [used[name]["items"]["required"]]


@pytest.mark.parametrize("path", contract()["paths"])
def test_each_path_is_on_the_page(path: str) -> None:
    for method in contract()["paths"][path]:
        assert f"`{method.upper()} {path.removeprefix(PATH)}`" in PAGE


def test_each_error_is_on_the_page_and_none_else() -> None:
    text = "".join(path.read_text() for path in _sources())
    raised = {(status, word) for status, word in re.findall(r'ManagementError\(\s*(\d{3}), "([a-z_]+)"', text)}
    raised |= {("405", "method_not_allowed"), ("500", "internal_error")}
    assert set(re.findall(r"\| (\d{3}) \| `([a-z_]+)` \|", PAGE)) == raised


def _sources() -> list[Path]:
    folders = (ROOT / "packy" / "management", ROOT / "blueprints", ROOT / "middleware")
    return [file for folder in folders for file in folder.glob("*.py")]
