"""Tools that no Messages request may hold are refused: where, why, and never with a word of what they held."""

from __future__ import annotations

from typing import Any

import pytest

from packy.translation import InvalidRequest, Target, translate_request

Json = dict[str, Any]

CANARY = "canary"
SMALLEST: Json = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}
SCREEN: Json = {"type": "computer_20251124", "display_width_px": 1}


def in_tool(**fields: Any) -> Json:
    return {"tools": [{"name": "n", **fields}]}


def in_search(**fields: Any) -> Json:
    return in_tool(type="web_search_20250305", **fields)


REFUSED: list[tuple[Json, str, str]] = [
    ({"tools": {}}, "tools", "must be an array"),
    ({"tools": ["n"]}, "tools.0", "must be an object"),
    ({"tools": [{}]}, "tools.0.name", "must be a string"),
    (in_tool(name=""), "tools.0.name", "must not be empty"),
    ({"tools": [{"name": "n"}, {"name": "n"}]}, "tools.1.name", "tool names must be unique"),
    (in_tool(type=1), "tools.0.type", "must be a string"),
    (in_tool(input_schema=[]), "tools.0.input_schema", "must be a JSON schema, an object"),
    (in_tool(description=1), "tools.0.description", "must be a string"),
    (in_tool(strict="yes"), "tools.0.strict", "must be true or false"),
    (in_tool(input_examples=[1]), "tools.0.input_examples", "must be an array of objects"),
    (
        {"tools": [{"name": "n"}, {"name": "m", "defer_loading": True, "input_schema": 1}]},
        "tools.1.input_schema",
        "must be a JSON schema, an object",
    ),
    (in_tool(type="computer_20250124"), "tools.0.display_width_px", "must be a whole number of at least 1"),
    (in_tool(**SCREEN, display_height_px=0), "tools.0.display_height_px", "must be a whole number of at least 1"),
    (in_tool(**SCREEN, display_height_px=1, display_number="1"), "tools.0.display_number", "must be a whole number"),
    (in_tool(**SCREEN, display_height_px=1, enable_zoom=1), "tools.0.enable_zoom", "must be true or false"),
    (in_tool(type="text_editor_20250728", max_characters=0), "tools.0.max_characters", "must be a whole number of at"),
    (in_search(allowed_domains="a"), "tools.0.allowed_domains", "must be an array of strings"),
    (in_search(blocked_domains=[1]), "tools.0.blocked_domains", "must be an array of strings"),
    (in_search(allowed_domains=["a"], blocked_domains=["b"]), "tools.0", "takes allowed_domains or blocked_domains"),
    (in_search(max_uses=True), "tools.0.max_uses", "must be a whole number of at least 1"),
    (in_search(user_location={}), "tools.0.user_location", "must be an object of type approximate"),
    (in_search(user_location=CANARY), "tools.0.user_location", "must be an object of type approximate"),
    (in_search(user_location={"type": "approximate", "city": 1}), "tools.0.user_location.city", "must be a string"),
    ({"tool_choice": {"type": "any"}}, "tool_choice", "asks for a call, but the request has no tool"),
    (
        {**in_tool(type="web_fetch_20250910"), "tool_choice": {"type": "tool", "name": "n"}},
        "tool_choice",
        "asks for a call, but the request has no tool that can be carried",
    ),
    ({"tool_choice": "auto"}, "tool_choice", "must be an object with a `type`"),
    ({"tool_choice": {}}, "tool_choice.type", "must be a string"),
    ({"tool_choice": {"type": "all"}}, "tool_choice.type", "must be auto, any, tool or none"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name", "must be a string"),
    (
        {**in_tool(), "tool_choice": {"type": "tool", "name": "other"}},
        "tool_choice.name",
        "names a tool that the request does not have",
    ),
]


@pytest.mark.parametrize(("fields", "path", "problem"), REFUSED, ids=lambda value: value if type(value) is str else "")
def test_a_bad_tool_is_refused_naming_path_and_problem(fields: Json, path: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate_request(SMALLEST | fields, Target("gpt-5"))
    assert caught.value.path == path
    assert problem in caught.value.problem
    assert CANARY not in str(caught.value)
