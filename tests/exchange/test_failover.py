"""A provider fails before there is any content: the same once more, then the next, if the operator wants that."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from packy.demo import error, failed, http, raw, reasoning, rule, text
from tests.exchange.conftest import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.exchange.conftest import House

Json = dict[str, Any]

FAILOVER = "routing: {failover: true, cooldown: 300}"
BUSY = http(503, {"error": {"message": "busy"}})
PASSING = {
    "502": http(502, "<html>"),
    "503": BUSY,
    "504": http(504, "<html>"),
}
ITS_OWN = {
    **PASSING,
    "500": http(500, {"error": {"message": "Sorry about that!"}}),
    "a bad key": http(401, {"error": {"code": "invalid_api_key", "message": "Incorrect API key."}}),
    "a used-up quota": http(429, {"error": {"code": "insufficient_quota", "message": "Quota."}}),
    "a rate limit": http(429, {"error": {"code": "rate_limit_exceeded", "message": "Slow."}}, retry_after="7"),
    "no such model": http(400, {"error": {"code": "model_not_found", "message": "No model."}}),
    "a web page": http(200, "<html>"),
    "a firewall": http(403, "<html>Sorry, you have been blocked</html>"),
    "no permission": http(403, {"error": {"code": "unsupported_country_region_territory", "message": "Not here."}}),
}
THE_REQUESTS = {
    "too long": http(400, {"error": {"code": "context_length_exceeded", "message": "Too long."}}),
    "refused": http(400, {"error": {"type": "invalid_request_error", "message": "Bad image."}}),
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING.keys())
def test_what_may_pass_is_tried_once_more_with_the_same_provider(house: Callable[..., House], answer: Json) -> None:
    home = house()
    home.packycode.script(rule(answer, times=1), rule(text("Back again.")))

    response = home.ask()

    assert response.json()["content"][0]["text"] == "Back again."
    assert home.record(response)["retries"] == 1
    assert "failover" not in home.record(response)


def test_once_more_is_not_twice(house: Callable[..., House]) -> None:
    home = house()
    home.packycode.script(rule(BUSY))

    response = home.ask()

    assert response.status_code == 529
    assert len(home.packycode.requests) == 2
    assert len(home.spare.requests) == 0
    record = home.record(response)
    assert (record["upstream_status"], record["failure"]) == (503, "upstream_overloaded")


def test_the_pause_before_the_second_try_is_no_work_of_the_gateways(house: Callable[..., House]) -> None:
    home = house()

    def own_ms() -> float:
        home.packycode.script(rule(BUSY, times=1), rule(text("Back again.")))
        record = home.record(home.ask())
        assert record["retries"] == 1
        own: float = record["duration_ms"] - record["upstream_wait_ms"]
        return own

    # On a machine that is busy with other things, all of it takes longer now and then.
    assert min(own_ms() for _ in range(8)) < 250


def test_an_error_is_recorded_with_the_provider_that_it_came_from(house: Callable[..., House]) -> None:
    home = house(FAILOVER)
    home.packycode.script(rule(ITS_OWN["a bad key"]))
    home.spare.script(rule(BUSY))

    response = home.ask()

    assert response.status_code == 401
    record = home.record(response)
    assert len(home.spare.requests) == 2
    assert (record["provider"], record["upstream_status"], record["failure"]) == ("packycode", 401, "upstream_auth")


def test_a_provider_that_asks_for_time_is_not_asked_again(house: Callable[..., House]) -> None:
    home = house()
    home.packycode.script(rule(http(503, {"error": {"message": "busy"}}, retry_after="20")))

    response = home.ask()

    assert (response.status_code, response.headers["retry-after"]) == (529, "20")
    assert len(home.packycode.requests) == 1


def test_a_moment_that_a_provider_asks_for_is_waited(house: Callable[..., House]) -> None:
    home = house()
    home.packycode.script(rule(http(503, {}, retry_after="1"), times=1), rule(text("Back again.")))

    assert home.text() == "Back again."
    first, second = home.packycode.requests
    assert second.started - first.started >= 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("answer", ITS_OWN.values(), ids=ITS_OWN.keys())
def test_with_failover_the_caller_does_not_notice(house: Callable[..., House], answer: Json, *, stream: bool) -> None:
    home = house(FAILOVER)
    home.packycode.script(rule(answer))
    home.spare.script(rule(text("From the spare one.")))

    response = home.ask(stream=stream)

    assert text_of(response) == "From the spare one."
    assert home.record(response)["failover"] is True
    assert home.record(response)["provider"] == "spare"


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(rule(error("rate_limit_exceeded", "Please try again in 2s.")), id="an error event"),
        pytest.param(rule(failed("server_error", "Sorry.")), id="response.failed"),
        pytest.param(rule(text("Never seen."), cut_after_events=2, cut="reset"), id="a reset"),
    ],
)
def test_a_stream_that_fails_before_its_content_counts_as_well(house: Callable[..., House], events: Json) -> None:
    home = house(FAILOVER)
    home.packycode.script(events)
    home.spare.script(rule(text("From the spare one.")))

    assert home.text(stream=True) == "From the spare one."


def test_once_there_is_content_nobody_else_is_asked(house: Callable[..., House]) -> None:
    home = house(FAILOVER)
    home.packycode.script(rule(reasoning("Hm."), text("word " * 100), cut_after_events=20, cut="reset"))

    answer = home.ask(stream=True)

    assert answer.text.rstrip().rpartition("\n\n")[2].startswith("event: error")
    assert len(home.spare.requests) == 0


@pytest.mark.parametrize("answer", THE_REQUESTS.values(), ids=THE_REQUESTS.keys())
def test_what_is_wrong_with_the_request_is_wrong_everywhere(house: Callable[..., House], answer: Json) -> None:
    home = house(FAILOVER)
    home.packycode.script(rule(answer))

    assert home.ask().status_code == 400
    assert len(home.spare.requests) == 0
    assert home.providers()[0]["cooldowns"] == []


def test_a_provider_that_has_failed_is_left_alone_by_all_workers(house: Callable[..., House]) -> None:
    home = house(FAILOVER, workers=2)
    home.packycode.script(rule(BUSY))

    for _ in range(20):
        home.text()

    assert len(home.packycode.requests) == 2
    (cooldown,) = home.providers()[0]["cooldowns"]
    assert cooldown["model"] == "gpt-5"
    assert 200 < cooldown["seconds"] <= 300


ASKS_FOR_TIME: dict[str, Callable[[], Json]] = {
    "seconds": lambda: http(429, {"error": {"code": "rate_limit_exceeded"}}, retry_after="1200"),
    "a date": lambda: http(503, {}, retry_after=formatdate(time.time() + 1200, usegmt=True)),
    "a usage limit, seconds": lambda: http(429, usage_limit(resets_in_seconds=1200)),
    "a usage limit, a time": lambda: http(429, usage_limit(resets_at=int(time.time()) + 1200)),
    "a usage limit in the stream": lambda: raw(
        b"event: error\ndata: %b\n\n" % orjson.dumps({"type": "error", **usage_limit(resets_in_seconds=1200)})
    ),
}


def usage_limit(**resets: int) -> Json:
    """Give what Codex's backend says when a plan's limit is reached."""
    return {"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached", **resets}}


@pytest.mark.parametrize("asks", ASKS_FOR_TIME.values(), ids=ASKS_FOR_TIME.keys())
def test_the_time_that_a_provider_asks_for_is_its_cooldown(
    house: Callable[..., House], asks: Callable[[], Json]
) -> None:
    home = house(FAILOVER)
    home.packycode.script(rule(asks()))

    home.text()

    assert 1000 < home.providers()[0]["cooldowns"][0]["seconds"] <= 1200


def test_when_the_cooldown_is_over_one_request_tries_and_all_come_back(house: Callable[..., House]) -> None:
    home = house("routing: {failover: true, cooldown: 1}")
    home.packycode.script(rule(BUSY, times=2), rule(text("Packycode.")))
    home.spare.script(rule(text("Spare.")))
    assert home.text() == "Spare."

    home.gateway.until(lambda _: home.text() == "Packycode.")

    assert {home.text() for _ in range(5)} == {"Packycode."}
    assert home.providers()[0]["cooldowns"] == []


def test_a_cooldown_never_fails_a_request_that_could_work(house: Callable[..., House]) -> None:
    home = house(FAILOVER)
    home.packycode.script(rule(BUSY, times=2), rule(text("Packycode.")))
    home.spare.script(rule(text("Spare."), times=1), rule(BUSY))

    assert [home.text(), home.text()] == ["Spare.", "Packycode."]


def test_a_single_provider_has_no_cooldown(house: Callable[..., House]) -> None:
    home = house()
    home.packycode.script(rule(BUSY, times=2), rule(text("Packycode.")))

    assert home.ask().status_code == 529
    assert home.text() == "Packycode."


def test_whoever_is_asked_while_the_first_choice_rests_is_named(house: Callable[..., House]) -> None:
    home = house(FAILOVER)
    home.packycode.script(rule(ITS_OWN["500"]))
    home.text()

    record = home.record(home.ask())

    assert (record["provider"], record["failover"]) == ("spare", True)
    assert "retries" not in record


def test_what_one_provider_refuses_the_next_still_gets(house: Callable[..., House]) -> None:
    home = house(f"{FAILOVER}\ncompatibility: {{parameters: [temperature]}}")
    refusal = http(400, {"error": {"param": "temperature", "code": "unknown_parameter", "message": "No."}})
    home.packycode.script(rule(refusal, times=1), rule(ITS_OWN["500"]), accept=["temperature"])
    home.spare.script(rule(text("Spare.")), accept=["temperature"])

    assert home.text(temperature=0.5) == "Spare."
    assert ["temperature" in each.json for each in home.packycode.requests] == [True, False]
    assert ["temperature" in each.json for each in home.spare.requests] == [True]


def test_when_all_fail_the_first_choice_tells_why(house: Callable[..., House]) -> None:
    home = house(FAILOVER)
    home.packycode.script(rule(ITS_OWN["a used-up quota"]))
    home.spare.script(rule(ITS_OWN["500"]))

    response = home.ask()

    assert response.status_code == 429
    assert "packycode" in response.json()["error"]["message"]
    assert "failover" not in home.record(response)


def test_disabling_packycode_under_load_loses_no_request(house: Callable[..., House]) -> None:
    home = house(FAILOVER, workers=2)
    for upstream in (home.packycode, home.spare):
        upstream.script(rule(text("word " * 20), rate=100))

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(home.ask, stream=True) for _ in range(60)]
        home.switch(enabled=False)
        answers += [pool.submit(home.ask, stream=True) for _ in range(60)]

    assert {text_of(each.result()) for each in answers} == {"word " * 20}
    assert home.record(home.ask())["provider"] == "spare"


def test_without_other_providers_disabling_packycode_is_told_as_such(house: Callable[..., House]) -> None:
    home = house()
    home.edit(home.config.read_text().replace("name: spare", "enabled: false, name: spare"))

    home.switch(enabled=False)
    response = home.ask()

    assert (response.status_code, response.headers["x-should-retry"]) == (503, "false")
    assert "No provider is enabled" in response.json()["error"]["message"]


def test_a_dead_packycode_is_made_up_for(house: Callable[..., House]) -> None:
    home = house(FAILOVER)
    home.spare.script(rule(text("Spare.")))
    home.packycode.stop()

    assert home.text() == "Spare."


def test_without_failover_the_others_rest(house: Callable[..., House]) -> None:
    home = house()
    home.packycode.stop()

    response = home.ask()

    assert response.status_code == 502
    assert len(home.spare.requests) == 0
