from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.tokens import count_json, count_text
from packy.tokens.tools import functions_text, tools_tokens

FORMAT = {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"}


def tool(name: str, description: str | None = None, **schema: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "input_schema": {"type": "object", **schema}}


def test_functions_are_rendered_as_in_the_published_format() -> None:
    # The complete example of OpenAI's "Harmony response format", section "Function calling".
    city = {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}
    cities = {
        "type": "array",
        "items": {"type": "string"},
        "description": 'List of city and state, e.g. ["San Francisco, CA", "New York, NY"]',
    }
    functions = [
        tool("get_location", "Gets the location of the user.", properties={}),
        tool(
            "get_current_weather",
            "Gets the current weather in the provided location.",
            properties={"location": city, "format": FORMAT},
            required=["location"],
        ),
        tool(
            "get_multiple_weathers",
            "Gets the current weather in the provided list of locations.",
            properties={"locations": cities, "format": FORMAT},
            required=["locations"],
        ),
    ]
    assert (
        functions_text(functions)
        == """\
# Tools

## functions

namespace functions {

// Gets the location of the user.
type get_location = () => any;

// Gets the current weather in the provided location.
type get_current_weather = (_: {
// The city and state, e.g. San Francisco, CA
location: string,
format?: "celsius" | "fahrenheit", // default: celsius
}) => any;

// Gets the current weather in the provided list of locations.
type get_multiple_weathers = (_: {
// List of city and state, e.g. ["San Francisco, CA", "New York, NY"]
locations: string[],
format?: "celsius" | "fahrenheit", // default: celsius
}) => any;

} // namespace functions"""
    )


@pytest.mark.parametrize(
    ("schema", "rendered"),
    [
        pytest.param({"type": "integer"}, "number", id="integer"),
        pytest.param({"type": ["string", "null"]}, "string | null", id="several types"),
        pytest.param({"type": "array", "items": {"type": "array"}}, "any[][]", id="array of arrays"),
        pytest.param({"const": 5}, "5", id="const"),
        pytest.param({"enum": [1, None, "a"]}, '1 | null | "a"', id="enum of anything"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "object"}]}, "string | object", id="anyOf"),
        pytest.param({"type": "object", "oneOf": [{"const": "a"}]}, 'object & "a"', id="type and oneOf"),
        pytest.param({"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "B"}]}, "A & B", id="allOf of references"),
        pytest.param({"properties": {"b": {}}}, "{\nb?: any,\n}", id="nested object without a type"),
        pytest.param({"type": "string", "pattern": "^a", "maxLength": 3}, "string", id="constraints"),
        pytest.param({}, "any", id="nothing"),
        pytest.param(True, "any", id="boolean schema"),
        pytest.param({"type": 5, "properties": [], "enum": "x", "$ref": 1, "anyOf": {}}, "any", id="malformed"),
    ],
)
def test_a_schema_is_rendered_as_a_type(schema: object, rendered: str) -> None:
    assert f"\na?: {rendered},\n}}) => any;" in functions_text([tool("t", properties={"a": schema})])


def test_definitions_are_rendered_once_and_descriptions_line_by_line() -> None:
    text = functions_text([tool("t", "one\ntwo", **{"$defs": {"A": {"type": "string"}}})])
    assert "// one\n// two\ntype t = () => any;\ntype A = string;" in text


def test_only_functions_have_a_section() -> None:
    assert tools_tokens(None) == tools_tokens([]) - count_text("") == 0
    assert tools_tokens([tool("t")]) == 3 + count_text(functions_text([tool("t")]))


def test_web_search_costs_what_was_billed_for_it() -> None:
    assert tools_tokens([{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]) == 294


@pytest.mark.parametrize(
    "odd",
    [{"type": "bash_20250124", "name": "bash"}, {"type": "custom"}, {"name": 5}, "tool", None, 7, [[]]],
    ids=repr,
)
def test_other_tools_count_as_their_json(odd: object) -> None:
    assert tools_tokens([odd]) == count_json(odd)
    assert tools_tokens([odd, tool("t")]) == count_json(odd) + tools_tokens([tool("t")])


_KEYS = st.sampled_from(
    ["type", "properties", "items", "enum", "anyOf", "allOf", "required", "default", "description", "$defs"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)


@given(schema=JSON, description=JSON)
def test_no_schema_raises(schema: Any, description: Any) -> None:
    assert tools_tokens([{"name": "t", "description": description, "input_schema": schema}]) > 0


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": ["object", "array", "object"], "properties": {"a": schema}, "items": {}, "anyOf": [{}]}
    return schema


@pytest.mark.parametrize("depth", [18, 5000])
def test_the_text_stays_in_proportion_to_a_hostile_schema(depth: int) -> None:
    assert tools_tokens([{"name": "t", "input_schema": _nested(depth)}]) < 1000
