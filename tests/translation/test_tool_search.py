"""Claude Code's tool search: deferred tools are offered once they have been found."""

from __future__ import annotations

import json
from typing import Any

from packy.translation import Target, translate_request

Json = dict[str, Any]

LONG = f"mcp__server__{'x' * 60}"
TOOLS = [{"name": "ToolSearch"}, {"name": "Grep", "defer_loading": True}, {"name": LONG, "defer_loading": True}]
ASKED: list[Json] = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "ToolSearch", "input": {}}]},
]


def found(*names: str) -> Json:
    references = [{"type": "tool_reference", "tool_name": name} for name in names]
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": references}]}


def payload(*messages: Json) -> Json:
    request = {"model": "m", "max_tokens": 9, "tools": TOOLS, "messages": list(messages)}
    sent: Json = json.loads(translate_request(request, Target("gpt-5")).payload)
    return sent


def test_a_deferred_tool_is_not_offered_before_it_has_been_found() -> None:
    assert [tool["name"] for tool in payload(ASKED[0])["tools"]] == ["ToolSearch"]


def test_a_deferred_tool_that_was_found_is_offered() -> None:
    assert [tool["name"] for tool in payload(*ASKED, found("Grep"))["tools"]] == ["ToolSearch", "Grep"]


def test_a_reference_names_the_tool_as_it_is_offered() -> None:
    sent = payload(*ASKED, found(LONG))
    [reference] = sent["input"][-1]["output"]
    assert reference == {"type": "input_text", "text": f"Tool available: {sent['tools'][-1]['name']}"}
    assert len(sent["tools"][-1]["name"]) <= 64


def test_a_deferred_tool_that_was_called_is_offered() -> None:
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Grep", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]}
    assert [tool["name"] for tool in payload(ASKED[0], called, result)["tools"]] == ["ToolSearch", "Grep"]
