"""What a provider refuses with, and what Claude Code gets to read and act on: status, type, headers, text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import FAILURES, error, failed, failure, http, raw, reasoning, rule, text

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from packy.demo import DemoUpstream
    from tests.support.gateway import Gateway

    Json = dict[str, Any]
    Ask = Callable[..., Json]

NO_RETRY = {"x-should-retry": "false"}
# The provider's answer → status, type, headers, and words of the text.
EXPECTED: dict[str, tuple[Json, int, str, dict[str, str], list[str]]] = {
    "invalid_api_key": (
        failure("invalid_api_key"),
        401,
        "authentication_error",
        NO_RETRY,
        ["packycode refused its API key (HTTP 401)", "Repair the key in config.yaml"],
    ),
    "unsupported_country": (failure("unsupported_country"), 403, "permission_error", {}, ["territory not supported"]),
    "model_not_found": (failure("model_not_found"), 404, "not_found_error", {}, ["has no model 'gpt-5'"]),
    "context_length_exceeded": (
        failure("context_length_exceeded"),
        400,
        "invalid_request_error",
        {},
        # The words on which Claude Code compacts the conversation.
        ["prompt is too long: 272001 tokens > 272000 maximum"],
    ),
    "unsupported_parameter": (
        failure("unsupported_parameter"),
        400,
        "invalid_request_error",
        {},
        ["Unsupported parameter: 'service_tier'"],
    ),
    "rate_limit_exceeded": (
        failure("rate_limit_exceeded", retry_after="7"),
        429,
        "rate_limit_error",
        {"retry-after": "7"},
        ["packycode limits the rate of requests", "Please try again in 6s"],
    ),
    "rate_limit_exceeded, told by its text alone": (
        failure("rate_limit_exceeded"),
        429,
        "rate_limit_error",
        {"retry-after": "6"},
        [],
    ),
    "insufficient_quota": (failure("insufficient_quota"), 429, "rate_limit_error", NO_RETRY, ["quota", "billing"]),
    "usage_limit_reached": (
        failure("usage_limit_reached"),
        429,
        "rate_limit_error",
        {"retry-after": "5400", **NO_RETRY},
        ["It resets in 1 h 30 min."],
    ),
    "server_error": (failure("server_error"), 502, "api_error", {}, ["HTTP 500", "Sorry about that!"]),
    "overloaded": (
        failure("overloaded", retry_after="3"),
        529,
        "overloaded_error",
        {"retry-after": "3"},
        ["packycode is overloaded"],
    ),
    "bad_gateway": (failure("bad_gateway"), 502, "api_error", {}, ["HTTP 502"]),
    "gateway_timeout": (failure("gateway_timeout"), 504, "api_error", {}, ["HTTP 504"]),
    "detail": (failure("detail"), 400, "invalid_request_error", {}, ["Unsupported parameter: service_tier"]),
    "not a Responses API": (http(404, "<html>"), 502, "api_error", NO_RETRY, ["base URL", "(HTTP 404)", "/v1"]),
    "a redirect": (
        http(307, "<html>", location="http://127.0.0.1:9/"),
        502,
        "api_error",
        {},
        ["redirects elsewhere (HTTP 307)"],
    ),
    "a web page in place of a stream": (http(200, "<html>"), 502, "api_error", {}, ["a web page instead of a stream"]),
    "JSON in place of a stream": (http(200, {"id": "resp_1"}), 502, "api_error", {}, ["a JSON document instead"]),
    "an error with status 200": (
        http(200, FAILURES["insufficient_quota"][1]),
        429,
        "rate_limit_error",
        NO_RETRY,
        ["quota"],
    ),
    "a bad key with status 200": (
        http(200, FAILURES["invalid_api_key"][1]),
        401,
        "authentication_error",
        NO_RETRY,
        ["(HTTP 401)"],
    ),
    "half a character": (
        http(400, '{"error": {"message": "half \\ud83d"}}', content_type="application/json"),
        400,
        "invalid_request_error",
        {},
        ["half ?"],
    ),
    "an error event first": (
        rule(error("rate_limit_exceeded", "Please try again in 2s.")),
        429,
        "rate_limit_error",
        {"retry-after": "2"},
        ["try again in 2s"],
    ),
    "a nested error event first": (
        rule(error("rate_limit_exceeded", "Please try again in 2s.", nested=True)),
        429,
        "rate_limit_error",
        {"retry-after": "2"},
        ["try again in 2s"],
    ),
    "response.failed first": (
        rule(failed("context_length_exceeded", "Your input exceeds the context window of this model.")),
        400,
        "invalid_request_error",
        {},
        ["prompt is too long: "],
    ),
    "an empty stream": (raw(b""), 502, "api_error", {}, ["closed the stream before the answer was complete"]),
}

# What may pass is tried once more.
ASKED_TWICE = (failure("bad_gateway"), failure("gateway_timeout"), raw(b""))


def as_rule(answer: Json) -> Json:
    return answer if "when" in answer else rule(answer)


def test_the_table_knows_every_failure_of_the_demo() -> None:
    assert FAILURES.keys() <= EXPECTED.keys()


@pytest.mark.parametrize(("answer", "status", "type_", "headers", "words"), EXPECTED.values(), ids=EXPECTED.keys())
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_refusal_becomes_what_claude_code_acts_on(
    post: Callable[..., requests.Response],
    question: Ask,
    upstream: DemoUpstream,
    *,
    answer: Json,
    status: int,
    type_: str,
    headers: dict[str, str],
    words: list[str],
    stream: bool,
) -> None:
    upstream.script(as_rule(answer))

    response = post(question(stream=stream))

    document = response.json()
    assert (response.status_code, document["error"]["type"]) == (status, type_)
    told = {name: response.headers[name] for name in ("retry-after", "x-should-retry") if name in response.headers}
    assert told == headers
    for word in words:
        assert word in document["error"]["message"]
    assert document["request_id"] == response.headers["request-id"]
    assert len(upstream.requests) == (2 if answer in ASKED_TWICE else 1)


@pytest.mark.parametrize(
    ("end", "type_", "words"),
    [
        pytest.param(failed("server_error", "Sorry."), "api_error", "Sorry.", id="failed"),
        pytest.param(error("server_error", "Sorry."), "api_error", "Sorry.", id="error"),
        pytest.param(error("server_is_overloaded", "Busy."), "overloaded_error", "Busy.", id="overloaded"),
        pytest.param(error("rate_limit_exceeded", "Slow.", nested=True), "rate_limit_error", "Slow.", id="rate limit"),
        pytest.param(failed("insufficient_quota", "Pay."), "rate_limit_error", "quota", id="quota"),
        pytest.param(
            failed("context_length_exceeded", "Too much."), "invalid_request_error", "prompt is too long: ", id="long"
        ),
    ],
)
def test_a_failure_in_mid_stream_closes_the_block_and_ends_in_an_error_event(
    post: Callable[..., requests.Response],
    question: Ask,
    upstream: DemoUpstream,
    read_stream: Callable[[bytes], list[Json]],
    *,
    end: Json,
    type_: str,
    words: str,
) -> None:
    upstream.script(rule(reasoning("Hm."), text("Half an ans", unfinished=True), end))
    thinking = {"type": "enabled", "budget_tokens": 1024}

    events = read_stream(post(question(stream=True, thinking=thinking)).content)

    assert [event["type"] for event in events[-2:]] == ["content_block_stop", "error"]
    assert events[-1]["error"]["type"] == type_
    assert words in events[-1]["error"]["message"]


def test_a_refusal_leaves_no_word_of_the_provider_in_the_log(
    post: Callable[..., requests.Response], question: Ask, upstream: DemoUpstream, gateway: Gateway
) -> None:
    upstream.script(rule(http(400, {"error": {"message": "canary in the refusal"}}, x_canary="canary in a header")))

    request_id = post(question()).headers["request-id"]

    gateway.until(lambda log: request_id in log)
    assert "canary" not in gateway.text
