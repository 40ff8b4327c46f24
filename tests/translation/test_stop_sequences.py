"""Stop sequences: text is cut where a model that has them would have stopped, however it was split."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

Json = dict[str, Any]

COMPLETED = ("completed", {"response": {"usage": {"input_tokens": 9, "output_tokens": 7}}})


def said(text: str) -> Json:
    return {"item": {"type": "message", "content": [{"type": "output_text", "text": text}]}}


def delta(text: str, part: int = 0) -> tuple[str, int, Json]:
    return ("output_text.delta", 0, {"content_index": part, "delta": text})


def first_stop(text: str, sequences: list[str]) -> tuple[str, str | None]:
    """What a model leaves that writes character by character, and what stopped it; the longest of those at once."""
    for end in range(1, len(text) + 1):
        if stops := [sequence for sequence in sequences if text[:end].endswith(sequence)]:
            stop = max(stops, key=len)
            return text[: end - len(stop)], stop
    return text, None


def split(text: str, places: list[int]) -> list[str]:
    bounds = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


TEXT = st.text("ab\né😀", max_size=12)
SEQUENCES = st.lists(st.text("ab\né😀", min_size=1, max_size=4), min_size=1, max_size=3)
PLACES = st.lists(st.integers(0, 12), max_size=6)


@given(text=TEXT, sequences=SEQUENCES, places=PLACES)
@example(text="aab", sequences=["ab"], places=[1, 2])
@example(text="aaab", sequences=["aab"], places=[1, 2, 3])
@example(text="abaab", sequences=["abab", "aab"], places=[4])
@example(text="abab", sequences=["babb", "ab"], places=[])
def test_any_text_split_anywhere_is_cut_at_the_first_sequence(
    answer: Any, text: str, sequences: list[str], places: list[int]
) -> None:
    kept, stop = first_stop(text, sequences)
    answered = answer(*map(delta, split(text, places)), COMPLETED, stop_sequences=sequences)
    assert "".join(block["text"] for block in answered.content) == kept
    assert answered.message["stop_sequence"] == stop
    assert answered.message["stop_reason"] == ("stop_sequence" if stop else "end_turn")
    assert answered.translator.cut is (stop is not None)
    if len(sequences) == 1 and stop:
        assert kept == text.split(stop, maxsplit=1)[0]


@given(text=TEXT, sequences=SEQUENCES, places=PLACES)
def test_no_more_is_held_back_than_what_may_become_a_sequence(
    answer: Any, text: str, sequences: list[str], places: list[int]
) -> None:
    pieces = split(text, places)
    written = answer(*map(delta, pieces), COMPLETED, stop_sequences=sequences).written
    so_far = given_so_far = ""
    for piece, out in zip(pieces, written, strict=False):
        so_far += piece
        given_so_far += "".join(_texts(out))
        kept, stop = first_stop(so_far, sequences)
        if stop is None:
            ends = [so_far[at:] for at in range(len(so_far) + 1)]
            held = next(end for end in ends if not end or any(one.startswith(end) for one in sequences))
            kept = so_far.removesuffix(held)
        assert given_so_far == kept
        if stop:
            break


def _texts(out: bytes) -> list[str]:
    events = [json.loads(line[6:]) for line in out.split(b"\n") if line.startswith(b"data: ")]
    return [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]


STOP = ["STOP"]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([delta("One ST"), delta("OP two")], id="deltas"),
        pytest.param([delta("One ST"), ("output_text.done", 0, {"text": "One STOP two"})], id="text.done"),
        pytest.param([delta("One ST"), ("content_part.done", 0, {"part": {"text": "One STOP two"}})], id="part.done"),
        pytest.param([delta("One ST"), ("output_item.done", 0, said("One STOP two"))], id="item.done"),
        pytest.param(
            [("completed", {"response": {"output": [said("One STOP two")["item"]]}})], id="the final response"
        ),
        pytest.param([("refusal.delta", 0, {"delta": "One STOP two"})], id="a refusal"),
    ],
)
def test_text_is_cut_wherever_it_is_said(answer: Any, events: list[Any]) -> None:
    answered = answer(*events, delta(" three"), COMPLETED, stop_sequences=STOP, estimate=1234)
    assert answered.content == [{"type": "text", "text": "One "}]
    assert (answered.message["stop_reason"], answered.message["stop_sequence"]) == ("stop_sequence", "STOP")
    assert [event["type"] for event in answered.events[-3:]] == ["content_block_stop", "message_delta", "message_stop"]


def test_the_message_ends_at_once_and_the_rest_is_nobodys(answer: Any, sse: Any) -> None:
    answered = answer(delta("One STOP two"), stop_sequences=STOP)
    assert answered.written[0].endswith(b'{"type":"message_stop"}\n\n')
    assert answered.translator.ended
    answered.translator.feed(sse([delta("three"), COMPLETED]))
    answered.translator.end()
    assert answered.translator.writer.take() == b""
    assert answered.translator.failure is None


def test_what_was_held_back_is_given_when_its_text_is_over(answer: Any) -> None:
    events = [
        delta("One ST"),
        delta("OP", 1),
        ("output_item.done", 0, said("One ST")),
        ("output_item.done", 1, said("OPST")),
    ]
    content = answer(*events, COMPLETED, stop_sequences=STOP).content
    assert [block["text"] for block in content] == ["One ST", "OP", "OPST"], "no sequence reaches over two texts"


def test_thinking_and_arguments_are_not_text(answer: Any) -> None:
    thought = {"item": {"type": "reasoning", "summary": [{"type": "summary_text", "text": "STOP?"}]}}
    call = {"item": {"type": "function_call", "call_id": "c", "name": "STOP", "arguments": '{"a":"STOP"}'}}
    answered = answer(("output_item.done", 0, thought), ("output_item.done", 1, call), COMPLETED, stop_sequences=STOP)
    assert answered.content[0]["thinking"] == "STOP?"
    assert answered.content[1]["input"] == {"a": "STOP"}
    assert answered.message["stop_reason"] == "tool_use"
    assert not answered.translator.cut


def test_what_waits_behind_the_text_is_dropped_with_it(answer: Any) -> None:
    call = {"item": {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}}
    answered = answer(
        ("output_item.added", 0, {"item": {"type": "message"}}),
        ("output_item.done", 1, call),
        delta("One STOP"),
        COMPLETED,
        stop_sequences=STOP,
    )
    assert answered.content == [{"type": "text", "text": "One "}]


def test_a_result_that_is_held_back_still_comes(answer: Any) -> None:
    search = {"item": {"type": "web_search_call", "id": "ws", "action": {"type": "search", "query": "q"}}}
    answered = answer(("output_item.done", 1, search), delta("One STOP"), COMPLETED, stop_sequences=STOP)
    assert [block["type"] for block in answered.content] == ["server_tool_use", "text", "web_search_tool_result"]


@pytest.mark.parametrize(
    ("before", "text", "output"),
    [
        pytest.param([], "x" * 400 + "STOP", 100, id="text"),
        pytest.param([], "STOP", 1, id="nothing"),
        pytest.param(
            [("output_item.done", 5, {"item": {"type": "reasoning", "summary": [{"text": "x" * 100}]}})],
            "x" * 100 + "STOP", 50, id="thinking and text",
        ),
    ],
)  # fmt: skip
def test_usage_is_estimated_as_the_upstream_has_not_counted(
    answer: Any, before: list[Any], text: str, output: int
) -> None:
    answered = answer(*before, delta(text), COMPLETED, stop_sequences=STOP, estimate=1234)
    usage = answered.message["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (1234, output)
    assert answered.translator.usage == {
        "input_tokens": 1234, "cached_tokens": 0, "output_tokens": output, "reasoning_tokens": 0,
    }  # fmt: skip


def test_usage_is_the_upstreams_where_it_has_counted(answer: Any) -> None:
    response = {"output": [said("One STOP")["item"]], "usage": {"input_tokens": 9, "output_tokens": 7}}
    usage = answer(("completed", {"response": response}), stop_sequences=STOP).message["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (9, 7)


def test_a_sequence_of_characters_that_deltas_cut_in_half_is_met(answer: Any) -> None:
    events = [delta("One "), delta("\ud83d"), delta("\ude00 two")]
    assert answer(*events, COMPLETED, stop_sequences=["😀"]).content == [{"type": "text", "text": "One "}]
    assert answer(*events, COMPLETED, stop_sequences=["x"]).content == [{"type": "text", "text": "One 😀 two"}]


def test_an_empty_sequence_is_none(answer: Any) -> None:
    assert answer(delta("One"), COMPLETED, stop_sequences=["", "x"]).message["stop_reason"] == "end_turn"
