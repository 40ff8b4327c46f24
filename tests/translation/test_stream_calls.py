"""Tool calls of a Responses stream, and items that overlap: one block after the other, nothing lost."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from packy.translation import ToolNames

Json = dict[str, Any]

COMPLETED = ("completed", {"response": {"usage": {"output_tokens": 1}}})
ARGS = '{"command":"ls é"}'
USE = {"type": "tool_use", "id": "call_1", "name": "Bash", "input": {"command": "ls é"}}


def call(arguments: str | None = None, n: int = 1, **more: Any) -> Json:
    item = {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": "Bash", **more}
    return {"item": item if arguments is None else {**item, "arguments": arguments}}


def final(*items: Json) -> tuple[str, Json]:
    return ("completed", {"response": {"output": [item["item"] for item in items]}})


def delta(text: str) -> Json:
    return {"delta": text}


ADDED = ("output_item.added", 0, call(""))
DONE = ("output_item.done", 0, call(ARGS))


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [ADDED, ("function_call_arguments.delta", 0, delta(ARGS[:4])),
             ("function_call_arguments.delta", 0, delta(ARGS[4:])),
             ("function_call_arguments.done", 0, {"arguments": ARGS}), DONE, final(call(ARGS))],
            id="everywhere at once",
        ),
        pytest.param([ADDED, ("function_call_arguments.delta", 0, delta(ARGS)), COMPLETED], id="deltas alone"),
        pytest.param([ADDED, ("function_call_arguments.done", 0, {"arguments": ARGS}), COMPLETED], id=".done alone"),
        pytest.param([ADDED, DONE, COMPLETED], id="output_item.done alone"),
        pytest.param([DONE, COMPLETED], id="output_item.done without added"),
        pytest.param([ADDED, final(call(ARGS))], id="the final response"),
        pytest.param([final(call(ARGS))], id="the final response alone"),
        pytest.param([("output_item.added", 0, call(ARGS)), DONE, COMPLETED], id="added carries them already"),
        pytest.param([ADDED, ("function_call_arguments.delta", 0, delta(ARGS[:4])), DONE, COMPLETED],
                     id="the rest in output_item.done"),
        pytest.param([("function_call_arguments.delta", 0, delta(ARGS)), DONE, COMPLETED],
                     id="arguments before the name"),
        pytest.param([("output_item.added", 0, call("", name="")), ("function_call_arguments.delta", 0, delta(ARGS)),
                      DONE, COMPLETED], id="the name in output_item.done alone"),
        pytest.param([("output_item.added", call("")), ("function_call_arguments.delta", delta(ARGS)),
                      ("output_item.done", call(ARGS)), COMPLETED], id="no indexes"),
        pytest.param([ADDED, DONE, DONE, ("function_call_arguments.delta", 0, delta("late")), final(call(ARGS))],
                     id="said again after it was done"),
    ],
)  # fmt: skip
def test_a_call_is_given_once_wherever_its_arguments_are_said(answer: Any, events: list[Any]) -> None:
    answered = answer(*events)
    assert answered.content == [USE]
    assert answered.message["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("arguments", "folded"),
    [
        pytest.param("", {}, id="none"),
        pytest.param("{}", {}, id="empty"),
        pytest.param('{"a":', {"INVALID_JSON": '{"a":'}, id="cut"),
        pytest.param("[1]", {"INVALID_JSON": "[1]"}, id="no object"),
        pytest.param('{"a":NaN}', {"INVALID_JSON": '{"a":NaN}'}, id="not a number"),
        pytest.param('{"a":"\ud83d\ude00"}', {"a": "😀"}, id="surrogates"),
        pytest.param('{"a":123456789012345678901234567890}', {"a": 123456789012345678901234567890}, id="big integer"),
        pytest.param('{"a":' * 5000 + "1" + "}" * 5000, None, id="nested deeper than Python goes"),
    ],
)
def test_malformed_arguments_are_handed_on_as_they_are(answer: Any, arguments: str, folded: Json | None) -> None:
    answered = answer(ADDED, ("output_item.done", 0, call(arguments)), COMPLETED)
    deltas = [event["delta"]["partial_json"] for event in answered.events if event["type"] == "content_block_delta"]
    assert json.dumps("".join(deltas)) == json.dumps(arguments)
    assert answered.content[0]["input"] == (folded if folded is not None else {"INVALID_JSON": arguments})
    assert answered.message["stop_reason"] == "tool_use"


def test_a_character_cut_between_two_argument_deltas_is_whole_again(answer: Any) -> None:
    pieces = ['{"a":"', "\ud83d", "\ude00", '"}']
    answered = answer(ADDED, *(("function_call_arguments.delta", 0, delta(piece)) for piece in pieces), COMPLETED)
    assert answered.content[0]["input"] == {"a": "😀"}


def test_short_names_are_mapped_back(answer: Any) -> None:
    names = ToolNames(["mcp__" + "x" * 80])
    short = names.upstream("mcp__" + "x" * 80)
    answered = answer(("output_item.done", 0, call(ARGS, name=short)), COMPLETED, names=names)
    assert answered.content[0]["name"] == "mcp__" + "x" * 80


IDLESS = {"type": "function_call", "name": "Bash", "arguments": "{}"}


@pytest.mark.parametrize("item", [{**IDLESS, "id": "fc_1"}, IDLESS], ids=["item id", "no id at all"])
def test_a_call_without_a_call_id_gets_one(answer: Any, item: Json) -> None:
    events = [("output_item.added", 0, {"item": item}), ("output_item.done", 0, {"item": item})]
    [block] = answer(*events, final({"item": item})).content
    assert re.fullmatch(r"call_[0-9a-f]{24}", block["id"])
    assert answer(*events, COMPLETED).content == [block], "the same answer gives the same id"


def test_calls_without_ids_never_share_one(answer: Any) -> None:
    events = [("output_item.added", 0, {"item": IDLESS}), ("output_item.done", 0, {"item": IDLESS})]
    content = answer(*events, *events, COMPLETED, message_id="msg_1").content
    content += answer(*events, COMPLETED, message_id="msg_2").content
    assert len({block["id"] for block in content}) == 3


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([("output_item.done", 0, call(ARGS, name=""))], id="done"),
        pytest.param([("output_item.added", 0, call("", name=None))], id="never done"),
        pytest.param([("function_call_arguments.delta", 0, delta(ARGS))], id="arguments alone"),
        pytest.param([("output_item.done", 0, {"item": {"type": "custom_tool_call", "input": "x"}})], id="custom"),
    ],
)
def test_a_call_without_a_name_fails_the_answer(answer: Any, events: list[Any]) -> None:
    answered = answer(*events, COMPLETED)
    assert answered.error["type"] == "api_error"
    assert answered.translator.failure.code == "upstream_bad_call"


def test_a_name_that_comes_after_the_arguments_began_is_taken(answer: Any) -> None:
    arguments = (("function_call_arguments.delta", 0, delta(piece)) for piece in (ARGS[:5], ARGS[5:]))
    early, late = arguments
    assert answer(early, ADDED, late, COMPLETED).content == [USE]


CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "run"}
CODE = 'print("é😀")\n'


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [("output_item.added", 0, {"item": {**CUSTOM, "input": ""}}),
             *(("custom_tool_call_input.delta", 0, delta(piece)) for piece in (CODE[:7], CODE[7:])),
             ("custom_tool_call_input.done", 0, {"input": CODE}),
             ("output_item.done", 0, {"item": {**CUSTOM, "input": CODE}}), COMPLETED],
            id="everywhere at once",
        ),
        pytest.param([("output_item.added", 0, {"item": CUSTOM}), ("custom_tool_call_input.done", 0, {"input": CODE}),
                      COMPLETED], id=".done alone"),
        pytest.param([("output_item.done", 0, {"item": {**CUSTOM, "input": CODE}}), COMPLETED],
                     id="output_item.done alone"),
        pytest.param([("custom_tool_call_input.delta", 0, delta(CODE)),
                      ("output_item.done", 0, {"item": {**CUSTOM, "input": CODE}}), COMPLETED],
                     id="input before the name"),
        pytest.param([final({"item": {**CUSTOM, "input": CODE}})], id="the final response alone"),
    ],
)  # fmt: skip
def test_a_custom_tools_text_becomes_its_input(answer: Any, events: list[Any]) -> None:
    answered = answer(*events)
    assert answered.content == [{"type": "tool_use", "id": "call_1", "name": "run", "input": {"input": CODE}}]
    assert answered.message["stop_reason"] == "tool_use"


def test_a_custom_tool_without_text_has_an_empty_input(answer: Any) -> None:
    answered = answer(("output_item.added", 0, {"item": CUSTOM}), COMPLETED)
    assert answered.content[0]["input"] == {"input": ""}


TEXT = {"item": {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}}
THINK = {"item": {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}], "encrypted_content": "g"}}
SHORT = {"type": "text", "text": "Hi"}


def numbered(content: list[Json]) -> list[str]:
    return [block.get("id") or block["type"] for block in content]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [*(("output_item.added", i, call("", i)) for i in (1, 2, 3)),
             *(("function_call_arguments.delta", i, delta(f'{{"a":{i}')) for i in (1, 3, 2)),
             *(("function_call_arguments.delta", i, delta("}")) for i in (2, 1, 3)),
             *(("output_item.done", i, call(f'{{"a":{i}}}', i)) for i in (3, 2, 1)), COMPLETED],
            id="interleaved",
        ),
        pytest.param([*(("output_item.done", i, call(f'{{"a":{i}}}', i)) for i in (1, 2, 3)), COMPLETED],
                     id="one after the other"),
        pytest.param([*(("output_item.added", i, call("", i)) for i in (1, 2, 3)),
                      *(("function_call_arguments.done", i, {"arguments": f'{{"a":{i}}}'}) for i in (1, 2, 3)),
                      COMPLETED], id="never done"),
        pytest.param([("output_item.added", 1, call("", 1)), ("output_item.done", 2, call('{"a":2}', 2)),
                      ("output_item.done", 3, call('{"a":3}', 3)), ("output_item.done", 1, call('{"a":1}', 1)),
                      COMPLETED], id="the first is the last to be done"),
    ],
)  # fmt: skip
def test_parallel_calls_come_one_after_the_other(answer: Any, events: list[Any]) -> None:
    content = answer(*events).content
    assert numbered(content) == ["call_1", "call_2", "call_3"]
    assert [block["input"] for block in content] == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_items_that_overlap_are_put_in_order_and_nothing_is_lost(answer: Any) -> None:
    events = [
        ("output_item.added", 0, {"item": {"type": "reasoning"}}),
        ("output_item.added", 1, {"item": {"type": "message"}}),
        ("output_text.delta", 1, {"content_index": 0, "delta": "H"}),
        ("output_item.added", 2, call("")),
        ("function_call_arguments.delta", 2, delta(ARGS[:3])),
        ("reasoning_summary_text.delta", 0, {"summary_index": 0, "delta": "Hm"}),
        ("output_text.delta", 1, {"content_index": 0, "delta": "i"}),
        ("output_item.done", 2, call(ARGS)),
        ("output_item.done", 1, TEXT),
        ("output_item.done", 0, THINK),
        final(THINK, TEXT, call(ARGS)),
    ]
    thinking, *rest = answer(*events).content
    assert thinking["thinking"] == "Hm"
    assert rest == [SHORT, USE]


def test_a_call_keeps_its_place_between_texts(answer: Any) -> None:
    events = [("output_item.done", i, item) for i, item in enumerate((TEXT, call(ARGS), TEXT))]
    assert answer(*events, COMPLETED).content == [SHORT, USE, SHORT]


def test_a_call_cut_short_by_the_token_limit_stays_open(answer: Any) -> None:
    """Closed, Claude Code would run it with half of its arguments."""
    details = {"response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}}
    answered = answer(ADDED, ("function_call_arguments.delta", 0, delta(ARGS[:4])), ("incomplete", details))

    assert [event["type"] for event in answered.events[-3:]] == ["content_block_delta", "message_delta", "message_stop"]
    assert answered.translator.stop_reason == "max_tokens"
    assert answered.message["content"] == []


def test_a_call_that_was_whole_before_the_token_limit_is_kept(answer: Any) -> None:
    details = {"response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}}
    assert answer(ADDED, DONE, ("incomplete", details)).message["content"] == [USE]


HALF = {"item": {**call('{"com')["item"], "status": "incomplete"}}
CUT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([ADDED, ("output_item.done", 0, HALF), ("incomplete", {"response": CUT})], id="done by half"),
        pytest.param([("incomplete", {"response": {**CUT, "output": [HALF["item"]]}})], id="the final response alone"),
        pytest.param([ADDED, ("incomplete", {"response": {**CUT, "output": [HALF["item"]]}})], id="added, final"),
        pytest.param(
            [("output_item.added", 1, TEXT), ("output_item.added", 0, call("", 1)),
             ("function_call_arguments.delta", 0, delta('{"com')), ("output_item.done", 1, TEXT),
             ("incomplete", {"response": CUT})], id="waiting for a text",
        ),
        pytest.param(
            [("output_item.added", 1, TEXT), ("output_item.added", 0, call("", 1)),
             ("function_call_arguments.delta", 0, delta('{"com')), ("incomplete", {"response": CUT})], id="in a text",
        ),
        pytest.param([("function_call_arguments.delta", 0, delta('{"com')), ("incomplete", {"response": CUT})],
                     id="not named yet"),
    ],
)  # fmt: skip
def test_half_a_call_is_never_closed(answer: Any, events: list[Any]) -> None:
    answered = answer(*events)
    assert answered.message["stop_reason"] == "max_tokens"
    assert "tool_use" not in {block["type"] for block in answered.content}


def test_a_call_said_to_be_incomplete_in_an_answer_that_completed_is_whole(answer: Any) -> None:
    events = [ADDED, ("output_item.done", 0, {"item": {**call(ARGS)["item"], "status": "incomplete"}}), COMPLETED]
    assert answer(*events).content == [USE]


def test_nothing_follows_half_a_call(answer: Any) -> None:
    events = [ADDED, ("function_call_arguments.delta", 0, delta('{"com')), ("output_item.done", 1, TEXT)]
    answered = answer(*events, ("incomplete", {"response": {**CUT, "output": [HALF["item"], TEXT["item"]]}}))
    assert answered.message["stop_reason"] == "max_tokens"
    assert answered.content == []
