"""What a Responses API says to a probe, and what the probe makes of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from packy.config import PUBLIC_BASE_URL, Secret
from packy.demo import DemoUpstream, error, failed, failure, http, pause, reasoning, rule, silence, text
from tests.upstream.probe_case import CANARY, PATIENCE, ask

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def upstream_process() -> Iterator[DemoUpstream]:
    with DemoUpstream(keys=(CANARY,)) as running:
        yield running


def test_a_provider_that_answers_is_ok_and_says_which_model_it_is(upstream: DemoUpstream) -> None:
    result = ask(upstream.url)
    assert (result.ok, result.code, result.status, result.model) == (True, "ok", 200, "gpt-5-2025-08-07")
    assert result.latency_ms is not None
    assert 0 < result.latency_ms < 2000
    assert result.message.startswith("packycode answers as gpt-5-2025-08-07 in ")


def test_the_request_is_small_and_like_packys_own(upstream: DemoUpstream) -> None:
    ask(upstream.url)
    (exchange,) = upstream.requests
    assert exchange.path == "/v1/responses"
    request = exchange.json
    assert request.pop("instructions")
    assert request == {
        "model": "gpt-5",
        "reasoning": {"effort": "low"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "ping"}]}],
    }


def test_the_system_text_travels_as_the_relay_wants_it(upstream: DemoUpstream) -> None:
    ask(upstream.url, developer_message=True)
    request = upstream.requests[0].json
    assert "instructions" not in request
    assert [item["role"] for item in request["input"]] == ["developer", "user"]


@pytest.mark.parametrize(("model", "effort"), [("gpt-5-pro", "high"), ("gpt-4.1", None)])
def test_the_effort_is_one_that_the_model_has(upstream: DemoUpstream, model: str, effort: str | None) -> None:
    upstream.script(rule(text("pong")), models=["*"])
    ask(upstream.url, model)
    assert upstream.requests[0].json.get("reasoning", {}).get("effort") == effort


def test_it_hangs_up_as_soon_as_the_answer_begins(upstream: DemoUpstream) -> None:
    upstream.script(rule(reasoning("Hm."), pause(60), text("pong")))
    began = time.monotonic()
    assert ask(upstream.url).ok
    assert time.monotonic() - began < 2
    assert upstream.wait(lambda u: u.cancelled and not u.in_flight)


def test_an_answer_that_has_begun_and_takes_its_time_is_ok(upstream: DemoUpstream) -> None:
    upstream.script(rule(pause(60), text("pong")))
    began = time.monotonic()
    result = ask(upstream.url)
    assert result.ok
    assert PATIENCE.settle <= time.monotonic() - began < 2
    assert result.latency_ms is not None
    assert result.latency_ms < 1000 * PATIENCE.settle, "the wait for an error is no latency"
    assert upstream.wait(lambda u: not u.in_flight, seconds=1), "the provider must not go on for nobody"


# fmt: off
SAID = [
    ("wrong key", failure("invalid_api_key"), "auth", 401, "refuses its key", "put a key that is valid at 127.0.0.1"),
    ("no permission", failure("unsupported_country"), "forbidden", 403, "not supported", "ask the provider"),
    ("a firewall", http(403, "<html>Blocked</html>"), "forbidden", 403, "refuses access", "ask the provider"),
    ("rate limit", failure("rate_limit_exceeded", retry_after="7"), "rate_limit", 429, "Limit 30000", "in 7 s"),
    ("quota", failure("insufficient_quota"), "quota", 429, "current quota", "top up the plan"),
    ("usage limit", failure("usage_limit_reached"), "quota", 429, "resets in 1 h 30 min", "wait for the reset"),
    ("server error", failure("server_error"), "server_error", 500, "HTTP 500", "try again"),
    ("bad gateway", failure("bad_gateway"), "server_error", 502, "HTTP 502", "try again"),
    ("overloaded", failure("overloaded"), "overloaded", 503, "overloaded", "try again"),
    ("unknown parameter", failure("detail"), "rejected_request", 400, "service_tier", "Codex CLI"),
    ("no instructions", http(400, {"detail": "Instructions are not valid"}), "rejected_request", 400, "Instructions",
     "set compatibility.system-prompt: developer-message"),
    ("error under 200", http(200, {"error": {"code": "invalid_api_key"}}), "auth", 200, "refuses its key", "put a key"),
    ("rate limit in the stream", rule(error("rate_limit_exceeded", "Slow down.", nested=True)),
     "rate_limit", 200, "Slow down.", "try again"),
    ("quota in the stream", rule(failed("insufficient_quota", "Pay.")), "quota", 200, "Pay.", "top up"),
    ("end without content", rule(silence()), "stream_cut", 200, "before it said anything", "try again"),
    ("cut after the beginning", rule(text("pong"), cut_after_events=2), "stream_cut", 200, "closed the connection",
     "try again"),
    ("cut before the beginning", rule(text("pong"), cut_after_events=0), "stream_cut", 200, "closed the connection",
     "try again"),
    ("not its model", http(404, {"error": {"code": "model_not_found", "message": "No."}}), "model_not_found", 404,
     "has no model gpt-5", "set packycode.defaults.model to one of: gpt-5"),
]
# fmt: on


@pytest.mark.parametrize(
    ("says", "code", "status", "words", "fix"), [row[1:] for row in SAID], ids=[r[0] for r in SAID]
)
def test_what_a_responses_api_objects_to_is_named_with_its_repair(
    upstream: DemoUpstream, says: dict[str, Any], code: str, status: int, words: str, fix: str
) -> None:
    upstream.script(says if "when" in says else rule(says))
    result = ask(upstream.url)
    assert (result.code, result.status) == (code, status)
    assert words in result.message
    assert fix in result.fix


def test_a_key_that_is_not_valid_is_repaired_at_its_source(upstream: DemoUpstream) -> None:
    upstream.script(keys=["sk-another"])
    assert ask(upstream.url).fix.endswith("into packycode.credentials.openai-api-key in config.yaml")
    spare = ask(upstream.url, kind="codex-api-key", name="spare")
    assert spare.fix.endswith("into api-key of spare in config.yaml")
    assert ask(upstream.url, key_place="a place of its own").fix.endswith("into a place of its own")


@pytest.mark.parametrize("fields", [{"requires_auth": False}, {"api_key": None}], ids=["not required", "none there"])
def test_a_provider_that_wants_a_key_and_is_sent_none(upstream: DemoUpstream, fields: dict[str, Any]) -> None:
    result = ask(upstream.url, **fields)
    assert result.code == "auth"
    assert "is sent none" in result.message
    assert "requires-openai-auth: true" in result.fix


def test_a_model_that_the_provider_does_not_have_is_told_with_those_it_has(upstream: DemoUpstream) -> None:
    result = ask(upstream.url, "gpt-5-codecs")
    assert (result.code, result.message) == ("model_not_found", "packycode has no model gpt-5-codecs")
    assert result.fix.startswith("set packycode.defaults.model to one of: gpt-5-codex, ")
    fixed = result.fix.removeprefix("set packycode.defaults.model to one of: ").split(", ")[0]
    assert ask(upstream.url, fixed).ok


def test_a_limited_provider_is_repaired_in_its_list(upstream: DemoUpstream) -> None:
    result = ask(upstream.url, "gpt-99", kind="codex-api-key", name="spare", models=("gpt-99",))
    assert result.fix.startswith("set models of codex-api-key spare to one of: ")


def test_a_provider_may_repeat_the_key_but_the_probe_does_not(upstream: DemoUpstream) -> None:
    words = f"Your key {CANARY} and sk-somebody-elses-key are no good\nhere.\x1b[2J"
    upstream.script(rule(http(400, {"error": {"message": words, "code": "invalid_prompt"}})))
    result = ask(upstream.url)
    assert result.message.endswith("Your key ******** and ******** are no good here.[2J")


@pytest.mark.parametrize("key", ["plain/key+of=no&kind", "x"], ids=["odd", "short"])
def test_a_key_of_any_form_is_not_repeated(upstream: DemoUpstream, key: str) -> None:
    upstream.script(rule(http(400, {"error": {"message": f"Not {key}!", "code": "invalid_prompt"}})), keys=[key])
    assert ask(upstream.url, api_key=Secret(key)).message.endswith("Not ********!")


def test_a_provider_that_talks_a_lot_is_cut_short(upstream: DemoUpstream) -> None:
    upstream.script(rule(http(400, {"error": {"message": "blah " * 1000, "code": "invalid_prompt"}})))
    assert len(ask(upstream.url).message) < 400


def test_it_asks_where_it_is_told_to_and_nowhere_else(upstream: DemoUpstream) -> None:
    ask(upstream.url)
    upstream.script(rule(failure("invalid_api_key")))
    ask(upstream.url)
    assert len(upstream.requests) == 2
    assert PUBLIC_BASE_URL not in repr(upstream.requests)
