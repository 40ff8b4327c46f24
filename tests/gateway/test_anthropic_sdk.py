"""The `anthropic` package, sync and async, streaming and not, on the gateway."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any, cast

import anthropic
import pytest

from packy.demo import call, failed, failure, incomplete, reasoning, refusal, rule, text, usage
from tests.support.gateway import CLIENT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.demo import DemoUpstream
    from tests.support.gateway import Gateway

Json = dict[str, Any]

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
READ = {
    "name": "Read",
    "description": "Reads a file.",
    "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]},
}
SCRIPTS: dict[str, list[Json]] = {
    "text": [text("Grüße aus dem Tor — naïve café 🦆.")],
    "thinking": [reasoning("First look.", "Then leap."), text("Done.")],
    "thinking without a summary": [reasoning(), text("Done.")],
    "a call": [call("Read", {"file_path": "/Ü/ü"}, call_id="call_a")],
    "a call without arguments": [call("Read", "", call_id="call_a")],
    "parallel calls": [
        reasoning("Both."),
        call("Read", {"file_path": "/a"}, call_id="call_a"),
        call("Read", {"file_path": "/b", "n": [1, 2.5, None, True]}, call_id="call_b"),
    ],
    "text, call, text": [text("One."), call("Read", {"file_path": "/a"}, call_id="call_a"), text("Two.")],
    "text that only the final response carries": [text("Late.", via="response")],
    "counted tokens": [text("Done."), usage(input=9000, cached=8192, output=77, reasoning=64)],
    "a refusal": [refusal("I would rather not.")],
    "cut by the token limit": [text("Half a sen"), incomplete()],
    "stopped by the content filter": [text("Half a sen"), incomplete("content_filter")],
}


@pytest.fixture
def client(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0, timeout=20) as made:
        yield made


def ask(**fields: Any) -> Any:
    """Give keyword arguments of `messages.create`."""
    request = {
        "model": "opus",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": "Hi."}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [READ],
    }
    return {**request, **fields}


def told(message: Any) -> Json:
    """Give what a message says, without what differs between two of the same script: its id and signatures."""
    # The accumulator sets fields that nobody sent; they are None.
    document = {key: value for key, value in cast("Json", message.to_dict()).items() if value is not None}
    assert document.pop("id").startswith("msg_")
    for block in document["content"]:
        block.pop("parsed_output", None)
        if block["type"] == "thinking":
            assert block.pop("signature")
    return document


async def ask_async(url: str, request: Json) -> tuple[Any, Any, list[Any]]:
    """Ask three times: whole, as an accumulated stream, as raw events."""
    async with anthropic.AsyncAnthropic(base_url=url, api_key=CLIENT_KEY, max_retries=0, timeout=20) as client:
        whole = await client.messages.create(**request)
        async with client.messages.stream(**request) as stream:
            accumulated = await stream.get_final_message()
        events = [event async for event in await client.messages.create(stream=True, **request)]
    return whole, accumulated, events


@pytest.mark.parametrize("steps", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_an_accumulated_stream_equals_the_whole_message(
    client: anthropic.Anthropic, upstream: DemoUpstream, steps: list[Json]
) -> None:
    upstream.script(rule(*steps))

    whole = client.messages.create(**ask())
    with client.messages.stream(**ask()) as stream:
        accumulated = stream.get_final_message()

    assert told(accumulated) == told(whole)
    assert whole.model == "opus"


@pytest.mark.parametrize("steps", [SCRIPTS["parallel calls"], SCRIPTS["text"]], ids=["parallel calls", "text"])
def test_the_async_client_reads_what_the_sync_one_reads(
    gateway: Gateway, client: anthropic.Anthropic, upstream: DemoUpstream, steps: list[Json]
) -> None:
    upstream.script(rule(*steps))

    whole, accumulated, events = asyncio.run(ask_async(gateway.url, ask()))

    assert told(accumulated) == told(whole) == told(client.messages.create(**ask()))
    assert [event.type for event in events][:1] == ["message_start"]
    assert [event.type for event in events][-2:] == ["message_delta", "message_stop"]


def test_raw_events_carry_text_piece_by_piece(client: anthropic.Anthropic, upstream: DemoUpstream) -> None:
    upstream.script(rule(text("Piece by piece it arrives."), chunk=3))

    events = list(client.messages.create(**ask(stream=True)))

    pieces = [e.delta.text for e in events if e.type == "content_block_delta" and e.delta.type == "text_delta"]
    assert len(pieces) > 3  # those that arrive together leave together
    assert "".join(pieces) == "Piece by piece it arrives."


def test_malformed_arguments_are_handed_on_for_the_client_to_judge(
    client: anthropic.Anthropic, upstream: DemoUpstream
) -> None:
    upstream.script(rule(call("Read", '{"file_path": ', call_id="call_a")))

    whole = client.messages.create(**ask())
    events = list(client.messages.create(**ask(stream=True)))

    assert whole.content[0].to_dict()["input"] == {"INVALID_JSON": '{"file_path": '}
    assert "".join(e.delta.partial_json for e in events if e.type == "content_block_delta") == '{"file_path": '


def test_a_tool_loop_goes_round(client: anthropic.Anthropic, upstream: DemoUpstream) -> None:
    upstream.script(
        rule(reasoning("Look."), call("Read", {"file_path": "/a"}, call_id="call_a"), times=1),
        rule(text("It says b.")),
    )
    first = client.messages.create(**ask())
    assert first.stop_reason == "tool_use"
    result = [{"type": "tool_result", "tool_use_id": "call_a", "content": "b"}]
    turns = [
        {"role": "user", "content": "Read /a."},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": result},
    ]

    second = client.messages.create(**ask(messages=turns))

    assert [block.type for block in second.content] == ["text"]
    # The reasoning item goes back as it came, in front of its call: another one the upstream would have refused.
    sent = upstream.requests[1].json["input"]
    assert [item["type"] for item in sent] == ["message", "reasoning", "function_call", "function_call_output"]
    assert sent[1]["encrypted_content"] == upstream.requests[0].output[0]["encrypted_content"]
    assert sent[3]["output"] == "b"


def test_images_arrive_in_user_turns_and_in_tool_results(client: anthropic.Anthropic, upstream: DemoUpstream) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "Read", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [image]}]},
    ]

    client.messages.create(**ask(messages=turns))

    user, _, output = upstream.requests[0].json["input"]
    shown = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    assert user["content"][1] == shown
    assert output["output"] == [shown]


def test_tokens_are_counted_without_the_upstream(client: anthropic.Anthropic, upstream: DemoUpstream) -> None:
    request = ask()
    del request["max_tokens"]

    few = client.messages.count_tokens(**request)
    many = client.messages.count_tokens(model="gpt-5", messages=[{"role": "user", "content": "word " * 5000}])

    assert 5 < few.input_tokens < 200
    assert 5000 <= many.input_tokens < 5100
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(failure("invalid_api_key"), anthropic.AuthenticationError, id="key"),
        pytest.param(failure("model_not_found"), anthropic.NotFoundError, id="model"),
        pytest.param(failure("context_length_exceeded"), anthropic.BadRequestError, id="too long"),
        pytest.param(failure("rate_limit_exceeded"), anthropic.RateLimitError, id="rate limit"),
        pytest.param(failure("overloaded"), anthropic.OverloadedError, id="overloaded"),
        pytest.param(failure("server_error"), anthropic.InternalServerError, id="server error"),
        pytest.param(failure("gateway_timeout"), anthropic.GatewayTimeoutError, id="timeout"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_errors_are_raised_as_the_class_they_are(
    client: anthropic.Anthropic,
    upstream: DemoUpstream,
    gateway: Gateway,
    answer: Json,
    expected: type[anthropic.APIStatusError],
    *,
    stream: bool,
) -> None:
    upstream.script(rule(answer))

    with pytest.raises(expected) as caught:
        client.messages.create(**ask(stream=stream))

    request_id = caught.value.request_id or ""
    assert cast("Json", caught.value.body)["request_id"] == request_id
    assert gateway.until(lambda log: request_id in log), "the log tells of it under the same id"


def test_a_wrong_client_key_is_an_authentication_error(gateway: Gateway) -> None:
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="not-a-key", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        client.messages.create(**ask())

    assert (caught.value.request_id or "").startswith("req_")


def test_an_invalid_request_is_a_bad_request_error(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.0\.role"):
        client.messages.create(**ask(messages=[{"role": "wizard", "content": "Hi."}]))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(rule(text("Half an ans", unfinished=True), failed("server_error", "Sorry.")), id="failed"),
        pytest.param(rule(text("Half an answer"), cut_after_events=6, cut="reset"), id="reset"),
        pytest.param(rule(text("Half an answer"), cut_after_events=6, cut="fin"), id="closed"),
        pytest.param(rule(text("Half an answer"), cut_after_events=6, cut="end"), id="ended without a last event"),
    ],
)
def test_a_stream_that_breaks_raises_and_never_ends_well(
    client: anthropic.Anthropic, upstream: DemoUpstream, fault: Json
) -> None:
    upstream.script(fault)

    with (
        client.messages.create(**ask(stream=True)) as stream,
        pytest.raises(anthropic.APIStatusError, match="api_error"),
    ):
        list(stream)
    with pytest.raises(anthropic.InternalServerError):
        client.messages.create(**ask())
