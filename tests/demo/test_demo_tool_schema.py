from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.demo.tool_schema import schema_problem

Json = dict[str, Any]


def obj(**properties: Any) -> Json:
    return {"type": "object", "properties": properties}


def closed(**properties: Any) -> Json:
    return {**obj(**properties), "required": list(properties), "additionalProperties": False}


NOTHING: Json = {"type": "string"}

REFUSED: dict[str, tuple[Any, str]] = {
    "no object": ({"type": "string"}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'."),
    "no type": ({}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."),
    "no schema": (None, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."),
    "no properties": ({"type": "object"}, "In context=(), object schema missing properties."),
    "choices at the top": (
        {**obj(), "anyOf": []},
        "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.",
    ),
    "an array without items": (
        obj(a={"type": "array"}),
        "In context=('properties', 'a'), array schema missing items.",
    ),
    "an array without items, among types": (
        obj(a={"type": ["string", "array"]}),
        "In context=('properties', 'a', 'type', '1'), array schema missing items.",
    ),
    "an array without items, deep inside": (
        obj(a={"type": "array", "items": {"anyOf": [NOTHING, {"type": "array"}]}}),
        "In context=('properties', 'a', 'items', 'anyOf', '1'), array schema missing items.",
    ),
    # fastcore issue 798 and vercel/ai issue 2271 on GitHub have the API's words.
    "a tuple without items": (
        obj(a={"type": "array", "prefixItems": [NOTHING]}),
        "In context=('properties', 'a'), array schema missing items.",
    ),
    "a tuple of the earlier drafts": (
        obj(a={"type": "array", "items": [NOTHING]}),
        "[{'type': 'string'}] is not of type 'object', 'boolean'.",
    ),
    "a pattern of JavaScript": (obj(a={"pattern": r"^\p{L}+$"}), r"'^\\p{L}+$' is not a 'regex'."),
    "an octal escape in a class": (obj(a={"pattern": r"[^\0]*("}), r"'[^\\0]*(' is not a 'regex'."),
    "a pattern of properties": (
        obj(a={"type": "object", "patternProperties": {"(?<n>x)": NOTHING}}),
        "'(?<n>x)' is not a 'regex'.",
    ),
    "a reference to nothing": (
        obj(a={"$ref": "#/$defs/A"}),
        "In context=('properties', 'a'), reference to component '#/$defs/A' which was not found in the schema.",
    ),
    "a reference elsewhere": (
        obj(a={"$ref": "https://example.com/schema"}),
        (
            "In context=('properties', 'a'), reference to component 'https://example.com/schema' "
            "which was not found in the schema."
        ),
    ),
    "required that is no list": ({**obj(), "required": None}, "None is not of type 'array'."),
    "properties that are no object": ({"type": "object", "properties": []}, "[] is not of type 'object'."),
    "a property that is no schema": (obj(a="string"), "'string' is not of type 'object', 'boolean'."),
    "an unknown type": (obj(a={"type": "text"}), "'text' is not valid under any of the given schemas."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_a_schema_with(name: str) -> None:
    schema, problem = REFUSED[name]
    assert schema_problem(schema, strict=False) == problem


STRICTLY_REFUSED: dict[str, tuple[Json, str]] = {
    "an open object": (obj(), "In context=(), 'additionalProperties' is required to be supplied and to be false."),
    "an optional property": (
        {**closed(a=NOTHING, b=NOTHING), "required": ["a"]},
        (
            "In context=(), 'required' is required to be supplied and to be an array including every key "
            "in properties. Missing 'b'."
        ),
    ),
    "an open object inside": (
        closed(a={"type": "array", "items": obj()}),
        "In context=('properties', 'a', 'items'), 'additionalProperties' is required to be supplied and to be false.",
    ),
    "a property of any type": (closed(a={}), "In context=('properties', 'a'), schema must have a 'type' key."),
}


@pytest.mark.parametrize("name", STRICTLY_REFUSED)
def test_refuses_where_it_is_strict_a_schema_with(name: str) -> None:
    schema, problem = STRICTLY_REFUSED[name]
    assert schema_problem(schema, strict=True) == problem
    assert schema_problem(schema, strict=False) is None


@pytest.mark.parametrize(
    "schema",
    [
        obj(),
        {**obj(), "$schema": "https://json-schema.org/draft/2020-12/schema"},
        obj(a={"type": "array", "items": {"$ref": "#/$defs/A"}}) | {"$defs": {"A": {"$ref": "#"}}},
        obj(a={"type": "array", "prefixItems": [NOTHING], "items": True}),
        obj(a=True, b={"type": ["string", "null"], "pattern": "^(?=x)[a-z]+$"}),
        obj(a={"$ref": "#/properties/b~1c"}, **{"b/c": NOTHING}),
    ],
    ids=["empty", "with $schema", "recursive", "tuple", "booleans and type lists", "escaped pointer"],
)
def test_accepts(schema: Json) -> None:
    assert schema_problem(schema, strict=False) is None


def test_depth_is_no_problem() -> None:
    schema = obj()
    for _ in range(5000):
        schema = obj(a=schema)
    assert schema_problem(schema, strict=False) is None


KEYS = ("type", "properties", "items", "required", "$ref", "pattern", "patternProperties", "anyOf", "$defs", "a")
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, 1, "object", "array", "string", "#", "#/$defs/a", "(", []]),
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@given(schema=SCHEMAS, strict=st.booleans())
def test_whatever_the_schema_there_is_a_verdict(*, schema: Any, strict: bool) -> None:
    rooted = {"type": "object", "properties": {"a": schema}}
    for one in (schema, rooted):
        assert isinstance(schema_problem(one, strict=strict), str | None)
