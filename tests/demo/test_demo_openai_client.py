from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from packy.demo import call, error, failed, failure, incomplete, reasoning, rule, source, text, web_search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.demo import DemoUpstream

REQUEST: dict[str, Any] = {
    "model": "gpt-5",
    "input": "Hello",
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "high", "summary": "auto"},
}


@pytest.fixture
def client(upstream: DemoUpstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=upstream.url, api_key="sk-demo", max_retries=0, timeout=10) as one:
        yield one


def test_the_openai_client_reads_a_stream(upstream: DemoUpstream, client: openai.OpenAI) -> None:
    page = source("https://example.com/", "A page")
    upstream.script(rule(reasoning("Hm."), web_search("q", page), text("Hello", page), call("f", {"a": 1})))
    with client.responses.stream(**REQUEST) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text == "Hello ([A page](https://example.com/))"
    assert [item.type for item in final.output] == ["reasoning", "web_search_call", "message", "function_call"]
    assert final.usage is not None
    assert final.usage.total_tokens == final.usage.input_tokens + final.usage.output_tokens


def test_the_openai_client_reads_a_whole_response(upstream: DemoUpstream, client: openai.OpenAI) -> None:
    upstream.script(rule(reasoning("Hm."), text("Hello")))
    response = client.responses.create(**REQUEST)
    assert (response.status, response.output_text) == ("completed", "Hello")


def test_a_conversation_goes_on_with_what_the_client_got(upstream: DemoUpstream, client: openai.OpenAI) -> None:
    upstream.script(rule(reasoning("Hm."), call("Read", {"a": 1}), times=1), rule(text("Done")))
    tool = {"type": "function", "name": "Read", "parameters": {"type": "object", "properties": {}}, "strict": False}
    first = client.responses.create(**{**REQUEST, "tools": [tool]})
    thought, made = first.output
    assert made.type == "function_call"
    history = [
        {"role": "user", "content": "Hello"},
        *(item.to_dict() for item in first.output),
        {"type": "function_call_output", "call_id": made.call_id, "output": "A poem."},
    ]
    second = client.responses.create(**{**REQUEST, "tools": [tool], "input": history})
    assert second.output_text == "Done"
    assert upstream.requests[1].json["input"][1] == thought.to_dict()


def test_the_openai_client_raises_what_the_real_api_would_make_it_raise(
    upstream: DemoUpstream, client: openai.OpenAI
) -> None:
    upstream.script(
        rule(failure("rate_limit_exceeded", retry_after="7"), times=1),
        rule(failure("server_error"), times=1),
        keys=["sk-demo"],
    )
    with pytest.raises(openai.RateLimitError) as limited:
        client.responses.create(**REQUEST)
    assert limited.value.code == "rate_limit_exceeded"
    assert limited.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.InternalServerError):
        client.responses.create(**REQUEST)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**{**REQUEST, "model": "gpt-99"})
    assert (refused.value.param, refused.value.code) == ("model", "model_not_found")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-wrong").responses.create(**REQUEST)


def test_the_openai_client_raises_on_an_error_event(upstream: DemoUpstream, client: openai.OpenAI) -> None:
    upstream.script(rule(text("Hel", unfinished=True), error("server_error", "It broke.", nested=True)))
    with client.responses.create(**REQUEST, stream=True) as stream, pytest.raises(openai.APIError, match=r"It broke\."):
        list(stream)


@pytest.mark.parametrize(("end", "status"), [(incomplete(), "incomplete"), (failed("server_error", "No."), "failed")])
def test_the_openai_client_sees_how_a_stream_ended(
    end: dict[str, Any], status: str, upstream: DemoUpstream, client: openai.OpenAI
) -> None:
    upstream.script(rule(text("Hello"), end))
    with client.responses.create(**REQUEST, stream=True) as stream:
        last = list(stream)[-1]
    assert last.type == f"response.{status}"
