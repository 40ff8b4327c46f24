from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import response_create_params, response_includable, response_input_item_param, tool_param

from packy.demo.encrypted import issue
from packy.demo.errors import ApiError
from packy.demo.input_items import ITEM_TYPES
from packy.demo.settings import Settings
from packy.demo.tools import TOOL_TYPES
from packy.demo.validate import INCLUDABLE, PARAMETERS, parse, validate

Json = dict[str, Any]

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = {**LOOSE, "required": ["a"], "additionalProperties": False}


def function(name: str = "f", parameters: Any = LOOSE, **more: Any) -> Json:
    return {"type": "function", "name": name, "parameters": parameters, "strict": False, **more}


def formatted(schema: Any, **more: Any) -> Json:
    return {"format": {"type": "json_schema", "name": "answer", "schema": schema, **more}}


MINIMAL: Json = {"model": "gpt-5", "input": "Hello", "store": False}

REFUSED: dict[str, tuple[Json, str | None, str | None, str]] = {
    # what is different from the minimal request: (fields, param, code, a part of the message)
    "an unknown parameter": ({"thinking": {}}, "thinking", "unknown_parameter", "Unknown parameter: 'thinking'."),
    "a moved parameter": ({"max_tokens": 9}, "max_tokens", "unsupported_parameter", "moved to 'max_output_tokens'"),
    "an unknown key of reasoning": ({"reasoning": {"budget": 1}}, "reasoning.budget", "unknown_parameter", "Unknown"),
    "a model that is no string": ({"model": 5}, "model", "invalid_type", "expected a string, but got an integer"),
    "an unknown model": (
        {"model": "gpt-99"},
        "model",
        "model_not_found",
        "The requested model 'gpt-99' does not exist.",
    ),
    "no input": ({"input": None}, "input", "missing_required_parameter", "Missing required parameter: 'input'."),
    "an empty input": ({"input": []}, None, "missing_required_parameter", "must be provided"),
    "a stored response": ({"store": True}, "store", None, "Store must be set to false"),
    "store left out": ({"store": None}, "store", None, "Store must be set to false"),
    "a previous response": ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter", ""),
    "stream of the wrong type": ({"stream": "yes"}, "stream", "invalid_type", "expected a boolean, but got a string"),
    "a boolean for a number": ({"max_output_tokens": True}, "max_output_tokens", "invalid_type", "got a boolean"),
    "too few output tokens": (
        {"max_output_tokens": 5},
        "max_output_tokens",
        "integer_below_min_value",
        "Expected a value >= 16, but got 5 instead.",
    ),
    "temperature": ({"temperature": 1}, "temperature", "unsupported_parameter", "is not supported with this model"),
    "top_p": ({"top_p": 0.5}, "top_p", "unsupported_parameter", "'top_p' is not supported"),
    "an unknown effort": ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "invalid_value", "'xhigh', and 'max'"),
    "an effort of other models": (
        {"reasoning": {"effort": "xhigh"}},
        "reasoning.effort",
        "unsupported_value",
        "not supported with the 'gpt-5' model. Supported values are: 'minimal', 'low', 'medium', and 'high'.",
    ),
    "an unknown summary": ({"reasoning": {"summary": "long"}}, "reasoning.summary", "invalid_value", "'detailed'"),
    "an unknown inclusion": ({"include": ["all"]}, "include[0]", "invalid_value", "'reasoning.encrypted_content'"),
    "an unknown tier": ({"service_tier": "slow"}, "service_tier", "invalid_value", "Supported values"),
    "a long cache key": ({"prompt_cache_key": "k" * 65}, "prompt_cache_key", "string_above_max_length", "length 65"),
    "an unknown tool type": ({"tools": [{"type": "bash"}]}, "tools[0].type", "invalid_value", "'function'"),
    "a tool of another API": ({"tools": [{"name": "f"}]}, "tools[0].type", "missing_required_parameter", ""),
    "an unknown key of a tool": (
        {"tools": [function(input_schema={})]},
        "tools[0].input_schema",
        "unknown_parameter",
        "Unknown parameter: 'tools[0].input_schema'.",
    ),
    "a tool name with a dot": ({"tools": [function("a.b")]}, "tools[0].name", "invalid_value", "^[a-zA-Z0-9_-]+$"),
    "an empty tool name": ({"tools": [function("")]}, "tools[0].name", "empty_string", "empty string"),
    "a long tool name": ({"tools": [function("f" * 65)]}, "tools[0].name", "string_above_max_length", "length 64"),
    "two tools of one name": ({"tools": [function(), function()]}, "tools", "invalid_value", "unique"),
    "a tool without parameters": (
        {"tools": [{"type": "function", "name": "f"}]},
        "tools[0].parameters",
        "missing_required_parameter",
        "",
    ),
    "a bad schema": (
        {"tools": [function(parameters={"type": "object"})]},
        "tools[0].parameters",
        "invalid_function_parameters",
        "Invalid schema for function 'f': In context=(), object schema missing properties.",
    ),
    "a loose schema without strict": (
        {"tools": [{"type": "function", "name": "f", "parameters": LOOSE}]},
        "tools[0].parameters",
        "invalid_function_parameters",
        "'additionalProperties' is required to be supplied and to be false.",
    ),
    "an unknown key of web search": (
        {"tools": [{"type": "web_search", "max_uses": 8}]},
        "tools[0].max_uses",
        "unknown_parameter",
        "",
    ),
    "an unknown filter of web search": (
        {"tools": [{"type": "web_search", "filters": {"blocked_domains": []}}]},
        "tools[0].filters.blocked_domains",
        "unknown_parameter",
        "",
    ),
    "web search with the least effort": (
        {"tools": [{"type": "web_search"}], "reasoning": {"effort": "minimal"}},
        "tools",
        None,
        "The following tools cannot be used with reasoning.effort 'minimal': web_search.",
    ),
    "an unknown choice": ({"tool_choice": "any"}, "tool_choice", "invalid_value", "'none', 'auto', and 'required'"),
    "a choice without tools": ({"tool_choice": "required"}, "tool_choice", None, "must be specified with 'tools'"),
    "a choice of no tool": (
        {"tools": [function()], "tool_choice": {"type": "function", "name": "g"}},
        "tool_choice",
        None,
        "Tool choice 'g' not found in 'tools' parameter.",
    ),
    "a choice of no built-in": ({"tool_choice": {"type": "web_search"}}, "tool_choice", None, "'web_search' not found"),
    "a format without a name": (
        {"text": {"format": {"type": "json_schema", "schema": STRICT}}},
        "text.format.name",
        "missing_required_parameter",
        "",
    ),
    "a loose schema in strict output": (
        {"text": formatted(LOOSE, strict=True)},
        "text.format.schema",
        "invalid_json_schema",
        "Invalid schema for response_format 'answer': In context=(), 'additionalProperties'",
    ),
    "an unknown format": ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_value", "'json_schema'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    changes, param, code, words = REFUSED[name]
    with pytest.raises(ApiError) as refusal:
        validate({**MINIMAL, **changes}, Settings())
    assert (refusal.value.status, refusal.value.param, refusal.value.code) == (400, param, code)
    assert words in refusal.value.message


def test_a_missing_model_is_named() -> None:
    with pytest.raises(ApiError, match="Missing required parameter: 'model'"):
        validate({"input": "Hello", "store": False}, Settings())


ACCEPTED: dict[str, Json] = {
    "the least": {},
    "null for everything optional": dict.fromkeys(set(PARAMETERS) - {"model", "input", "store"}),
    "all that packy sends": {
        "instructions": "Be brief.",
        "tools": [function(), {"type": "web_search", "filters": {"allowed_domains": ["example.com"]}}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "high", "summary": "auto"},
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k" * 64,
        "text": formatted(STRICT, strict=True),
        "service_tier": "priority",
    },
    "a strict tool": {"tools": [{"type": "function", "name": "f", "parameters": STRICT}]},
    "the most effort where a model has it": {"model": "gpt-5.2", "reasoning": {"effort": "xhigh"}},
    "a dated model": {"model": "gpt-5-2025-08-07"},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(name: str) -> None:
    validate({**MINIMAL, **ACCEPTED[name]}, Settings())


def test_settings_widen_what_is_accepted() -> None:
    settings = Settings(models=("relay-*",), accept=("temperature", "store", "max_tokens"), account="other")
    validate({"model": "relay-1", "input": "x", "temperature": 0, "store": True, "max_tokens": 1}, settings)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"a": "\\ud800"}', b"[" * 5000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError, match="could not parse the JSON body"):
        parse(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KNOWN = st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(PARAMETERS), JSON))
NEARLY = st.fixed_dictionaries(
    {"model": st.just("gpt-5"), "store": st.just(False)},  # noqa: FBT003 - the value itself
    optional={
        "tools": st.lists(
            st.fixed_dictionaries({"type": st.sampled_from([*TOOL_TYPES])}, optional={"name": JSON, "parameters": JSON})
        ),
        "input": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from([*ITEM_TYPES])},
                optional=dict.fromkeys(
                    ("role", "content", "call_id", "name", "arguments", "output", "summary", "encrypted_content", "id"),
                    JSON,
                ),
            )
        ),
        "text": st.fixed_dictionaries({"format": st.fixed_dictionaries({"type": JSON, "name": JSON, "schema": JSON})}),
        "tool_choice": JSON,
        "reasoning": st.fixed_dictionaries({"effort": JSON, "summary": JSON}),
    },
)


@given(request=KNOWN | NEARLY)
def test_whatever_is_sent_is_accepted_or_refused_properly(request: Json) -> None:
    with suppress(ApiError):
        validate(request, Settings())


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recorded requests are not here")
@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.request.json")), ids=lambda path: path.stem[:40])
def test_requests_that_the_real_api_has_answered_are_accepted(path: Path) -> None:
    request = json.loads(path.read_text())
    ours = issue("demo", "done", 300)
    for item in request["input"] if isinstance(request["input"], list) else []:
        if item.get("type") == "reasoning":
            item["encrypted_content"] = ours
    validate(request, Settings(models=("*",), accept=("store", "temperature")))


def literals(annotation: Any) -> set[str]:
    """All strings of a Literal, however deep it stands in an annotation."""
    if isinstance(annotation, str):
        return {annotation}
    return {text for inner in get_args(annotation) for text in literals(inner)}


def tags(union: Any, module: Any) -> set[str]:
    names: set[str] = set()
    for member in get_args(union):
        forward = member.__annotations__["type"]
        names |= literals(eval(forward.__forward_arg__, {**vars(module)}))  # noqa: S307 - the package's own annotations
    return names


def test_the_tables_are_those_of_the_openai_package() -> None:
    parameters = set(response_create_params.ResponseCreateParamsBase.__annotations__) | {"stream"}
    assert set(PARAMETERS) == parameters | {"presence_penalty", "frequency_penalty"}
    assert set(INCLUDABLE) == literals(response_includable.ResponseIncludable)
    assert set(ITEM_TYPES) == tags(response_input_item_param.ResponseInputItemParam, response_input_item_param)
    assert set(TOOL_TYPES) == tags(tool_param.ToolParam, tool_param)
