"""The limits under a real gunicorn, against an upstream whose streams go on until they are told to end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from packy.demo import DemoUpstream, rule, text
from tests.support.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = ("client-one", "client-two", "client-three")
SLOW = rule(text("word " * 2000), rate=20)
QUICK = rule(text("Hello."))
BODY = {"model": "gpt-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi."}]}
PATIENCE = 30.0


def config(upstream: DemoUpstream, limits: str) -> str:
    keys = ", ".join(f"{{label: {key}, key: {key}}}" for key in KEYS)
    return (
        f"client-keys: [{keys}]\nlimits: {limits}\n"
        f"packycode: {{enabled: true, base-url: {upstream.url}, credentials: {{openai-api-key: sk-up}}}}\n"
    )


class Running:
    """A gateway with limits, and its upstream."""

    def __init__(self, gateway: Gateway, upstream: DemoUpstream, folder: Path) -> None:
        self.gateway, self.upstream, self._folder = gateway, upstream, folder
        self._opened: list[Any] = []

    def ask(self, key: str = KEYS[0], *, stream: bool = True, **fields: Any) -> Any:
        headers = {"x-api-key": key}
        body = {**BODY, "stream": stream, **fields}
        url = f"{self.gateway.url}/v1/messages"
        self._opened.append(requests.post(url, json=body, headers=headers, stream=stream, timeout=60))
        return self._opened[-1]

    def until_served(self, key: str = KEYS[0]) -> Any:
        """Ask until a place is free; a closed stream frees its own as soon as the worker has seen it."""
        deadline = time.monotonic() + PATIENCE
        while (answer := self.ask(key)).status_code == 429:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return answer

    def hold(self, count: int, key: str = KEYS[0]) -> list[Any]:
        """Open streams that go on."""
        self.upstream.script(SLOW)
        return [self.until_served(key) for _ in range(count)]

    def close(self) -> None:
        """Close all that has been opened, and wait until the upstream knows."""
        while self._opened:
            self._opened.pop().close()
        assert self.upstream.wait(lambda upstream: upstream.in_flight == 0, PATIENCE)

    def edit(self, limits: str) -> None:
        """Change the limits in the file, and wait until they are in force."""
        before = len(self.gateway.lines("config_reloaded"))
        written = self._folder / "config.new"
        written.write_text(config(self.upstream, limits))
        written.replace(self._folder / "config.yaml")
        self.gateway.until(lambda _: len(self.gateway.lines("config_reloaded")) > before, PATIENCE)


def start(folder: Path, limits: str) -> Iterator[Running]:
    with DemoUpstream() as upstream, Gateway(folder, config(upstream, limits)) as gateway:
        yield Running(gateway, upstream, folder)
        assert gateway.lines("uncaught") == []


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from start(tmp_path_factory.mktemp("two"), "{max-concurrent: 2}")


@pytest.fixture(scope="module")
def per_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from start(tmp_path_factory.mktemp("client"), "{max-concurrent: 3, max-concurrent-per-client: 1}")


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from start(tmp_path_factory.mktemp("fifty"), "{max-concurrent: 50}")


@pytest.fixture(autouse=True)
def idle(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave the gateway without a request in flight."""
    yield
    for name in {"two", "per_client", "fifty"} & set(request.fixturenames):
        request.getfixturevalue(name).close()


def test_the_third_of_two_is_refused_and_served_once_one_of_them_has_ended(two: Running) -> None:
    first, _second = two.hold(2)

    refused = two.ask()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert "limits.max-concurrent " in refused.json()["error"]["message"]
    assert refused.json()["request_id"] == refused.headers["request-id"]
    assert two.upstream.in_flight == 2

    first.close()
    assert two.until_served().status_code == 200


def test_a_refusal_is_logged_with_its_type_and_client(two: Running) -> None:
    two.hold(2)
    identity = two.ask(KEYS[1]).headers["request-id"]
    two.gateway.until(lambda _: any(line["request_id"] == identity for line in two.gateway.requests()))
    (line,) = [line for line in two.gateway.requests() if line["request_id"] == identity]
    assert (line["status"], line["error_type"], line["client"]) == (429, "rate_limit_error", KEYS[1])


@pytest.mark.parametrize("size", [100, 2_000_000], ids=["small", "large"])
def test_a_client_that_sends_its_whole_request_first_still_reads_the_refusal(size: int, two: Running) -> None:
    two.hold(2)
    message = [{"role": "user", "content": "x" * size}]
    assert [two.ask(stream=False, messages=message).status_code for _ in range(5)] == [429] * 5


def test_other_routes_are_served_while_all_places_are_taken(two: Running) -> None:
    two.hold(2)
    headers = {"x-api-key": KEYS[0]}
    count = requests.post(f"{two.gateway.url}/v1/messages/count_tokens", json=BODY, headers=headers, timeout=30)
    health = requests.get(f"{two.gateway.url}/healthz", timeout=30)
    assert (count.status_code, health.status_code) == (200, 200)


def test_strangers_take_no_places_and_are_told_nothing_of_them(two: Running) -> None:
    two.hold(2)
    assert [two.ask("wrong", stream=False).status_code for _ in range(5)] == [401] * 5


def test_one_client_over_its_own_limit_leaves_the_others_their_places(per_client: Running) -> None:
    per_client.hold(1)
    refused = per_client.ask()
    assert refused.status_code == 429
    assert "limits.max-concurrent-per-client " in refused.json()["error"]["message"]

    others = [per_client.ask(key) for key in KEYS[1:]]
    assert [each.status_code for each in others] == [200, 200]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"http": {"status": 500, "body": {}, "headers": {}}}, id="refused by the upstream"),
        pytest.param({"reply": [{"type": "text", "text": "Hi. " * 50}], "cut_after_events": 3}, id="cut"),
        pytest.param(QUICK, id="well"),
    ],
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_requests_that_end_in_any_way_leave_their_places(two: Running, fault: Any, *, stream: bool) -> None:
    two.upstream.script(fault)
    for _ in range(6):
        answer = two.until_served() if stream else two.ask(stream=False)
        assert answer.content
        assert answer.status_code != 429 or stream


def test_of_200_at_once_exactly_the_surplus_is_refused_and_none_hangs(fifty: Running) -> None:
    fifty.upstream.script(SLOW)
    barrier = threading.Barrier(200)

    def ask(_: int) -> Any:
        barrier.wait(PATIENCE)
        return fifty.ask()

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(ask, range(200)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (50, 150)


def test_a_limit_changed_while_running_holds_from_the_next_request_on(two: Running) -> None:
    first, _second = two.hold(2)
    two.edit("{max-concurrent: 3}")
    assert [two.ask().status_code for _ in range(2)] == [200, 429]
    two.edit("{max-concurrent: 2}")
    first.close()
    assert two.upstream.wait(lambda upstream: upstream.in_flight == 2, PATIENCE)
    assert two.ask().status_code == 429
