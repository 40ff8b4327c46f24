"""Encrypted reasoning travels in a thinking block's signature, and goes back upstream byte for byte."""

from __future__ import annotations

import binascii
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packy.translation import pack_reasoning, unpack_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable

    Translate = Callable[..., dict[str, Any]]

Json = dict[str, Any]

COMPLETED: tuple[str, Json] = ("completed", {"response": {}})
USE = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]}


def reasoning(encrypted: str | None, *summary: str, **more: Any) -> Json:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    item = {"type": "reasoning", "id": "rs_1", "summary": parts, **more}
    return item if encrypted is None else {**item, "encrypted_content": encrypted}


def sent(translate: Translate, *blocks: Json) -> list[Json]:
    """Reasoning items that go upstream when an assistant turn of these blocks and a tool call is in the history."""
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [*blocks, USE]}, RESULT]
    items = translate(messages=messages)["input"]
    assert [item["type"] for item in items[-2:]] == ["function_call", "function_call_output"]
    return [item for item in items if item["type"] == "reasoning"]


def thinking(signature: str, text: str = "") -> Json:
    return {"type": "thinking", "thinking": text, "signature": signature}


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(reasoning("gAAAAABqhb-uBTsIAvTgv3_zSC5f=="), id="empty summary"),
        pytest.param(reasoning("gAAAA", "**Plan**\n\nFirst é😀\u2028", "Then."), id="summary"),
        pytest.param(reasoning('"\\/\x7f\u2028é😀 \n\t'), id="odd characters"),
        pytest.param(reasoning("gAAA" * 100_000), id="400 KB"),
        pytest.param(reasoning(""), id="empty"),
    ],
)
def test_what_done_carried_goes_back_byte_for_byte(answer: Any, translate: Translate, item: Json) -> None:
    early = {**item, "encrypted_content": "another one", "summary": []}
    late = {**item, "encrypted_content": "yet another one"}
    answered = answer(
        ("output_item.added", 0, {"item": early}),
        ("output_item.done", 0, {"item": {**item, "status": "completed", "content": []}}),
        ("completed", {"response": {"output": [late]}}),
    )
    [block] = answered.content
    assert block["thinking"] == "\n\n".join(part["text"] for part in item["summary"])
    assert sent(translate, block) == [item]


def test_a_signature_comes_in_one_delta(answer: Any) -> None:
    item = reasoning("gAAA" * 100_000, "Thought.")
    answered = answer(
        ("output_item.added", 0, {"item": item}), ("output_item.done", 0, {"item": item}), COMPLETED, piece=1000
    )
    deltas = [event["delta"]["type"] for event in answered.events if event["type"] == "content_block_delta"]
    assert deltas == ["thinking_delta", "signature_delta"]


def test_a_signature_is_plain_ascii_behind_a_versioned_prefix() -> None:
    signature = pack_reasoning(reasoning("é", "😀"))
    assert signature.isascii()
    assert signature.isprintable()
    assert signature.startswith("packy1:")


def test_only_what_the_upstream_takes_back_is_carried() -> None:
    item = reasoning("gAAAA", status="completed", content=[{"type": "reasoning_text", "text": "t"}], format="f")
    assert unpack_reasoning(pack_reasoning(item)) == reasoning("gAAAA")


GOOD = pack_reasoning(reasoning("gAAAA", "t"))


def signed(document: Any) -> str:
    return "packy1:" + binascii.b2a_base64(json.dumps(document).encode(), newline=False).decode()


BAD = [
    pytest.param("", id="empty"),
    pytest.param("RIgP/58waM+Dx3A5idNoDCDBwb2Dc4/dsdc6lC1MXlPq2Ymk", id="another provider's"),
    pytest.param(GOOD.replace("packy1:", "packy2:"), id="a version to come"),
    pytest.param(GOOD.removeprefix("packy1:"), id="no prefix"),
    pytest.param("packy1:", id="nothing behind the prefix"),
    pytest.param(GOOD[:-3], id="cut"),
    pytest.param(GOOD[:20] + "!" + GOOD[21:], id="a character that is not base64"),
    pytest.param(GOOD + "\n", id="a line end"),
    pytest.param(GOOD[:20] + "é" + GOOD[21:], id="not ASCII"),
    pytest.param(signed([]), id="no object"),
    pytest.param(signed({"summary": []}), id="never encrypted"),
    pytest.param(signed({"encrypted_content": 7}), id="odd encrypted content"),
    pytest.param(pack_reasoning(reasoning(None, "t")), id="an upstream that does not encrypt"),
]


@pytest.mark.parametrize("signature", BAD)
def test_a_signature_that_is_not_ours_or_damaged_is_dropped_and_the_rest_goes_on(
    translate: Translate, signature: str
) -> None:
    assert sent(translate, thinking(signature, "I think.")) == []
    assert sent(translate, thinking(signature), thinking(GOOD)) == [reasoning("gAAAA", "t")]


@pytest.mark.parametrize(
    "summary", [7, True, "text", {"text": "t"}, [7, None, {}, {"text": 7}], [[[]]]], ids=json.dumps
)
def test_an_odd_summary_is_left_out(answer: Any, translate: Translate, summary: Any) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAAA"}
    answered = answer(("output_item.done", 0, {"item": item}), COMPLETED)
    assert answered.error is None
    assert sent(translate, *answered.content) == sent(translate, thinking(signed(item))) == [reasoning("gAAAA")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(encrypted=st.text(), summary=st.lists(st.text(), max_size=3), more=st.dictionaries(st.text(max_size=9), JSON))
@example(encrypted="\ud800", summary=["\udfff"], more={})
def test_any_item_survives(encrypted: str, summary: list[str], more: Json) -> None:
    item = reasoning(encrypted, *summary)
    assert unpack_reasoning(pack_reasoning({**more, **item})) == item


@given(JSON | st.fixed_dictionaries({"encrypted_content": JSON, "summary": JSON, "id": JSON}))
def test_nothing_signed_in_our_name_is_too_odd(document: Any) -> None:
    item = unpack_reasoning(signed(document))
    assert item is None or isinstance(item["encrypted_content"], str)


@given(st.text())
def test_no_signature_is_too_odd(rest: str) -> None:
    assert unpack_reasoning(rest) is None
    assert unpack_reasoning("packy1:" + rest) is None


@given(at=st.integers(0, len(GOOD) - 1), flipped=st.characters(min_codepoint=33, max_codepoint=126))
def test_a_flipped_character_never_breaks_the_request(at: int, flipped: str) -> None:
    item = unpack_reasoning(GOOD[:at] + flipped + GOOD[at + 1 :])
    assert item is None or item["type"] == "reasoning"


@pytest.mark.parametrize(
    ("blocks", "kinds"),
    [
        pytest.param([thinking(GOOD)], [], id="alone"),
        pytest.param([thinking(GOOD), thinking(GOOD)], [], id="two alone"),
        pytest.param([{"type": "text", "text": "a"}, thinking(GOOD)], ["message"], id="after the last text"),
        pytest.param([thinking(GOOD), {"type": "text", "text": ""}], [], id="before an empty text"),
        pytest.param([thinking(GOOD), {"type": "text", "text": "a"}], ["reasoning", "message"], id="before a text"),
    ],
)
def test_reasoning_goes_back_only_with_what_it_led_to(
    translate: Translate, blocks: list[Json], kinds: list[str]
) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": "And?"},
    ]
    items = translate(messages=messages)["input"]
    assert [item["type"] for item in items[1:-1]] == kinds
