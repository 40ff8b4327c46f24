"""While a provider is silent, whoever reads a stream hears of it; and no wait is without an end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from packy.demo import http, pause, reasoning, rule, text
from tests.exchange.conftest import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from tests.exchange.conftest import House

Json = dict[str, Any]

PINGS = "timeouts: {ping: 0.2, first-byte: 30, idle: 30}"


def events_of(response: requests.Response) -> list[Json]:
    assert response.status_code == 200, response.text
    return [orjson.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: ")]


def kinds_of(response: requests.Response) -> list[str]:
    return [event["type"] for event in events_of(response)]


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param(rule(text("At last."), delay_headers=1), id="before its headers"),
        pytest.param(rule(text("At last."), delay_first_event=1), id="before its first event"),
        pytest.param(rule(pause(1), text("At last.")), id="before its first item"),
    ],
)
def test_before_the_answer_begins_the_caller_gets_pings(house: Callable[..., House], silent: Json) -> None:
    home = house(PINGS)
    home.packycode.script(silent)

    response = home.ask(stream=True)

    kinds = kinds_of(response)
    assert kinds[:3] == ["message_start", "ping", "ping"]
    assert kinds.count("message_start") == 1
    assert text_of(response) == "At last."


@pytest.mark.parametrize(
    ("silent", "blocks"),
    [
        pytest.param(rule(text("At last."), delay_headers=1), ["thinking", "text"], id="before its headers"),
        pytest.param(rule(pause(1), text("At last.")), ["thinking", "text"], id="before a text"),
        pytest.param(rule(pause(1), reasoning("Hm."), text("At last.")), ["thinking", "text"], id="before a thought"),
        pytest.param(
            rule(reasoning("Hm."), pause(1), text("At last.")), ["thinking", "thinking", "text"], id="between two items"
        ),
    ],
)
def test_a_caller_who_takes_thinking_gets_them_in_a_thinking_block(
    house: Callable[..., House], silent: Json, blocks: list[str], read_stream: Callable[[bytes], list[Json]]
) -> None:
    home = house(PINGS)
    home.packycode.script(silent)

    response = home.ask(stream=True, thinking={"type": "adaptive"})

    events = read_stream(response.content)
    started = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert started == blocks
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert sum(delta == {"type": "thinking_delta", "thinking": ""} for delta in deltas) >= 2
    assert text_of(response) == "At last."


def test_while_the_model_thinks_they_are_empty_thinking(house: Callable[..., House]) -> None:
    home = house(PINGS)
    home.packycode.script(rule(reasoning("Hm.", unfinished=True), pause(1), text("Done.")))

    response = home.ask(stream=True, thinking={"type": "adaptive"})

    deltas = [event["delta"] for event in events_of(response) if event["type"] == "content_block_delta"]
    assert sum(delta == {"type": "thinking_delta", "thinking": ""} for delta in deltas) >= 2
    assert text_of(response) == "Done."


def test_an_answer_that_comes_in_time_has_none(house: Callable[..., House]) -> None:
    home = house()
    home.packycode.script(rule(reasoning("Hm."), text("Done.")))

    response = home.ask(stream=True, thinking={"type": "adaptive"})

    assert "ping" not in kinds_of(response)
    assert '"thinking":""}}' not in response.text


def test_a_failure_after_a_ping_is_an_error_event(house: Callable[..., House]) -> None:
    home = house(PINGS)
    home.packycode.script(rule(http(401, {"error": {"code": "invalid_api_key", "message": "No."}}), delay_headers=1))

    response = home.ask(stream=True)

    events = events_of(response)
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "authentication_error"
    assert home.record(response)["failure"] == "upstream_auth"


def test_a_ping_does_not_stand_in_the_way_of_another_provider(house: Callable[..., House]) -> None:
    home = house(f"{PINGS}\nrouting: {{failover: true}}")
    home.packycode.script(rule(http(500, {"error": {"message": "No."}}), delay_headers=1))
    home.spare.script(rule(text("From the spare one.")))

    response = home.ask(stream=True)

    assert kinds_of(response).count("message_start") == 1
    assert text_of(response) == "From the spare one."


def test_whoever_does_not_stream_gets_a_status_that_holds(house: Callable[..., House]) -> None:
    home = house(PINGS)
    home.packycode.script(rule(http(500, {"error": {"message": "No."}}), delay_headers=1))

    assert home.ask().status_code == 502


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_without_an_end_is_ended(house: Callable[..., House], *, stream: bool) -> None:
    home = house("timeouts: {total: 2}")
    home.packycode.script(rule(text("word " * 2000), rate=20))

    response = home.ask(stream=stream)

    if stream:
        error = events_of(response)[-1]["error"]
    else:
        assert response.status_code == 504
        error = response.json()["error"]
    assert error["type"] == "api_error"
    assert "timeouts.total" in error["message"]
    assert home.record(response)["failure"] == "upstream_total_timeout"
    home.packycode.wait(lambda upstream: upstream.in_flight == 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_providers_that_fail_slowly_are_not_tried_past_the_end(house: Callable[..., House], *, stream: bool) -> None:
    home = house("timeouts: {total: 1, ping: 0.2}\nrouting: {failover: true}")
    home.packycode.script(rule(http(503, {"error": {"message": "No."}}), delay_headers=2))

    response = home.ask(stream=stream)

    assert len(home.spare.requests) == 0
    assert "error" in response.text
