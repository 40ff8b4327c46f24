"""Whatever an upstream sends, and wherever the network cuts it, what comes out is a Messages stream.

The grammar itself, and that the folded message equals the stream, is checked by the fixtures for every answer here.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

Json = dict[str, Any]

INDEX = st.sampled_from([0, 0, 1, 2])
TEXT = st.sampled_from(["", "a", "Hello", "é😀\u2028", "\ud83d", "\ude00", '{"a":', "1}", '{"input":"', '"', "x" * 300])
NAME = st.sampled_from(["Bash", "", "n" * 65])
CALL_ID = st.sampled_from(["call_1", ""])


def sometimes(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return strategy | st.sampled_from([None, 7, True, [], {}, "odd", [None], {"a": [1]}])


def loose(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """An object that may lack any of its fields, or hold odd values in them."""
    return st.fixed_dictionaries({}, optional={key: sometimes(field) for key, field in fields.items()})


def item(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    status = st.sampled_from(["completed", "completed", "incomplete", "failed"])
    return loose(id=st.sampled_from(["id_1", "id_2"]), status=status, **fields).map(lambda rest: {"type": kind, **rest})


SPAN = st.integers(-1, 9)
ANNOTATION = loose(
    type=st.sampled_from(["url_citation", "url_citation", "file_citation"]),
    url=st.sampled_from(["https://a.example", "", "\ud83d"]), title=TEXT, start_index=SPAN, end_index=SPAN,
)  # fmt: skip
ANNOTATIONS = st.lists(sometimes(ANNOTATION), max_size=2)
PART = st.sampled_from(["text", "refusal"]).flatmap(lambda key: loose(annotations=ANNOTATIONS, **{key: TEXT}))
PARTS = st.lists(sometimes(PART), max_size=2)
ACTION = loose(
    type=st.sampled_from(["search", "search", "open_page"]), query=TEXT, queries=st.lists(sometimes(TEXT), max_size=2),
    sources=st.lists(sometimes(loose(url=TEXT, title=TEXT)), max_size=2),
)  # fmt: skip
SUMMARY = st.lists(sometimes(loose(type=st.just("summary_text"), text=TEXT)), max_size=2)
ITEM = st.one_of(
    item("message", content=PARTS),
    item("reasoning", summary=SUMMARY, encrypted_content=TEXT),
    item("function_call", name=NAME, call_id=CALL_ID, arguments=TEXT),
    item("custom_tool_call", name=NAME, call_id=CALL_ID, input=TEXT),
    item("web_search_call", action=ACTION),
    item("web_search_call", action=ACTION),
    item("surprise"),
)
USAGE = loose(input_tokens=st.integers(-1, 9), output_tokens=st.integers(-1, 9), input_tokens_details=st.just({}))
ERROR = loose(code=st.sampled_from(["rate_limit_exceeded", "x"]), message=TEXT, type=TEXT, resets_at=st.just(2**40))
RESPONSE = loose(
    output=st.lists(sometimes(ITEM), max_size=3),
    usage=USAGE,
    status=st.sampled_from(["completed", "incomplete"]),
    incomplete_details=loose(reason=st.sampled_from(["max_output_tokens", "content_filter"])),
    error=ERROR,
    model=TEXT,
)
OF_AN_ITEM = ["output_item.added", "output_item.done"]
OF_THE_RESPONSE = ["created", "in_progress", "completed", "incomplete", "failed"]
OF_A_PART = [
    *(f"output_text.{step}" for step in ("delta", "done", "annotation.added")),
    *(f"refusal.{step}" for step in ("delta", "done")),
    *(f"content_part.{step}" for step in ("added", "done")),
    *(f"reasoning_summary_text.{step}" for step in ("delta", "done")),
    *(f"reasoning_summary_part.{step}" for step in ("added", "done")),
    *(f"function_call_arguments.{step}" for step in ("delta", "done")),
    *(f"custom_tool_call_input.{step}" for step in ("delta", "done")),
    "web_search_call.completed",
    "surprise",
]
PART_FIELDS = {
    "output_index": INDEX, "content_index": INDEX, "summary_index": INDEX,
    "delta": TEXT, "text": TEXT, "refusal": TEXT, "arguments": TEXT, "input": TEXT, "annotation": ANNOTATION,
    "part": loose(text=TEXT, annotations=ANNOTATIONS), "item_id": TEXT,
}  # fmt: skip
EVENT = st.one_of(
    st.tuples(st.sampled_from(OF_AN_ITEM), INDEX, ITEM.map(lambda value: {"item": value})),
    st.tuples(st.sampled_from(OF_AN_ITEM), loose(output_index=INDEX, item=ITEM)),
    st.tuples(st.sampled_from(OF_A_PART), INDEX, TEXT.map(lambda value: {"delta": value, "text": value})),
    st.tuples(st.sampled_from(OF_A_PART), loose(**PART_FIELDS)),
    st.tuples(st.sampled_from(OF_THE_RESPONSE), loose(response=RESPONSE)),
    st.tuples(st.just("error"), loose(error=ERROR, code=TEXT, message=TEXT)),
)
# Endings are rare, or no stream would get far.
STREAM = st.lists(
    EVENT.filter(lambda event: event[0] not in {"completed", "incomplete", "failed", "error"}), max_size=9
)
ENDED = st.tuples(STREAM, st.lists(EVENT, max_size=3)).map(lambda both: both[0] + both[1])
PLACES = st.lists(st.integers(0, 100_000), max_size=10)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(bounds)]


@given(data=st.binary(max_size=200), places=PLACES)
@example(data=b"", places=[])
def test_any_bytes(translate_stream: Any, data: bytes, places: list[int]) -> None:
    answered = translate_stream(cut(data, places))
    assert answered.error["type"] == "api_error"


FRAGMENT = st.sampled_from(
    [b"data: ", b"event: error\n", b"event: response.completed\n", b"\n\n", b"\r\n", b"\r", b": ping\n\n", b"{", b"}",
     b"[DONE]", b'{"type":"response.created"}', b'"type":"response.output_text.delta",', b'"delta":"a"', b"\xff",
     b'data: {"type":"response.output_text.delta","delta":"\xc3\xa9"}\n\n', b'data: {"type":"response.completed"}\n\n']
)  # fmt: skip


@given(fragments=st.lists(FRAGMENT, max_size=15))
def test_anything_that_looks_like_an_event_stream(translate_stream: Any, fragments: list[bytes]) -> None:
    assert translate_stream(fragments).events


STOPS = st.sampled_from([(), (), ("lo",), ("a", "é😀"), ("\ude00", "Hello")])


@given(events=ENDED, places=PLACES, reasoning=st.booleans(), stops=STOPS)
def test_any_events_cut_anywhere(
    sse: Any, translate_stream: Any, events: list[Any], places: list[int], *, reasoning: bool, stops: tuple[str, ...]
) -> None:
    data = sse(events)
    options: Json = {"reasoning": reasoning, "stop_sequences": stops}
    whole = translate_stream([data], **options)
    assert b"".join(translate_stream(cut(data, places), **options).written) == b"".join(whole.written)
    failed = whole.translator.failure
    assert (failed is None) is (whole.error is None) is (whole.translator.stop_reason is not None)
    if not reasoning:
        assert "thinking" not in {block["type"] for block in whole.content}


GOOD: list[Any] = [
    ("created", {"response": {}}),
    ("output_item.added", 0, {"item": {"type": "reasoning"}}),
    ("reasoning_summary_text.delta", 0, {"summary_index": 0, "delta": "Hm é"}),
    ("output_item.done", 0, {"item": {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}}),
    ("output_item.added", 1, {"item": {"type": "message"}}),
    ("output_text.delta", 1, {"content_index": 0, "delta": "Hi 😀"}),
    ("output_item.done", 1, {"item": {"type": "message", "content": [{"type": "output_text", "text": "Hi 😀!"}]}}),
    ("output_item.added", 2, {"item": {"type": "function_call", "call_id": "call_1", "name": "Bash"}}),
    ("function_call_arguments.delta", 2, {"delta": '{"a":1}'}),
    ("completed", {"response": {"usage": {"output_tokens": 1}}}),
]


def test_a_stream_cut_after_any_byte_never_ends_cleanly(sse: Any, translate_stream: Any) -> None:
    data = sse(GOOD)
    whole = translate_stream([data])
    for end in range(len(data)):
        answered = translate_stream([data[:end]])
        if answered.error is None:
            # Only the line ends after the terminal event were lost.
            assert data[end:].strip() == b""
            assert answered.message == whole.message
        else:
            assert answered.error["type"] == "api_error"


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_stream_with_any_byte_changed_is_still_a_stream(sse: Any, translate_stream: Any, at: int, byte: int) -> None:
    data = bytearray(sse(GOOD))
    data[at % len(data)] = byte
    assert translate_stream([bytes(data)]).events


@given(order=st.permutations(GOOD[:-1]))
def test_events_in_any_order_are_still_a_stream(answer: Any, order: list[Any]) -> None:
    assert answer(*order, GOOD[-1]).message["stop_reason"]


@pytest.mark.parametrize("depth", [50, 300, 2000, 100_000])
@pytest.mark.parametrize("key", ["item", "response", "delta", "error", "output_index"])
def test_nesting_of_any_depth_is_survived(translate_stream: Any, depth: int, key: str) -> None:
    nest = b'{"summary":[' * depth + b"1" + b"]}" * depth
    for kind in ("response.output_item.done", "response.completed", "error"):
        data = (
            json.dumps({"type": kind, key: {"type": "reasoning", "summary": "NEST"}}).replace('"NEST"', "%b").encode()
        )
        assert translate_stream([b"data: " + data % nest + b"\n\n"]).events
