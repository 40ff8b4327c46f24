from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

from packy.demo import call, pause, reasoning, rule, text, usage

if TYPE_CHECKING:
    import socket
    from contextlib import AbstractContextManager

    from packy.demo import DemoUpstream

Json = dict[str, Any]
Ask = Callable[..., requests.Response]
Events = Callable[..., list[Json]]


def test_a_key_is_needed_and_any_will_do(upstream: DemoUpstream, body: Json) -> None:
    url = f"{upstream.url}/responses"
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": "Basic eDp5"}, 401),
        ({"authorization": "bearer anything"}, 200),
    ):
        answer = requests.post(url, json=body, headers=headers, timeout=10)
        assert answer.status_code == status
    assert requests.get(f"{upstream.url}/models", timeout=10).json()["error"]["message"].startswith("Missing bearer")


def test_only_the_configured_keys_will_do_and_a_wrong_one_is_shown_masked(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(keys=["sk-right", "sk-anything-else"])
    answer = ask()
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, "invalid_api_key")
    assert error["message"].startswith("Incorrect API key provided: ***")
    assert "sk-anything" not in error["message"]
    upstream.script(keys=["sk-anything"])
    assert ask().status_code == 200


def test_models_are_listed_as_they_are_served(upstream: DemoUpstream, session: requests.Session) -> None:
    def listed() -> list[str]:
        return [model["id"] for model in session.get(f"{upstream.url}/models", timeout=10).json()["data"]]

    assert {"gpt-5", "gpt-5-codex", "gpt-5.1", "codex-mini-latest"} <= set(listed())
    upstream.script(models=["gpt-5.1*", "relay-1"])
    assert "gpt-5" not in listed()
    assert {"gpt-5.1", "gpt-5.1-codex", "relay-1"} <= set(listed())


@pytest.mark.parametrize("prefix", ["", "/v1", "/api/openai/v1"])
def test_any_prefix_will_do(prefix: str, upstream: DemoUpstream, session: requests.Session, body: Json) -> None:
    assert session.post(f"{upstream.origin}{prefix}/responses", json=body, timeout=10).status_code == 200


def test_other_routes_are_not_found(upstream: DemoUpstream, session: requests.Session) -> None:
    answer = session.post(f"{upstream.url}/chat/completions", json={}, timeout=10)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Invalid URL (POST /v1/chat/completions)"


def test_a_refusal_has_the_body_that_the_real_api_sends(ask: Ask) -> None:
    answer = ask(temperature=0.5)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "error": {
            "message": "Unsupported parameter: 'temperature' is not supported with this model.",
            "type": "invalid_request_error",
            "param": "temperature",
            "code": "unsupported_parameter",
        }
    }


def test_a_stream_has_the_headers_of_one(ask: Ask) -> None:
    headers = ask().headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["transfer-encoding"] == "chunked"
    assert headers["x-request-id"].startswith("req_")


def test_without_a_stream_the_final_response_comes_alone(upstream: DemoUpstream, ask: Ask, events: Events) -> None:
    upstream.script(rule(reasoning("Hm."), text("Hello"), call("f", call_id="c"), usage(input=5, output=6)))
    whole, last = ask(stream=False).json(), events()[-1]["response"]
    changing = {"id", "created_at", "completed_at", "output"}
    assert {k: v for k, v in whole.items() if k not in changing} == {k: v for k, v in last.items() if k not in changing}
    assert [item["type"] for item in whole["output"]] == ["reasoning", "message", "function_call"]


def test_a_prompt_is_cached_as_far_as_it_begins_like_an_earlier_one(events: Events) -> None:
    def ask_for(*turns: str, **more: Any) -> tuple[int, int]:
        said = [{"role": "user", "content": turn * 6000} for turn in turns]
        counts = events(input=said, prompt_cache_key="session", **more)[-1]["response"]["usage"]
        return counts["input_tokens"], counts["input_tokens_details"]["cached_tokens"]

    first, cached = ask_for("a")
    assert cached == 0
    second, cached = ask_for("a", "b")
    assert cached == first // 128 * 128
    assert ask_for("a", "b", "c")[1] == second // 128 * 128
    assert ask_for("x", "b")[1] == 0
    assert ask_for("a", "b", model="gpt-5.1")[1] == 0
    assert ask_for("a", "b", instructions="It is noon.")[1] == 0


def test_a_short_prompt_is_not_cached(events: Events) -> None:
    usages = [events(prompt_cache_key="k", input="x" * 3000)[-1]["response"]["usage"] for _ in range(2)]
    assert usages[1]["input_tokens_details"]["cached_tokens"] == 0


def test_requests_and_what_became_of_them_are_kept(upstream: DemoUpstream, ask: Ask, events: Events) -> None:
    upstream.script(rule(reasoning(), text("Hello")))
    done = [sent["item"] for sent in events() if sent["type"] == "response.output_item.done"]
    ask(model="gpt-99")
    good, bad = upstream.requests
    assert (good.method, good.path, good.status, bad.status) == ("POST", "/v1/responses", 200, 400)
    assert good.headers["authorization"] == "Bearer sk-anything"
    assert good.json["input"] == "Hello"
    assert good.output == done
    assert (good.events, good.rule, good.cancelled) == (len(events()), 0, False)
    assert "Hello" not in repr(good)
    assert "sk-anything" not in repr(good)


def test_tokens_are_counted_by_model_over_answers_that_were_sent(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(text("x"), usage(input=900, cached=512, output=12, reasoning=5)))
    for model in ("gpt-5", "gpt-5", "gpt-5.1", "gpt-99"):
        ask(model=model)
    account = {"input": 900, "cached": 512, "output": 12, "reasoning": 5}
    assert upstream.stats["tokens"] == {
        "gpt-5": {"requests": 2, **{name: 2 * count for name, count in account.items()}},
        "gpt-5.1": {"requests": 1, **account},
    }
    assert upstream.stats["statuses"] == {"200": 3, "400": 1}


def test_a_script_can_be_put_and_everything_read_over_http(upstream: DemoUpstream, ask: Ask) -> None:
    control = f"{upstream.origin}/__demo__"
    source = {"rules": [{"reply": [{"type": "text", "text": "Hello"}]}]}
    assert requests.put(f"{control}/script", json=source, timeout=10).json() == {"rules": 1}
    ask()
    assert requests.get(f"{control}/script", timeout=10).json() == {"script": source, "hits": [1]}
    (seen,) = requests.get(f"{control}/requests", timeout=10).json()["requests"]
    assert (seen["number"], seen["body"]["model"], seen["output"][0]["type"]) == (1, "gpt-5", "message")
    stats = requests.get(f"{control}/stats", timeout=10).json()
    assert stats == {**upstream.stats, "open_connections": stats["open_connections"], "hits": [1]}
    assert requests.post(f"{control}/reset", timeout=10).json() == {}
    assert (upstream.requests, upstream.hits, upstream.stats["requests"]) == ([], [], 0)


@pytest.mark.parametrize(
    ("method", "route", "content", "status", "words"),
    [
        ("PUT", "script", b"{", 400, "The script is not JSON."),
        ("PUT", "script", b'{"rules": [{}]}', 400, "rules.0: None of reply, http, raw, wire."),
        ("GET", "nothing", b"", 404, "there are PUT script, GET script, GET requests, GET stats, POST reset"),
        ("DELETE", "script", b"", 404, "No such control route"),
    ],
)
def test_the_control_routes_say_what_is_wrong(
    *, method: str, route: str, content: bytes, status: int, words: str, upstream: DemoUpstream
) -> None:
    answer = requests.request(method, f"{upstream.origin}/__demo__/{route}", data=content, timeout=10)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


# Where JSON may nest inside a request, %s being the place; and what an answer repeats of it, if anything.
DEEP = {
    "a tool": '"tools": [{"type": "function", "name": "f", "strict": false, "parameters": '
    '{"type": "object", "properties": {}, "x": %s}}]',
    "a tool's choice": '"tool_choice": {"type": %s}',
    "an answer's format": '"text": {"format": {"type": "json_schema", "name": "a", "schema": '
    '{"type": "object", "properties": {}, "x": %s}}}',
    "metadata": '"metadata": {"a": %s}',
    "what it includes": '"include": %s',
}


@pytest.mark.parametrize("stream", ["true", "false"], ids=["stream", "whole"])
@pytest.mark.parametrize("place", DEEP.values(), ids=DEEP.keys())
def test_nesting_is_carried_or_refused_properly(
    upstream: DemoUpstream, session: requests.Session, place: str, stream: str
) -> None:
    start = f'{{"model": "gpt-5", "input": "Hi", "store": false, "stream": {stream}, '
    for levels in (*range(235, 260), 1000):
        content = f"{start}{place % ('[' * levels + ']' * levels)}}}"
        answer = session.post(f"{upstream.url}/responses", data=content, timeout=10)
        assert answer.status_code == 400 or answer.content.endswith((b"}", b"}\n\n"))
    assert answer.json()["error"]["message"] == "The JSON body of your request is nested too deeply."
    seen = requests.get(f"{upstream.origin}/__demo__/requests", timeout=10)
    assert len(orjson.loads(seen.content)["requests"]) == 26


def test_the_control_routes_answer_to_local_names_only(upstream: DemoUpstream) -> None:
    headers = {"host": f"demo.example.com:{upstream.port}"}
    assert requests.get(f"{upstream.origin}/__demo__/requests", headers=headers, timeout=10).status_code == 403


def test_the_oldest_requests_make_room(upstream: DemoUpstream, ask: Ask) -> None:
    large = "x" * 24_000_000
    for _ in range(4):
        ask(model="gpt-99", input=large)
    assert [exchange.number for exchange in upstream.requests] == [3, 4]


def test_three_hundred_paced_streams_run_side_by_side(
    upstream: DemoUpstream, connect: Callable[..., AbstractContextManager[socket.socket]]
) -> None:
    upstream.script(rule(text("x" * 20), pause(0.3), text("x" * 20), rate=50))
    with ExitStack() as stack:
        start = time.monotonic()
        streams = [stack.enter_context(connect()) for _ in range(300)]
        assert upstream.wait(lambda u: u.in_flight == 300)
        for stream in streams:
            while not stream.recv(65536).endswith(b"0\r\n\r\n"):
                pass
        assert time.monotonic() - start < 5
    assert upstream.stats["statuses"] == {"200": 300}
