"""The upstream's prompt cache holds: what was sent for one turn is, byte for byte, the beginning of the next turn's."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packy.translation import Target, pack_reasoning, translate_request

Json = dict[str, Any]

TARGET = Target("gpt-5", effort="high", cache_key="k")
LONG = "mcp__plugin_" + "x" * 80
BASH = {"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}
TOOLS = [BASH, {**BASH, "name": LONG}, {"type": "web_search_20250305", "name": "web_search"}]


def text(value: str) -> Json:
    return {"type": "text", "text": value}


def use(id_: str, name: str = "Bash", **arguments: Any) -> Json:
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


def result(id_: str, content: Any = "ok", **more: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **more}


def thinking(signature: str) -> Json:
    return {"type": "thinking", "thinking": "Hm.", "signature": signature}


OURS = thinking(pack_reasoning({"id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}))
FOREIGN = thinking("RIgP/58waM+Dx3A5")
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def payloads(messages: list[Json], **fields: Any) -> list[bytes]:
    """What is sent at each turn: whenever a message of the user is the last one."""
    turns = [messages[: i + 1] for i, message in enumerate(messages) if message["role"] == "user"]
    request = {"model": "m", "max_tokens": 1, "system": "s", "tools": TOOLS, "thinking": {"type": "adaptive"}, **fields}
    return [translate_request({**request, "messages": turn}, TARGET).payload for turn in turns]


def check(sent: list[bytes]) -> None:
    for before, after in pairwise(sent):
        assert before.endswith(b"]}")
        assert after.startswith(before[:-2])


def history(*messages: tuple[str, Any]) -> list[Json]:
    return [{"role": role, "content": content} for role, content in messages]


CONVERSATIONS = [
    pytest.param(history(("user", "a"), ("assistant", "b"), ("user", "c")), id="text"),
    pytest.param(
        history(("user", "a"), ("assistant", [OURS, text("b"), use("t1"), use("t2", LONG, z=1, a=2.5)]),
                ("user", [result("t2"), result("t1", [text("r"), IMAGE], is_error=True)]),
                ("assistant", [OURS, text("done")]), ("user", "c")),
        id="thinking, parallel calls, results with an image",
    ),
    pytest.param(
        history(("user", "a"), ("assistant", [text("b"), OURS]), ("user", "c"), ("assistant", [FOREIGN, text("d")]),
                ("user", "e")),
        id="reasoning that led to nothing, and another's",
    ),
    pytest.param(
        history(("user", "a"), ("assistant", [use("t" * 100, "tool.that.is.gone")]), ("user", [result("t" * 100)]),
                ("system", "note"), ("assistant", "b"), ("user", "c")),
        id="a long call id, a tool that is gone, system text",
    ),
    pytest.param(history(("user", "é"), ("assistant", "ü😀"), ("user", "cut \ud800")), id="a lone surrogate, late"),
]  # fmt: skip


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_a_turn_begins_with_the_bytes_of_the_turn_before(messages: list[Json]) -> None:
    sent = payloads(messages)
    assert len(sent) > 1
    check(sent)


def test_what_the_client_varies_from_turn_to_turn_does_not_show() -> None:
    messages = history(("user", [text("a")]), ("assistant", [text("b")]), ("user", [text("c")]))
    sent = []
    for turn, billing in ((messages[:1], "cch=1;"), (messages, "cch=2;")):
        marked = json.loads(json.dumps(turn))
        marked[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
        system = [text(f"x-anthropic-billing-header: {billing}"), {**text("s"), "cache_control": {"ttl": "1h"}}]
        sent += payloads(marked, system=system, metadata={"user_id": billing})[-1:]
    check(sent)


def test_a_string_and_a_text_block_are_the_same() -> None:
    [plain], [block] = payloads(history(("user", "a"))), payloads(history(("user", [text("a")])))
    assert plain == block


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
TEXTS = st.text(st.characters(categories=None), max_size=8)
SAID = st.lists(TEXTS.map(text) | st.just(IMAGE), min_size=1, max_size=3)
TALK = st.lists(TEXTS.map(text) | st.sampled_from([OURS, FOREIGN]), max_size=3)
CALLS = st.lists(
    st.tuples(st.sampled_from(["Bash", LONG, "gone"]) | st.text(min_size=1, max_size=5),
              st.dictionaries(st.text(max_size=3), VALUES, max_size=2)),
    max_size=2,
)  # fmt: skip
TURN = st.tuples(SAID, TALK, CALLS, st.booleans(), st.none() | TEXTS)


@given(st.lists(TURN, min_size=1, max_size=4))
@example([([text("é")], [], [], False, None), ([text("\ud800")], [], [], False, None)])
def test_any_conversation_grows_at_its_end_only(turns: list[Any]) -> None:
    messages: list[Json] = [{"role": "user", "content": "begin"}]
    for n, (said, talk, calls, failed, note) in enumerate(turns):
        ids = [f"t{n}_{i}" + "x" * 70 * i for i in range(len(calls))]
        uses = [use(id_, name) | {"input": arguments} for id_, (name, arguments) in zip(ids, calls, strict=True)]
        messages.append({"role": "assistant", "content": [*talk, *uses]})
        if note is not None:
            messages.append({"role": "system", "content": note})
        messages.append({"role": "user", "content": [*(result(id_, said, is_error=failed) for id_ in ids), *said]})
    check(payloads(messages))
