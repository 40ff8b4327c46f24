"""Claude's typed client tools, which only Claude knows by their type, become functions that any model can call."""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import pytest
from anthropic.types.beta import beta_tool_union_param

from packy.demo.tools import check_tool_choice, check_tools
from packy.translation import InvalidRequest, Target, ToolNames, translate_request
from packy.translation.typed_tools import TYPED_TOOLS

Json = dict[str, Any]

SCREEN = {"display_width_px": 1280, "display_height_px": 800}
POINTER = {"key", "type", "mouse_move", "left_click", "left_click_drag", "right_click", "middle_click", "double_click",
           "screenshot", "cursor_position"}  # fmt: skip
FINER = POINTER | {"left_mouse_down", "left_mouse_up", "scroll", "hold_key", "wait", "triple_click"}
EDITING = {"view", "create", "str_replace", "insert"}
TOOLS: list[Json] = [
    {"type": "bash_20241022", "name": "bash"},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "text_editor_20241022", "name": "str_replace_editor"},
    {"type": "text_editor_20250124", "name": "str_replace_editor"},
    {"type": "text_editor_20250429", "name": "str_replace_based_edit_tool"},
    {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 9000},
    {"type": "computer_20241022", "name": "computer", **SCREEN, "display_number": 1},
    {"type": "computer_20250124", "name": "computer", **SCREEN, "display_number": 1},
    {"type": "computer_20251124", "name": "computer", **SCREEN, "display_number": 1, "enable_zoom": True},
    {"type": "memory_20250818", "name": "memory"},
]
HOSTED = ("code_execution", "web_fetch", "tool_search_tool_bm25", "tool_search_tool_regex", "mcp_toolset", "advisor",
          "browser_toolset", "computer_toolset")  # fmt: skip


def request(*tools: Json, **fields: Any) -> Json:
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "tools": tools, **fields}


def sent(*tools: Json, **fields: Any) -> Json:
    body = json.loads(json.dumps(request(*tools, **fields)))
    payload: Json = json.loads(translate_request(body, Target("gpt-5")).payload)
    return payload


def dropped(*tools: Json, **fields: Any) -> set[str]:
    body = json.loads(json.dumps(request(*tools, **fields)))
    return set(translate_request(body, Target("gpt-5")).dropped) - {"max_tokens"}


def function(tool: Json) -> Json:
    [translated] = sent(tool)["tools"]
    assert isinstance(translated, dict)
    return translated


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool["type"])
def test_a_typed_tool_becomes_a_function_of_its_name_that_the_upstream_takes(tool: Json) -> None:
    translated = function(tool)
    assert (translated["type"], translated["name"], translated["strict"]) == ("function", tool["name"], False)
    assert translated["description"]
    assert set(translated) == {"type", "name", "description", "parameters", "strict"}
    check_tools([translated], "high")
    assert dropped(tool) == set()


def test_every_typed_tool_of_the_api_is_a_function_a_search_or_known_to_be_hosted() -> None:
    types = {
        name
        for member in get_args(beta_tool_union_param.BetaToolUnionParam)
        for name in get_args(get_type_hints(member)["type"])
        if isinstance(name, str) and name != "custom"
    }
    assert {tool["type"] for tool in TOOLS} == TYPED_TOOLS <= types
    for kind in types - TYPED_TOOLS:
        found = dropped({"type": kind, "name": "n"})
        assert found == set() if kind.startswith("web_search_") else found <= {f"tools.{family}" for family in HOSTED}


@pytest.mark.parametrize(
    ("tool", "key", "values"),
    [
        *((tool, "command", EDITING | {"undo_edit"}) for tool in TOOLS[2:4]),
        *((tool, "command", EDITING) for tool in TOOLS[4:6]),
        (TOOLS[6], "action", POINTER),
        (TOOLS[7], "action", FINER),
        (TOOLS[8], "action", FINER | {"zoom"}),
        ({**TOOLS[8], "enable_zoom": False}, "action", FINER),
        (TOOLS[9], "command", EDITING | {"delete", "rename"}),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_each_version_has_its_own_commands(tool: Json, key: str, values: set[str]) -> None:
    assert set(function(tool)["parameters"]["properties"][key]["enum"]) == values


TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}


def check(value: Any, schema: Json) -> None:
    assert isinstance(value, TYPES[schema["type"]])
    assert value in schema.get("enum", [value])
    if isinstance(value, list):
        assert len(value) == schema["minItems"] == schema["maxItems"]
        for item in value:
            check(item, schema["items"])


@pytest.mark.parametrize(
    ("tool", "calls"),
    [
        (TOOLS[1], [{"command": "ls"}, {"restart": True}]),
        (TOOLS[3], [{"command": "insert", "path": "/a", "insert_line": 0, "new_str": "x"}]),
        (TOOLS[5], [{"command": "view", "path": "/a", "view_range": [1, -1]},
                    {"command": "insert", "path": "/a", "insert_line": 0, "insert_text": "x"}]),
        (TOOLS[6], [{"action": "left_click_drag", "coordinate": [1, 2]}]),
        (TOOLS[7], [{"action": "scroll", "coordinate": [1, 2], "scroll_direction": "down", "scroll_amount": 3},
                    {"action": "left_click_drag", "start_coordinate": [1, 2], "coordinate": [3, 4]},
                    {"action": "hold_key", "text": "shift", "duration": 0.5}]),
        (TOOLS[8], [{"action": "zoom", "region": [0, 0, 9, 9]}]),
        (TOOLS[9], [{"command": "rename", "old_path": "/memories/a", "new_path": "/memories/b"},
                    {"command": "view", "path": "/memories"}]),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_the_documented_calls_are_valid_by_the_schema(tool: Json, calls: list[Json]) -> None:
    schema = function(tool)["parameters"]
    for call in calls:
        assert set(schema["required"]) <= set(call)
        for key, value in call.items():
            check(value, schema["properties"][key])


def test_the_options_of_a_tool_are_told_to_the_model() -> None:
    assert "9000 characters" in function(TOOLS[5])["description"]
    assert "1280 x 800 pixels" in function(TOOLS[6])["description"]
    assert "display number 1" in function(TOOLS[6])["description"]


def test_a_typed_tool_can_be_forced_renamed_called_and_deferred() -> None:
    name = "bash." + "x" * 60
    bash = {"type": "bash_20250124", "name": name, "cache_control": {"type": "ephemeral"}}
    payload = sent(
        {**bash, "defer_loading": True},
        {"type": "memory_20250818", "name": "memory", "defer_loading": True},
        tool_choice={"type": "tool", "name": name},
        messages=[
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": name, "input": {"command": "ls"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "a"}]},
        ],
    )
    short = ToolNames([name]).upstream(name)
    assert [tool["name"] for tool in payload["tools"]] == [short]
    assert payload["tool_choice"] == {"type": "function", "name": short}
    assert payload["input"][1]["name"] == short


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ({"type": "code_execution_20250825", "name": "code_execution"}, "tools.code_execution"),
        ({"type": "web_fetch_20250910", "name": "web_fetch"}, "tools.web_fetch"),
        ({"type": "tool_search_tool_bm25_20251119", "name": "s"}, "tools.tool_search_tool_bm25"),
        ({"type": "tool_search_tool_regex", "name": "s"}, "tools.tool_search_tool_regex"),
        ({"type": "mcp_toolset", "mcp_server_name": "s"}, "tools.mcp_toolset"),
        ({"type": "browser_toolset_20260801"}, "tools.browser_toolset"),
        ({"type": "computer_toolset_20260801", "defer_loading": True}, "tools.computer_toolset"),
        ({"type": "bash_20300101", "name": "bash"}, "tools.bash"),
        ({"type": "my_own_words_20250101", "name": "n"}, "tools.other"),
        ({"type": "MY OWN WORDS", "name": "n"}, "tools.other"),
        ({"type": "", "name": "n"}, "tools.other"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_typed_tool_is_named_as_not_carried(tool: Json, name: str) -> None:
    assert dropped(tool) == {name}
    assert "tools" not in sent(tool)


FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}
PING = {"name": "Ping"}


def test_the_choice_of_a_tool_that_is_not_carried_is_named_and_left_to_the_model() -> None:
    choice = {"type": "tool", "name": "web_fetch"}
    assert sent(FETCH, PING, tool_choice=choice)["tool_choice"] == "auto"
    assert dropped(FETCH, PING, tool_choice=choice) == {"tools.web_fetch", "tool_choice"}
    member = {"type": "tool", "name": "left_click"}
    assert "tool_choice" in dropped({"type": "computer_toolset_20260801"}, PING, tool_choice=member)


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "web_fetch"}], ids=str)
def test_a_call_that_cannot_come_is_refused(choice: Json) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(FETCH, tool_choice=choice)
    assert caught.value.path == "tool_choice"
    assert sent(FETCH, tool_choice={"type": "auto"})["input"]


def test_a_forced_search_among_functions_is_one_that_the_upstream_takes() -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    payload = sent(search, PING, tool_choice={"type": "tool", "name": "web_search"})
    check_tool_choice(payload["tool_choice"], payload["tools"])


CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("fields", "strict", "lost"),
    [
        ({"strict": True, "input_schema": CLOSED}, True, set()),
        ({"strict": True, "input_schema": {**CLOSED, "required": []}}, False, {"tools.strict"}),
        ({"strict": False, "input_schema": CLOSED}, False, set()),
        ({"strict": None, "input_schema": CLOSED}, False, set()),
        ({"strict": True, "type": "bash_20250124"}, False, {"tools.strict"}),
        ({"allowed_callers": ["direct"]}, False, set()),
        ({"allowed_callers": ["code_execution_20250825"]}, False, {"tools.allowed_callers"}),
        ({"eager_input_streaming": True, "cache_control": {"type": "ephemeral"}}, False, set()),
        ({"max_characters": 3}, False, {"tools.max_characters"}),
    ],
    ids=str,
)
def test_what_else_is_said_of_a_function(fields: Json, strict: bool, lost: set[str]) -> None:  # noqa: FBT001 - a table
    tool = {"name": "n", **fields}
    assert function(tool)["strict"] is strict
    assert dropped(tool) == lost
    check_tools([function(tool)], "high")


def test_examples_of_a_functions_input_are_told_in_its_description() -> None:
    tool = {"name": "n", "description": "Does it.", "input_examples": [{"a": "é"}, {}]}
    assert function(tool)["description"] == 'Does it.\n\nExamples of its input:\n{"a":"é"}\n{}'
    assert dropped(tool) == set()


def test_tools_that_anthropic_would_search_are_all_offered() -> None:
    hosted = {"type": "tool_search_tool_regex_20251119", "name": "search"}
    deferred = {"name": "n", "defer_loading": True}
    assert [tool["name"] for tool in sent(hosted, deferred)["tools"]] == ["n"]
    assert "tools" not in sent(deferred)


def test_a_deferred_tool_that_must_be_called_is_offered() -> None:
    deferred = {"name": "n", "defer_loading": True}
    payload = sent(deferred, PING, tool_choice={"type": "tool", "name": "n"})
    check_tool_choice(payload["tool_choice"], payload["tools"])
    assert [tool["name"] for tool in payload["tools"]] == ["n", "Ping"]


def test_the_callers_own_keys_on_a_tool_are_named_to_the_caller_but_are_not_for_logs() -> None:
    body = request({"name": "n", "my_secret": 1, "Ein Geheimnis": 1})
    translation = translate_request(json.loads(json.dumps(body)), Target("gpt-5"))
    assert translation.unknown == {"tools.my_secret", "tools.unknown"} <= set(translation.dropped)
