"""Streams of loose relays: what nobody knows is left out and counted, and what is said oddly is still understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

Json = dict[str, Any]

COMPLETED = ("completed", {"response": {"usage": {"output_tokens": 1}}})
ARGS = '{"command":"ls é"}'
CALL = {"item": {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "Bash", "arguments": ARGS}}
USE = {"type": "tool_use", "id": "call_1", "name": "Bash", "input": {"command": "ls é"}}
TEXT = {"item": {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}}
THINK = {"item": {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}], "encrypted_content": "g"}}
SHORT = {"type": "text", "text": "Hi"}
ADDED = ("output_item.added", 0, {"item": {**CALL["item"], "arguments": ""}})
DONE = ("output_item.done", 0, CALL)


def final(*items: Json) -> tuple[str, Json]:
    return ("completed", {"response": {"output": [item["item"] for item in items]}})


def delta(text: str) -> Json:
    return {"delta": text}


def test_an_item_that_only_the_final_response_has_is_told_from_another_at_its_place(answer: Any) -> None:
    thought = {"item": {"type": "reasoning", "id": "rs_1", "encrypted_content": "e", "summary": []}}
    answered = answer(("output_item.done", 0, thought), final(TEXT))
    assert answered.content[1:] == [SHORT]


UNKNOWN = [
    *("mcp_list_tools", "mcp_call", "mcp_approval_request", "code_interpreter_call", "file_search_call"),
    *("image_generation_call", "computer_call", "local_shell_call", "shell_call", "surprise", None, 7),
]


@pytest.mark.parametrize("kind", UNKNOWN, ids=str)
@pytest.mark.parametrize("indexed", [True, False], ids=["indexes", "no indexes"])
def test_an_unknown_item_is_left_out_and_counted_once_with_all_its_events(
    answer: Any, kind: Any, *, indexed: bool
) -> None:
    odd = {"item": {"type": kind, "id": "x_1", "name": "x", "arguments": "{}"}}
    index = (0,) if indexed else ()
    answered = answer(
        ("output_item.added", *index, odd),
        *((f"{kind}.{step}", *index, {"item_id": "x_1"}) for step in ("in_progress", "delta", "delta", "completed")),
        ("output_item.done", *index, odd),
        ("output_item.done", 1, TEXT),
        final(odd, TEXT),
    )
    assert answered.content == [SHORT]
    assert answered.translator.ignored == 1


def test_an_unknown_item_that_is_not_done_holds_nothing_up(answer: Any) -> None:
    odd = {"item": {"type": "mcp_call", "id": "x"}}
    answered = answer(
        ("output_item.added", 0, odd), ("output_item.added", 1, TEXT), ("output_text.delta", 1, delta("Hi")), COMPLETED
    )
    assert b'"text_delta","text":"Hi"' in answered.written[2]
    assert answered.content == [SHORT]


def test_events_that_belong_to_no_item_are_counted_one_by_one(answer: Any) -> None:
    answered = answer(("surprise", {}), ("surprise", {}), ("mcp_list_tools.failed", 3), ("mcp_call.x", 3), COMPLETED)
    assert answered.translator.ignored == 3


@pytest.mark.parametrize(
    "data",
    ["null", "7", "[]", '"text"', "{}", '{"type":null}', '{"type":["error"]}', '{"type":"response.surprise"}'],
)
def test_an_unknown_event_is_ignored_and_counted(sse: Any, translate_stream: Any, data: str) -> None:
    odd = f"data: {data}\n\n".encode()
    answered = translate_stream([odd, sse([("output_item.done", 0, TEXT)]), odd, sse([COMPLETED])])
    assert answered.content == [SHORT]
    assert answered.translator.ignored == 2


@pytest.mark.parametrize("line", [b"", b"event: message\n", b"event: error\n"], ids=["none", "message", "error"])
def test_an_event_is_what_its_data_says_whatever_its_event_line(sse: Any, translate_stream: Any, line: bytes) -> None:
    lines = sse([ADDED, DONE, COMPLETED]).splitlines(keepends=True)
    relayed = b"".join(line if original.startswith(b"event: ") else original for original in lines)
    assert translate_stream([relayed]).content == [USE]


def test_obfuscation_padding_and_sequence_numbers_are_nobodys_business(answer: Any) -> None:
    padded = {**delta(ARGS), "obfuscation": "xyz", "sequence_number": 3, "item_id": "fc_1"}
    answered = answer(ADDED, ("function_call_arguments.delta", 0, padded), DONE, COMPLETED)
    assert json.dumps(answered.content) == json.dumps([USE])
    assert b"obfuscation" not in b"".join(answered.written)


def texts(*said: str) -> list[Json]:
    return [{"item": {"type": "message", "id": f"msg_{n}", "content": [{"text": t}]}} for n, t in enumerate(said)]


@pytest.mark.parametrize("said", ["added and done", "done", "done and final", "added, done and final", "final"])
def test_relays_that_give_every_item_the_same_index_lose_and_repeat_nothing(answer: Any, said: str) -> None:
    items = [*texts("One.", "Two."), CALL]
    events: list[Any] = []
    for item in items:
        if "added" in said:
            events.append(("output_item.added", 0, {"item": {**item["item"], "content": [], "arguments": ""}}))
        if "done" in said:
            events.append(("output_item.done", 0, item))
    content = answer(*events, final(*items) if "final" in said else COMPLETED).content
    assert content == [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}, USE]


def test_an_item_added_at_the_live_ones_index_ends_it(answer: Any) -> None:
    [first, second] = texts("One.", "Two.")
    events = [
        event
        for item in (first, second)
        for event in (
            ("output_item.added", 0, {"item": {**item["item"], "content": []}}),
            ("output_text.delta", 0, delta(item["item"]["content"][0]["text"])),
        )
    ]
    assert [block["text"] for block in answer(*events, final(first, second)).content] == ["One.", "Two."]


def test_an_item_whose_place_differs_in_the_final_response_is_not_given_twice(answer: Any) -> None:
    [text] = texts("One.")
    assert len(answer(("output_item.done", 0, text), final(THINK, text)).content) == 1


def test_the_final_response_completes_the_item_that_it_means_where_indexes_repeat(answer: Any) -> None:
    first, second = texts("One.", "Two!")
    begun = {"item": {**second["item"], "content": []}}
    events = [("output_item.added", 0, first), ("output_item.done", 0, first), ("output_item.added", 0, begun)]
    half = ("output_text.delta", 0, delta("Tw"))
    assert [block["text"] for block in answer(*events, half, final(first, second)).content] == ["One.", "Two!"]
