"""How a stream begins and ends: the opening, usage and stop reasons, failures, and never a clean wrong end."""

from __future__ import annotations

from typing import Any

import pytest

from packy.translation import (
    MessageFolder,
    ResponseTranslator,
    StreamWriter,
    ToolNames,
    UpstreamContext,
    interrupted,
)

Json = dict[str, Any]

CREATED = ("created", {"response": {"model": "gpt-5-2025-08-07", "status": "in_progress"}})
TEXT = ("output_item.done", 0, {"item": {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}})
CALL = ("output_item.done", 1, {"item": {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}})
REFUSED = ("refusal.delta", 0, {"content_index": 0, "delta": "No."})
HALF = ("output_text.delta", 0, {"content_index": 0, "delta": "H"})
COMPLETED = ("completed", {"response": {"status": "completed"}})


def incomplete(reason: Any) -> tuple[str, Json]:
    return ("incomplete", {"response": {"status": "incomplete", "incomplete_details": reason}})


@pytest.mark.parametrize(
    "first", [CREATED, ("queued", {}), ("in_progress", {}), TEXT, HALF], ids=lambda event: event[0]
)
def test_the_first_event_starts_the_message(answer: Any, first: Any) -> None:
    answered = answer(first, model="claude-opus-4-8[1m]", message_id="msg_7", estimate=1234)
    assert answered.written[0].startswith(b"event: message_start\n")
    assert answered.events[0]["message"] == {
        "id": "msg_7",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-8[1m]",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 1234,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        },
    }


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        pytest.param([TEXT, COMPLETED], "end_turn", id="text"),
        pytest.param([COMPLETED], "end_turn", id="nothing"),
        pytest.param([TEXT, CALL, COMPLETED], "tool_use", id="a call"),
        pytest.param([REFUSED, COMPLETED], "refusal", id="a refusal"),
        pytest.param([HALF, incomplete({"reason": "max_output_tokens"})], "max_tokens", id="max_output_tokens"),
        pytest.param([HALF, incomplete({"reason": "content_filter"})], "refusal", id="content_filter"),
        pytest.param([HALF, incomplete({"reason": "surprise"})], "max_tokens", id="another reason"),
        pytest.param([HALF, incomplete(None)], "max_tokens", id="no reason"),
        pytest.param([CALL, incomplete({"reason": "max_output_tokens"})], "max_tokens", id="cut after a call"),
        pytest.param(
            [HALF, ("completed", incomplete({"reason": "max_output_tokens"})[1])],
            "max_tokens",
            id="completed that says incomplete",
        ),
    ],
)
def test_the_stop_reason_says_how_it_ended(answer: Any, events: list[Any], reason: str) -> None:
    answered = answer(CREATED, *events)
    assert answered.message["stop_reason"] == answered.translator.stop_reason == reason
    assert answered.translator.failure is None


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        pytest.param(
            {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 900}, "output_tokens": 50,
             "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 1050},
            (100, 900, 50), id="cached tokens are counted beside the others",
        ),
        pytest.param({"input_tokens": 7, "output_tokens": 3}, (7, 0, 3), id="no details"),
        pytest.param({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 9}, "output_tokens": 1}, (0, 9, 1),
                     id="more cached than there were"),
        pytest.param({"input_tokens": "7", "input_tokens_details": [], "output_tokens": -3}, (0, 0, 0), id="odd"),
    ],
)  # fmt: skip
def test_usage_is_the_upstreams(answer: Any, usage: Json, counted: tuple[int, int, int]) -> None:
    answered = answer(CREATED, TEXT, ("completed", {"response": {"usage": usage}}), estimate=9999)
    fresh, cached, output = counted
    assert answered.message["usage"] == {
        "input_tokens": fresh,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": output,
    }


def test_the_records_usage_is_as_the_upstream_counts(answer: Any) -> None:
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 900},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
    }
    answered = answer(CREATED, ("completed", {"response": {"usage": usage}}))
    expected = {"input_tokens": 1000, "cached_tokens": 900, "output_tokens": 50, "reasoning_tokens": 20}
    assert answered.translator.usage == expected


def test_without_usage_the_estimate_stands(answer: Any) -> None:
    usage = answer(TEXT, COMPLETED, estimate=42).message["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (42, 0)


def test_the_upstreams_model_is_noted(answer: Any) -> None:
    answered = answer(CREATED, COMPLETED)
    assert answered.translator.upstream_model == "gpt-5-2025-08-07"
    assert answer(COMPLETED).translator.upstream_model == ""
    assert b"gpt-5" not in b"".join(answered.written)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
@pytest.mark.parametrize("error", [None, {"code": "server_error", "message": "Sorry."}], ids=["silent", "told"])
def test_completed_that_says_failed_is_a_failure(answer: Any, status: str, error: Json | None) -> None:
    answered = answer(CREATED, TEXT, ("completed", {"response": {"status": status, "error": error}}))
    assert answered.error is not None
    assert answered.translator.failure.code == "upstream_error"
    assert answered.translator.stop_reason is None


NESTED = ("error", {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."}})
FLAT = ("error", {"code": "rate_limit_exceeded", "message": "Slow down.", "param": None})
FAILED = ("failed", {"response": {"error": {"code": "rate_limit_exceeded", "message": "Slow down."}}})
NULL = ("error", {"error": None, "code": "rate_limit_exceeded", "message": "Slow down."})
STATUS = ("error", {"status": 429, "error": {"message": "Slow down."}})


@pytest.mark.parametrize(
    "event", [NESTED, FLAT, FAILED, NULL, STATUS], ids=["nested", "flat", "failed", "null", "status"]
)
@pytest.mark.parametrize("before", [[], [CREATED], [CREATED, TEXT], [CREATED, HALF]], ids=len)
def test_an_upstream_error_is_mapped_and_ends_the_stream(answer: Any, before: list[Any], event: Any) -> None:
    answered = answer(*before, event, TEXT, COMPLETED)
    assert answered.error["type"] == "rate_limit_error"
    assert "Slow down." in answered.error["message"]
    assert answered.translator.failure.status == 429
    assert answered.translator.stop_reason is None


def test_an_error_whose_type_only_the_event_line_bears_is_one(translate_stream: Any) -> None:
    upstream = b'event: error\ndata: {"error":{"code":"rate_limit_exceeded","message":"Slow down."}}\n\n'
    assert translate_stream([upstream]).error["type"] == "rate_limit_error"


def test_an_error_that_is_only_text_is_handed_on(answer: Any) -> None:
    assert "Relay down." in answer(("error", {"error": "Relay down."})).error["message"]


def test_a_prompt_too_long_in_mid_stream_has_the_clients_words(answer: Any) -> None:
    error = {"code": "context_length_exceeded", "message": "Your input exceeds the context window of this model."}
    context = UpstreamContext(context_window=272_000, estimate=300_000)
    answered = answer(CREATED, ("failed", {"response": {"error": error}}), context=context)
    assert answered.error == {
        "type": "invalid_request_error",
        "message": "prompt is too long: 300000 tokens > 272000 maximum",
    }


CUTS: list[Any] = [
    pytest.param([], id="before anything"),
    pytest.param([CREATED], id="after the opening"),
    pytest.param([CREATED, HALF], id="in a text"),
    pytest.param([CREATED, ("output_item.added", 0, {"item": {"type": "reasoning"}})], id="in a thinking block"),
    pytest.param([CREATED, ("output_item.added", 0, {"item": CALL[2]["item"]})], id="in a call"),
    pytest.param([CREATED, TEXT, CALL], id="between items"),
]  # fmt: skip


@pytest.mark.parametrize("events", CUTS)
def test_an_end_without_a_terminal_event_is_an_error(answer: Any, events: list[Any]) -> None:
    answered = answer(*events)
    assert answered.error["type"] == "api_error"
    assert (answered.translator.failure.status, answered.translator.failure.code) == (502, "upstream_cut")


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe", b'"\xed\xa0\x80"', b"[" * 100_000, b'{"a":1e999}'], ids=repr)
def test_an_event_that_is_not_json_is_an_error(sse: Any, translate_stream: Any, data: bytes) -> None:
    answered = translate_stream([sse([CREATED, HALF]), b"data: " + data + b"\n\n", sse([TEXT, COMPLETED])])
    assert answered.error["type"] == "api_error"
    assert answered.translator.failure.code == "upstream_bad_event"
    assert [event["type"] for event in answered.events].count("content_block_start") == 1


@pytest.mark.parametrize(
    "body", [b"<html><body>Bad gateway</body></html>", b'{"error":{"message":"no"}}', b"\x00" * 100], ids=repr
)
def test_a_body_that_is_no_event_stream_is_an_error(translate_stream: Any, body: bytes) -> None:
    assert translate_stream([body]).error["type"] == "api_error"


def test_an_event_larger_than_the_bound_is_an_error(sse: Any, translate_stream: Any) -> None:
    piece = b"x" * (8 * 1024 * 1024)
    answered = translate_stream([sse([CREATED, HALF]), b"data: ", *[piece] * 5])
    assert answered.error["type"] == "api_error"
    assert answered.translator.failure.code == "upstream_event_too_large"


def test_done_after_the_end_is_nothing(sse: Any, translate_stream: Any) -> None:
    done = b"data: [DONE]\n\n"
    answered = translate_stream([sse([CREATED, TEXT, COMPLETED]), done])
    assert answered.message["stop_reason"] == "end_turn"
    assert answered.translator.ignored == 0


def test_done_instead_of_a_terminal_event_is_a_cut(sse: Any, translate_stream: Any) -> None:
    assert translate_stream([sse([CREATED, TEXT]), b"data: [DONE]\n\n"]).error["type"] == "api_error"


def test_nothing_follows_the_end(answer: Any, sse: Any) -> None:
    answered = answer(CREATED, TEXT, COMPLETED, TEXT, NESTED, CREATED)
    assert answered.events[-1]["type"] == "message_stop"
    answered.translator.feed(sse([TEXT]))
    answered.translator.fail(interrupted("late", "client_gone"))
    answered.translator.end()
    assert answered.translator.writer.take() == b""
    assert answered.translator.failure is None


def test_a_terminal_event_that_lacks_its_blank_line_counts(sse: Any, translate_stream: Any) -> None:
    assert translate_stream([sse([CREATED, TEXT, COMPLETED]).rstrip(b"\n")]).message["stop_reason"] == "end_turn"


@pytest.mark.parametrize("events", CUTS)
def test_a_failure_from_outside_closes_what_is_open(read_stream: Any, sse: Any, events: list[Any]) -> None:
    writer = StreamWriter()
    translator = ResponseTranslator(writer, message_id="msg_1", model="m", names=ToolNames())
    translator.feed(sse(events))
    translator.fail(interrupted("the connection was reset", "upstream_cut"))
    assert read_stream(writer.take())[-1]["error"] == {"type": "api_error", "message": "the connection was reset"}


def test_an_error_can_be_answered_as_http_until_a_block_has_begun(sse: Any) -> None:
    translator = ResponseTranslator(MessageFolder(), message_id="msg_1", model="m", names=ToolNames())
    seen = [translator.silent]
    for event in (CREATED, HALF, COMPLETED):
        translator.feed(sse([event]))
        seen.append(translator.silent)
    assert seen == [True, True, False, False]


@pytest.mark.parametrize("data", [b"", b"[DONE]"], ids=repr)
def test_an_event_without_data_is_no_error(sse: Any, translate_stream: Any, data: bytes) -> None:
    stream = sse([CREATED]) + b"data: " + data + b"\n\n" + sse([TEXT, COMPLETED])
    assert translate_stream([stream]).translator.stop_reason == "end_turn"


def test_an_error_without_a_type_is_an_error(translate_stream: Any) -> None:
    stream = b'data: {"error": {"message": "Slow down.", "code": "slow_down"}}\n\n'
    assert translate_stream([stream]).translator.failure.type == "overloaded_error"


def test_a_message_begins_once_however_often_the_upstream_says_so(read_stream: Any, sse: Any) -> None:
    writer = StreamWriter()
    translator = ResponseTranslator(writer, message_id="msg_1", model="m", names=ToolNames())
    translator.feed(sse([("queued", {}), CREATED, ("in_progress", {})]))
    begun = writer.take()
    assert begun.count(b"event: ") == begun.count(b"event: message_start\n") == 1
    assert translator.silent
    assert writer.keep_alive()
    translator.feed(sse([CREATED, TEXT, COMPLETED]))
    assert read_stream(begun + writer.take())[-1]["type"] == "message_stop"
    translator.feed(sse([CREATED]))
    assert not writer.keep_alive()
    assert writer.take() == b""


def test_after_a_message_has_begun_a_failure_is_an_error_event(read_stream: Any, sse: Any) -> None:
    writer = StreamWriter()
    translator = ResponseTranslator(writer, message_id="msg_1", model="m", names=ToolNames())
    translator.feed(sse([CREATED]))
    translator.end()
    assert [event["type"] for event in read_stream(writer.take())] == ["message_start", "error"]
