"""Web searches of earlier turns, and the rule that reasoning is replayed only before the item that it led to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo.input_items import check_input
from packy.translation import Target, pack_reasoning, translate_request

if TYPE_CHECKING:
    from packy.translation import Translation

Json = dict[str, Any]

TARGET = Target("gpt-5")
ASKED: Json = {"role": "user", "content": "Hi"}
LAST: Json = {"role": "user", "content": "And?"}
HI, AND = (
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]} for text in ("Hi", "And?")
)
CALL = {"type": "function_call", "call_id": "t", "name": "n", "arguments": "{}"}


def reasoning(number: int) -> Json:
    return {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": f"gAAAA{number}"}


def thinking(number: int) -> Json:
    return {"type": "thinking", "thinking": "", "signature": pack_reasoning(reasoning(number))}


R1, R2, T1, T2 = reasoning(1), reasoning(2), thinking(1), thinking(2)
FOREIGN = {"type": "thinking", "thinking": "Hm.", "signature": "EqMB"}
REDACTED = {"type": "redacted_thinking", "data": "EqMB"}
USE = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
FETCH = {"type": "server_tool_use", "id": "f", "name": "web_fetch", "input": {"url": "https://a.example"}}
OWN, OTHER = (
    {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": content}
    for content in ("packy1:e30=", "EqMB")
)
OWN_CITATION, OTHER_CITATION = (
    {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "a",
     "encrypted_index": index} for index in ("packy1:e30=", "EqMB")
)  # fmt: skip
FAILED = {"type": "web_search_tool_result_error", "error_code": "unavailable"}


def search(query: str = "q", id_: str = "s", **more: Any) -> Json:
    return {"type": "server_tool_use", "id": id_, "name": "web_search", "input": {"query": query}, **more}


def found(*results: Json, id_: str = "s") -> Json:
    return {"type": "web_search_tool_result", "tool_use_id": id_, "content": list(results)}


def text(value: str, **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def said(value: str) -> Json:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": value}]}


def searched(query: str = "q", status: str = "completed") -> Json:
    return {"type": "web_search_call", "status": status, "action": {"type": "search", "query": query}}


def translate(*turn: Json, target: Target = TARGET) -> Translation:
    messages = [ASKED, {"role": "assistant", "content": list(turn)}, LAST]
    return translate_request({"model": "m", "max_tokens": 9, "messages": messages}, target)


def items(*turn: Json, target: Target = TARGET) -> list[Json]:
    """The items that a turn became."""
    sent: list[Json] = json.loads(translate(*turn, target=target).payload)["input"]
    first, *between, last = sent
    assert (first, last) == (HI, AND)
    return between


def lost(*turn: Json) -> set[str]:
    return set(translate(*turn).dropped) - {"max_tokens"}


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        pytest.param([search("a")], [searched("a")], id="a search"),
        pytest.param([search("a"), found(OWN), text("So.")], [searched("a"), said("So.")], id="search, result, answer"),
        pytest.param(
            [text("I look."), search("a"), found(), search("b", "s2"), found(id_="s2"), text("So.")],
            [said("I look."), searched("a"), searched("b"), said("So.")],
            id="two searches keep their places",
        ),
        pytest.param([search(), {**found(), "content": FAILED}], [searched(status="failed")],
                     id="a search that failed"),
        pytest.param([T1, search(), found(OWN), T2, text("So.")], [R1, searched(), R2, said("So.")],
                     id="reasoning before a search and before the answer"),
        pytest.param([T1, T2, text("So.")], [R1, R2, said("So.")], id="two reasoning items before one answer"),
        pytest.param([T1, text(""), text("So.")], [R1, said("So.")], id="an empty text in between"),
        pytest.param([T1, FOREIGN, REDACTED, text("So.")], [R1, said("So.")], id="foreign thinking in between"),
        pytest.param([T1, FETCH, T2, text("So.")], [R2, said("So.")], id="reasoning that led to what is not carried"),
        pytest.param([search(), found(OWN), T1], [searched()], id="reasoning after the last item"),
        pytest.param([T1, found(OWN), text("")], [], id="reasoning that led to nothing"),
        pytest.param([T1], [], id="nothing but reasoning"),
    ],
)  # fmt: skip
def test_a_turn_becomes_these_items(turn: list[Json], expected: list[Json]) -> None:
    assert items(*turn) == expected
    # The demo knows encrypted content of its own only.
    kept = [item for item in expected if item["type"] != "reasoning"]
    check_input([HI, *kept, AND], "account")


def test_reasoning_never_crosses_into_another_turn() -> None:
    messages = [ASKED, {"role": "assistant", "content": [T1]}, {"role": "assistant", "content": "So."}, LAST]
    payload = translate_request({"model": "m", "max_tokens": 9, "messages": messages}, TARGET).payload
    assert json.loads(payload)["input"] == [HI, said("So."), AND]


def test_without_reasoning_everything_else_stays_and_the_loss_is_named() -> None:
    target = Target("gpt-5", without_reasoning=True)
    turn = [T1, search(), found(OWN), T2, text("So.")]
    assert items(*turn, target=target) == [searched(), said("So.")]
    assert "messages.content.thinking" in translate(*turn, target=target).dropped
    assert lost(*turn) == set()


@pytest.mark.parametrize(
    ("turn", "names"),
    [
        pytest.param([search(), found(OWN, OWN)], set(), id="our own results"),
        pytest.param([search(), found()], set(), id="no results"),
        pytest.param([search(), found(OWN, OTHER)], {"messages.content.web_search_tool_result"},
                     id="Anthropic's results"),
        pytest.param([{**found(), "content": FAILED}], {"messages.content.web_search_tool_result"},
                     id="an error without its search"),
        pytest.param([search(), {**found(), "content": FAILED}], set(), id="an error with its search"),
        pytest.param([search(caller={"type": "direct"})], set(), id="called directly"),
        pytest.param([search(caller={"type": "code_execution_20250825", "tool_id": "c"})],
                     {"messages.content.server_tool_use.caller"}, id="called from code"),
        pytest.param([FETCH], {"messages.content.server_tool_use"}, id="another server tool"),
        pytest.param([{**search(), "input": {}}], {"messages.content.server_tool_use"}, id="a search for nothing"),
        pytest.param([text("So.", citations=[OWN_CITATION])], set(), id="our own citations"),
        pytest.param([text("So.", citations=[OWN_CITATION, OTHER_CITATION])], {"messages.content.citations"},
                     id="Anthropic's citations"),
        pytest.param([text("So.", citations=None)], set(), id="no citations"),
    ],
)  # fmt: skip
def test_what_a_search_loses_is_named(turn: list[Json], names: set[str]) -> None:
    assert lost(*turn) == names


@pytest.mark.parametrize("searches", [True, False], ids=["search", "no search"])
def test_sources_are_asked_for_where_the_model_can_search(searches: bool) -> None:  # noqa: FBT001 - a table of two
    tools = [{"type": "web_search_20250305", "name": "web_search"}] if searches else [{"name": "n"}]
    request = {"model": "m", "max_tokens": 9, "messages": [ASKED], "tools": tools}
    include = json.loads(translate_request(request, TARGET).payload)["include"]
    assert include == ["reasoning.encrypted_content", "web_search_call.action.sources"][: 2 if searches else 1]
