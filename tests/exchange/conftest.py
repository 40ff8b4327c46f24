"""Fixtures: a gateway with Packycode and a spare provider, each a demo upstream of its own."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

from packy.demo import DemoUpstream
from tests.support.gateway import CLIENT_KEY, Gateway
from tests.support.small_request import small_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Json = dict[str, Any]


CONFIG = """\
client-keys: [{label: tests, key: %(client)s}]
packycode: {enabled: true, base-url: '%(packycode)s', credentials: {openai-api-key: sk-packycode-%(number)d}}
codex-api-key: [{name: spare, base-url: '%(spare)s', api-key: sk-spare-%(number)d}]
remote-management: {secret-key: a-management-key}
"""


class House:
    """A gateway and its providers, to be furnished anew for each test.

    Nothing of one test is left for the next: with other keys they are other providers.
    """

    def __init__(self, folder: Path, stack: ExitStack, workers: int) -> None:
        self.packycode, self.spare = (stack.enter_context(DemoUpstream()) for _ in range(2))
        self.config = folder / "config.yaml"
        self._number = 0
        self._workers = workers
        environ = {"PACKYCODE_API_KEY": "sk-of-the-environment"}  # in force where config.yaml has no key for Packycode
        self.gateway = stack.enter_context(Gateway(folder, self._text(""), workers=workers, environ=environ))

    def _text(self, extra: str) -> str:
        urls = {"packycode": self.packycode.url, "spare": self.spare.url}
        return CONFIG % {"client": CLIENT_KEY, "number": self._number, **urls} + extra + "\n"

    def furnish(self, extra: str) -> None:
        """Put a configuration in force."""
        self._number += 1
        for upstream in (self.packycode, self.spare):
            upstream.reset()
        self.edit(self._text(extra))

    def edit(self, text: str) -> None:
        """Replace config.yaml, and wait until all workers have seen it."""
        before = len(self.gateway.lines("config_reloaded"))
        fresh = self.config.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.config)
        self.gateway.until(lambda _: len(self.gateway.lines("config_reloaded")) >= before + self._workers)

    def ask(self, **fields: Any) -> requests.Response:
        """Ask a small question; keywords replace its fields."""
        url = f"{self.gateway.url}/v1/messages"
        return requests.post(url, json=small_request(**fields), headers=self.gateway.headers, timeout=60)

    def text(self, **fields: Any) -> str:
        """Give the text of an answer that has to come."""
        return text_of(self.ask(**fields))

    def record(self, response: requests.Response) -> Json:
        """Give the log line of a request."""
        wanted = response.headers["request-id"]

        def find(_: str) -> Json | None:
            return next((line for line in self.gateway.requests() if line["request_id"] == wanted), None)

        line: Json = self.gateway.until(find)
        return line

    def switch(self, *, enabled: bool) -> None:
        """Enable or disable Packycode by the management API."""
        url = f"{self.gateway.url}/v0/management/packycode"
        headers = {"X-Management-Key": "a-management-key"}
        answer = requests.patch(url, json={"enabled": enabled}, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text

    def providers(self) -> list[Json]:
        """Give what the management API lists."""
        url = f"{self.gateway.url}/v0/management/providers"
        answer = requests.get(url, headers={"X-Management-Key": "a-management-key"}, timeout=20)
        found: list[Json] = answer.json()["providers"]
        return found


def text_of(response: requests.Response) -> str:
    """Give the text of an answer, streamed or not."""
    assert response.status_code == 200, response.text
    if response.headers["content-type"] == "application/json":
        return "".join(block.get("text", "") for block in response.json()["content"])
    events = [orjson.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: ")]
    assert events[-1]["type"] == "message_stop", events[-1]
    return "".join(each["delta"].get("text", "") for each in events if each["type"] == "content_block_delta")


@pytest.fixture(scope="session")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], House]]:
    """Give the house with so many workers; there is one of each."""
    with ExitStack() as stack:
        yield cache(lambda workers: House(tmp_path_factory.mktemp("house"), stack, workers))


@pytest.fixture
def house(houses: Callable[[int], House]) -> Iterator[Callable[..., House]]:
    """Put a configuration in force: `house("routing: {failover: true}", workers=2)`."""
    used = []

    def furnish(extra: str = "", workers: int = 1) -> House:
        home = houses(workers)
        used.append((home, len(home.gateway.lines("uncaught"))))
        home.furnish(extra)
        return home

    yield furnish
    for home, before in used:
        home.packycode.stop()
        home.packycode.start()
        assert home.gateway.lines("uncaught")[before:] == []
