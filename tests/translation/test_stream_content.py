"""Text and thinking of a Responses stream, wherever the upstream says them."""

from __future__ import annotations

from typing import Any

import pytest

Json = dict[str, Any]

COMPLETED = ("completed", {"response": {"usage": {"output_tokens": 1}}})


def message(*texts: str, **more: Any) -> Json:
    return {"item": {"type": "message", "content": [{"type": "output_text", "text": text} for text in texts], **more}}


def summary(*texts: str) -> Json:
    return {"item": {"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in texts]}}


def part(text: str, index: int = 0) -> Json:
    return {"content_index": index, "part": {"type": "output_text", "text": text}}


def delta(text: str, index: int = 0) -> Json:
    return {"content_index": index, "delta": text}


def said(text: str, index: int = 0) -> Json:
    return {"content_index": index, "text": text}


def final(*items: Json) -> tuple[str, Json]:
    return ("completed", {"response": {"output": [item["item"] for item in items]}})


ADDED = ("output_item.added", 0, message())
DONE = ("output_item.done", 0, message("Hello"))

HELLO: list[Any] = [
    pytest.param(
        [ADDED, ("content_part.added", 0, part("")), ("output_text.delta", 0, delta("Hel")),
         ("output_text.delta", 0, delta("lo")), ("output_text.done", 0, said("Hello")),
         ("content_part.done", 0, part("Hello")), DONE, final(message("Hello"))],
        id="everywhere at once",
    ),
    pytest.param([ADDED, ("output_text.delta", 0, delta("Hello")), DONE, COMPLETED], id="deltas"),
    pytest.param([ADDED, ("output_text.done", 0, said("Hello")), COMPLETED], id="output_text.done alone"),
    pytest.param([ADDED, ("content_part.done", 0, part("Hello")), COMPLETED], id="content_part.done alone"),
    pytest.param([ADDED, DONE, COMPLETED], id="output_item.done alone"),
    pytest.param([DONE, COMPLETED], id="output_item.done without added"),
    pytest.param([final(message("Hello"))], id="the final response alone"),
    pytest.param([ADDED, final(message("Hello"))], id="added, then the final response"),
    pytest.param([ADDED, ("output_text.delta", 0, delta("Hel")), DONE, COMPLETED], id="the rest in output_item.done"),
    pytest.param(
        [ADDED, ("output_text.delta", 0, delta("Hel")), final(message("Hello"))], id="the rest in the final response"
    ),
    pytest.param([("output_text.delta", 0, delta("Hello")), COMPLETED], id="deltas without added and done"),
    pytest.param(
        [("output_item.added", message()), ("output_text.delta", {"delta": "Hello"}),
         ("output_item.done", message("Hello")), COMPLETED],
        id="no indexes",
    ),
    pytest.param([ADDED, ("output_text.delta", 0, delta("")), DONE, DONE, final(message("Hello"))], id="done twice"),
]  # fmt: skip


@pytest.mark.parametrize("events", HELLO)
def test_a_text_is_given_once_wherever_it_is_said(answer: Any, events: list[Any]) -> None:
    answered = answer(("created", {"response": {}}), *events)
    assert answered.content == [{"type": "text", "text": "Hello"}]
    assert answered.message["stop_reason"] == "end_turn"
    assert answered.translator.ignored == 0


THOUGHT: list[Any] = [
    pytest.param(
        [("output_item.added", 0, summary()),
         ("reasoning_summary_part.added", 0, {"summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
         ("reasoning_summary_text.delta", 0, {"summary_index": 0, "delta": "Fir"}),
         ("reasoning_summary_text.delta", 0, {"summary_index": 0, "delta": "st."}),
         ("reasoning_summary_text.done", 0, {"summary_index": 0, "text": "First."}),
         ("reasoning_summary_part.done", 0, {"summary_index": 0, "part": {"type": "summary_text", "text": "First."}}),
         ("reasoning_summary_text.delta", 0, {"summary_index": 1, "delta": "Then."}),
         ("reasoning_summary_text.done", 0, {"summary_index": 1, "text": "Then."}),
         ("output_item.done", 0, summary("First.", "Then.")), final(summary("First.", "Then."))],
        id="everywhere at once",
    ),
    pytest.param(
        [("reasoning_summary_text.done", 0, {"summary_index": i, "text": text})
         for i, text in enumerate(("First.", "Then."))] + [COMPLETED],
        id="text.done alone",
    ),
    pytest.param([("output_item.done", 0, summary("First.", "Then.")), COMPLETED], id="output_item.done alone"),
    pytest.param([final(summary("First.", "Then."))], id="the final response alone"),
    pytest.param(
        [("output_item.added", 0, summary()), ("reasoning_summary_text.delta", 0, {"summary_index": 0, "delta": "Fi"}),
         ("output_item.done", 0, summary("First.", "Then.")), COMPLETED],
        id="the rest in output_item.done",
    ),
    pytest.param(
        [("reasoning_summary_part.done", 0, {"summary_index": i, "part": {"text": text}})
         for i, text in enumerate(("First.", "Then."))] + [COMPLETED],
        id="part.done alone",
    ),
]  # fmt: skip


@pytest.mark.parametrize("events", THOUGHT)
def test_summary_parts_are_one_thinking_block_joined_by_a_blank_line(answer: Any, events: list[Any]) -> None:
    [block] = answer(*events).content
    assert block["type"] == "thinking"
    assert block["thinking"] == "First.\n\nThen."


def test_an_empty_summary_part_adds_nothing(answer: Any) -> None:
    assert answer(("output_item.done", 0, summary("", "a", "", "b", "")), COMPLETED).content[0]["thinking"] == "a\n\nb"


def test_each_reasoning_item_is_a_block_of_its_own(answer: Any) -> None:
    events = [("output_item.done", i, summary(text)) for i, text in enumerate(("a", "", "b"))]
    assert [block["thinking"] for block in answer(*events, COMPLETED).content] == ["a", "", "b"]


def test_a_thinking_block_is_open_as_soon_as_the_model_reasons(answer: Any) -> None:
    opened, _ = answer(("output_item.added", 0, summary())).written
    assert b'"content_block":{"type":"thinking","thinking":"","signature":""}' in opened


def test_reasoning_that_nobody_wants_is_left_out(answer: Any) -> None:
    events = [
        ("output_item.added", 0, summary()),
        ("reasoning_summary_text.delta", 0, {"summary_index": 0, "delta": "First."}),
        ("output_item.done", 0, summary("First.")),
        ("output_item.done", 1, message("Hello")),
        COMPLETED,
    ]
    assert answer(*events, reasoning=False).content == [{"type": "text", "text": "Hello"}]


def test_each_content_part_is_a_text_block(answer: Any) -> None:
    events = [
        ADDED,
        ("output_text.delta", 0, delta("a", 0)),
        ("output_text.delta", 0, delta("b", 1)),
        ("output_item.done", 0, message("a", "b", "c")),
        COMPLETED,
    ]
    assert [block["text"] for block in answer(*events).content] == ["a", "b", "c"]


def test_an_item_without_text_makes_no_block(answer: Any) -> None:
    assert answer(ADDED, ("output_item.done", 0, message("")), final(message(""))).content == []


@pytest.mark.parametrize(
    ("item", "event", "given"),
    [
        ("message", "output_text.delta", b'{"type":"text_delta","text":"%c"}'),
        ("message", "refusal.delta", b'{"type":"text_delta","text":"%c"}'),
        ("reasoning", "reasoning_summary_text.delta", b'{"type":"thinking_delta","thinking":"%c"}'),
        ("function_call", "function_call_arguments.delta", b'{"type":"input_json_delta","partial_json":"%c"}'),
    ],
)
def test_each_delta_is_handed_on_as_it_arrives(answer: Any, item: str, event: str, given: bytes) -> None:
    added = ("output_item.added", 0, {"item": {"type": item, "name": "n", "call_id": "c"}})
    _, *written, _ = answer(added, *((event, 0, {"delta": text}) for text in "abc")).written
    for text, piece in zip(b"abc", written, strict=True):
        assert given % text in piece


REFUSAL = {"item": {"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}]}}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([ADDED, ("refusal.delta", 0, delta("I can")), ("refusal.delta", 0, delta("not.")), COMPLETED],
                     id="deltas"),
        pytest.param([ADDED, ("refusal.done", 0, {"content_index": 0, "refusal": "I cannot."}), COMPLETED],
                     id="refusal.done alone"),
        pytest.param([ADDED, ("refusal.delta", 0, delta("I can")), ("output_item.done", 0, REFUSAL), COMPLETED],
                     id="the rest in output_item.done"),
        pytest.param([final(REFUSAL)], id="the final response alone"),
    ],
)  # fmt: skip
def test_a_refusal_is_text_and_the_stop_reason(answer: Any, events: list[Any]) -> None:
    answered = answer(*events)
    assert answered.content == [{"type": "text", "text": "I cannot."}]
    assert answered.message["stop_reason"] == "refusal"


@pytest.mark.parametrize("text", ["é", "😀", "a\u2028b\x85c", '"\\\n\x00\x7f', "\ud800", "你好" * 1000], ids=ascii)
@pytest.mark.parametrize("piece", [1, 7, 0])
def test_any_text_comes_through_unchanged(answer: Any, text: str, piece: int) -> None:
    events = (ADDED, ("output_text.delta", 0, delta(text)), ("output_item.done", 0, message(text)), COMPLETED)
    assert answer(*events, piece=piece).content == [{"type": "text", "text": text}]


def test_a_character_cut_between_two_deltas_is_whole_again(answer: Any) -> None:
    events = (ADDED, *(("output_text.delta", 0, delta(half)) for half in "\ud83d\ude00"), COMPLETED)
    assert answer(*events).content == [{"type": "text", "text": "😀"}]
