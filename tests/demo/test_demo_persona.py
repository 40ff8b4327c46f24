from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from anthropic.types import MessageCreateParams
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from packy.demo import demo_request
from packy.demo.sample import sample

if TYPE_CHECKING:
    import requests

Json = dict[str, Any]
Ask = Callable[..., "requests.Response"]

TITLE = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}
SEARCH = {"type": "web_search"}
BASH = {
    "type": "function",
    "name": "Bash",
    "strict": False,
    "parameters": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
}


def answered(ask: Ask, **changes: Any) -> list[Json]:
    answer = ask(stream=False, **changes)
    assert answer.status_code == 200, answer.text
    output: list[Json] = answer.json()["output"]
    return output


def said(output: list[Json]) -> str:
    return "".join(part["text"] for item in output if item["type"] == "message" for part in item["content"])


def test_it_says_who_speaks_and_what_was_asked_for(ask: Ask) -> None:
    output = answered(ask, model="gpt-5.1", reasoning={"effort": "low", "summary": "auto"}, tools=[BASH])
    assert [item["type"] for item in output] == ["reasoning", "message"]
    assert len(output[0]["summary"]) == 2
    assert all(word in said(output) for word in ("demo upstream", "gpt-5.1", "low effort", "1 tool"))


def test_it_has_read_the_output_of_a_tool(ask: Ask) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "Bash", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "x"}
    assert "your tool returned" in said(answered(ask, input=[call, output]))


def test_without_effort_it_does_not_reason(ask: Ask) -> None:
    output = answered(ask, model="gpt-5.2", reasoning={"effort": "none"})
    assert [item["type"] for item in output] == ["message"]


def test_structured_output_conforms_to_its_schema(ask: Ask) -> None:
    form = {"type": "json_schema", "name": "title", "schema": TITLE, "strict": True}
    title = json.loads(said(answered(ask, text={"format": form})))
    assert list(title) == ["title"]
    assert isinstance(title["title"], str)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "Bash"}], ids=["required", "named"])
def test_a_forced_function_is_called(choice: Any, ask: Ask) -> None:
    (call,) = answered(ask, tools=[BASH], tool_choice=choice)
    assert (call["type"], call["name"]) == ("function_call", "Bash")
    assert list(json.loads(call["arguments"])) == ["command"]


@pytest.mark.parametrize("choice", ["auto", "required", {"type": "web_search"}], ids=["auto", "required", "named"])
def test_an_available_web_search_is_used_and_cited(choice: Any, ask: Ask) -> None:
    question = [{"role": "user", "content": [{"type": "input_text", "text": "gateway docs"}]}]
    output = answered(ask, input=question, tools=[SEARCH], tool_choice=choice)
    assert [item["type"] for item in output] == ["reasoning", "web_search_call", "message"]
    assert output[1]["action"]["query"] == "gateway docs"
    assert [one["type"] for one in output[2]["content"][0]["annotations"]] == ["url_citation", "url_citation"]


def test_a_web_search_that_must_not_be_used_is_not(ask: Ask) -> None:
    assert [item["type"] for item in answered(ask, tools=[SEARCH], tool_choice="none")] == ["reasoning", "message"]


LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 3, "maxLength": 4},
        {"type": "integer", "minimum": 7},
        {"type": "number", "exclusiveMaximum": -2},
        {"type": "integer", "minimum": 10, "multipleOf": 4},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["null", "string"]},
        {"enum": ["a", "b"]},
        {"const": {"x": 1}},
        {"$ref": "#/$defs/leaf"},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda one, few: {"type": "array", "items": one, "minItems": few}, inner, st.integers(0, 3))
        | st.builds(lambda one: {"anyOf": [one, {"type": "null"}]}, inner)
        | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3).map(
            lambda properties: {"type": "object", "properties": properties, "required": list(properties)}
        )
    ),
    max_leaves=12,
)
BY_NAME: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}


def conforms(value: Any, schema: Json) -> bool:
    """Whether a value conforms, for the keywords that stand above."""
    if "anyOf" in schema:
        return any(conforms(value, one) for one in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return value in [schema.get("const"), *schema.get("enum", [])]
    kind = schema.get("type", "string")  # which is what the reference refers to
    kind = kind[1] if isinstance(kind, list) else kind
    low, high, step = schema.get("minimum", -99), schema.get("exclusiveMaximum", 99), schema.get("multipleOf", 1)
    within: Json = {
        "object": lambda: (
            list(value) == schema["required"]
            and all(conforms(value[key], schema["properties"][key]) for key in schema["required"])
        ),
        "array": lambda: len(value) >= schema["minItems"] and all(conforms(one, schema["items"]) for one in value),
        "string": lambda: schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 99),
        "number": lambda: low <= value < high,
        "integer": lambda: low <= value < high and value % step == 0,
    }
    return isinstance(value, BY_NAME[kind]) and within.get(kind, lambda: True)()


@given(schema=SCHEMAS)
def test_samples_conform_to_their_schema(schema: Json) -> None:
    assert conforms(sample({**schema, "$defs": {"leaf": {"type": "string"}}}, "text"), schema)


def test_a_schema_that_refers_to_itself_has_a_sample_too() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert "next" in sample(tree, "text")


def test_the_demo_request_is_one_of_the_messages_api() -> None:
    request = demo_request(model="gpt-5-high", prompt="Hello?", effort="low")
    TypeAdapter(MessageCreateParams).validate_python(request)
    assert request["model"] == "gpt-5-high"
    assert request["messages"][-1]["content"][0]["text"] == "Hello?"
    assert request["system"][0]["text"].startswith("x-anthropic-billing-header:")
    assert json.loads(request["metadata"]["user_id"])["session_id"]
    assert [tool["name"] for tool in request["tools"]] == ["Bash", "Read"]
