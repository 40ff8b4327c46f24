"""Tool schemas reach the upstream in a form that it takes, and allow no less than before."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.translation import Target, translate_request
from packy.translation.schema import repair_output_schema, repair_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

NOT_PYTHON = r"^\p{L}+$"
ANYTHING: Any = True
NOTHING_ELSE: Json = {"additionalProperties": False, "unevaluatedProperties": False}
OBJECT: Json = {"type": "object", "properties": {}}


def inside(schema: Any) -> Json:
    return {"type": "object", "properties": {"a": schema}}


@pytest.fixture(scope="session")
def repaired(translate: Callable[..., Json]) -> Callable[[Json | None], Json]:
    def run(schema: Json | None) -> Json:
        before = copy.deepcopy(schema)
        parameters: Json = translate(tools=[{"name": "n", "input_schema": schema}])["tools"][0]["parameters"]
        assert schema == before, "the caller's schema must not be changed"
        return parameters

    return run


KEPT: list[Json] = [
    inside({"type": "string", "pattern": r"^\d{3}$"}),
    inside({"type": "string", "enum": ["pattern", "$ref"], "default": {"pattern": NOT_PYTHON}}),
    {"type": "object", "properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}, "$schema": {}}},
    {**inside({"$ref": "#/$defs/x"}), "$defs": {"x": {"type": "string"}}},
    {**inside({"$ref": "#/definitions/x~1y~0z"}), "definitions": {"x/y~z": {}}},
    {**inside({"$ref": "#/$defs/x%20y"}), "$defs": {"x y": {}}},
    inside({"$ref": "#"}),
    inside({"type": "array", "items": {"type": "string"}}),
    inside({"type": "array", "items": True}),
    inside(ANYTHING),
    {**OBJECT, "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False},
    {**OBJECT, "required": ["a"], "title": "T", "description": "D", "x-vendor": {"pattern": "("}},
    inside({"not": {"type": "string", "pattern": "^a"}}),
    inside({"if": {"pattern": "^a"}, "then": {"minLength": 2}, "else": {"maxLength": 1}}),
]


@pytest.mark.parametrize("schema", KEPT, ids=json.dumps)
def test_a_good_schema_is_sent_as_it_is(repaired: Callable[[Json], Json], schema: Json) -> None:
    assert repaired(schema) == schema


REPAIRED: list[Any] = [
    pytest.param(None, OBJECT, id="missing"),
    pytest.param({}, OBJECT, id="empty"),
    pytest.param({"type": "object"}, OBJECT, id="root without properties"),
    pytest.param({"properties": {}}, OBJECT, id="root without type"),
    pytest.param({"type": ["object", "null"], "properties": None}, OBJECT, id="root of an odd type"),
    pytest.param({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "x"}, OBJECT, id="$schema"),
    pytest.param(inside({"type": "array"}), inside({"type": "array", "items": {}}), id="array without items"),
    pytest.param(
        inside({"type": ["array", "null"]}), inside({"type": ["array", "null"], "items": {}}), id="nullable array"
    ),
    *(
        pytest.param(inside({"type": "string", "pattern": bad}), inside({"type": "string"}), id=f"pattern {bad!r:.20}")
        for bad in (NOT_PYTHON, "(", "(?<name>x)", "[b-a]", "x{99999999999}", "(" * 2000 + ")" * 2000, "a" * 5000, 7)
    ),
    *(
        pytest.param(inside({"$ref": bad}), inside({}), id=f"$ref {bad!r}")
        for bad in ("#/$defs/x", "#/properties/a/0", "#/type", "#anchor", "https://a.example/s.json", "", 7)
    ),
    pytest.param(
        {**OBJECT, "patternProperties": {NOT_PYTHON: {"type": "string"}, "^a": {"pattern": "("}}},
        {**OBJECT, "patternProperties": {"^a": {}}},
        id="patternProperties key",
    ),
    pytest.param(
        {**OBJECT, "patternProperties": {NOT_PYTHON: {}}, **NOTHING_ELSE},
        {**OBJECT, "patternProperties": {}},
        id="a dropped key must not become forbidden",
    ),
    pytest.param(inside({"not": {"pattern": "("}}), inside({}), id="not nothing: would forbid everything"),
    pytest.param(
        inside({"if": {"pattern": "("}, "then": {"minLength": 2}, "else": {"maxLength": 1}}),
        inside({}),
        id="if nothing: would always demand",
    ),
    *(
        pytest.param({**OBJECT, key: {"x": {"pattern": "("}}}, {**OBJECT, key: {"x": {}}}, id=f"under {key}")
        for key in ("properties", "$defs", "definitions", "dependentSchemas")
    ),
    *(
        pytest.param(inside({key: [{"pattern": "("}, True]}), inside({key: [{}, True]}), id=f"under {key}")
        for key in ("anyOf", "allOf", "prefixItems")
    ),
    pytest.param(
        inside({"type": "array", "items": [{"pattern": "("}, True]}),
        inside({"type": "array", "prefixItems": [{}, True], "items": {}}),
        id="a tuple as earlier drafts have it",
    ),
    pytest.param(
        inside({"type": "array", "items": [{"type": "number"}] * 2, "additionalItems": False, "minItems": 2}),
        inside({"type": "array", "prefixItems": [{"type": "number"}] * 2, "items": False, "minItems": 2}),
        id="a closed one",
    ),
    pytest.param(
        inside({"items": [{"type": "number"}, {"$ref": "#/properties/a/items/0"}]}),
        inside({"prefixItems": [{"type": "number"}, {}], "items": {}}),
        id="a reference into one",
    ),
    pytest.param(
        inside({"prefixItems": [{"type": "number"}], "items": [{"type": "string"}], "additionalItems": False}),
        inside({"prefixItems": [{"type": "number"}], "items": {}}),
        id="a tuple written in both ways",
    ),
    *(
        pytest.param(inside({key: {"pattern": "("}}), inside({key: {}}), id=f"under {key}")
        for key in ("items", "additionalProperties", "contains", "propertyNames", "additionalItems", "unevaluatedItems")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), REPAIRED)
def test_a_schema_that_would_be_refused_is_repaired(
    repaired: Callable[[Json | None], Json], schema: Json | None, expected: Json
) -> None:
    assert repaired(schema) == expected


def compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def patterns(schema: Any) -> Iterator[str]:
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key == "pattern":
            yield value
        elif key in {"properties", "$defs", "patternProperties"}:
            yield from value if key == "patternProperties" else ()
            for sub in value.values():
                yield from patterns(sub)
        elif key in {"anyOf", "allOf"}:
            for sub in value:
                yield from patterns(sub)
        else:
            yield from patterns(value)


PATTERN = st.sampled_from(["^a$", r"\d+", NOT_PYTHON, "(", "[", "*", "(?P<a>b)"])
NAME = st.sampled_from(["pattern", "$ref", "items", "a", "properties"])


def larger(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    named = st.dictionaries(NAME, inner, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": named,
            "$defs": named,
            "patternProperties": st.dictionaries(PATTERN, inner, max_size=2),
            "items": inner,
            "not": inner,
            "anyOf": st.lists(inner, max_size=2),
            "additionalProperties": inner | st.booleans(),
        },
    )


LEAVES: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", ["array", "null"]]),
        "pattern": PATTERN,
        "$ref": st.sampled_from(["#", "#/$defs/a", "#/properties/a", "#/nowhere"]),
    },
)
SCHEMAS = st.recursive(LEAVES, larger, max_leaves=10)


@given(schema=SCHEMAS)
def test_any_schema_becomes_one_that_is_taken_and_repairing_it_again_changes_nothing(
    repaired: Callable[[Json], Json], schema: Json
) -> None:
    taken = repaired(schema)
    assert taken["type"] == "object"
    assert isinstance(taken["properties"], dict)
    assert all(map(compiles, patterns(taken)))
    assert repaired(taken) == taken


def closed(**properties: Any) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        pytest.param(closed(a={"type": "string"}), True, id="closed, everything required"),
        pytest.param(closed(a=closed(b={"type": "null"})), True, id="closed within closed"),
        pytest.param(closed(a={"type": "array", "items": {"enum": [1]}}), True, id="array"),
        pytest.param(closed(a={"anyOf": [{"type": "null"}, {"$ref": "#"}]}), True, id="anyOf"),
        pytest.param({**closed(a={"$ref": "#/$defs/x"}), "$defs": {"x": closed()}}, True, id="$defs"),
        pytest.param({**closed(a={"type": "string"}), "required": []}, False, id="not required"),
        pytest.param({**closed(), "additionalProperties": True}, False, id="open"),
        pytest.param(closed(a={"type": "object"}), False, id="an inner object without properties"),
        pytest.param(closed(a={"type": ["object", "null"]}), False, id="a nullable object without properties"),
        pytest.param(closed(a={}), False, id="no type"),
        pytest.param(closed(a=True), False, id="true"),
        pytest.param(closed(a={"type": "array", "items": {"type": "object"}}), False, id="open items"),
        pytest.param({**closed(), "$defs": {"x": {"type": "object"}}}, False, id="open definition"),
        *(
            pytest.param(closed(a={"type": "string", key: value}), False, id=key)
            for key, value in {
                "oneOf": [{"minLength": 1}],
                "allOf": [{"minLength": 1}],
                "not": {"const": "x"},
                "if": {"const": "x"},
                "patternProperties": {"x": {"type": "string"}},
            }.items()
        ),
        pytest.param({**closed(), "$defs": [1]}, True, id="odd $defs, which is left out"),
        pytest.param(closed(a={"type": "string", "anyOf": 5}), True, id="odd anyOf, which is left out"),
        pytest.param({}, False, id="empty"),
    ],
)
def test_structured_output_is_strict_where_strict_mode_takes_the_schema(schema: Json, *, strict: bool) -> None:
    request = {
        "model": "m",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "Hi"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    payload = json.loads(translate_request(request, Target("gpt-5")).payload)
    assert payload["text"]["format"]["schema"] == repair_output_schema(schema)
    assert payload["text"]["format"]["strict"] is strict


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {"anyOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "number"}}}]},
            {"a": {"type": "string"}, "b": {"type": "number"}},
            id="each alternative's properties",
        ),
        pytest.param(
            {"oneOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": "number"}}}]},
            {"a": {}},
            id="a property that may be either",
        ),
        pytest.param(
            {"allOf": [{"properties": {"a": {}}}], "properties": {"b": {"$ref": "#/allOf/0"}}},
            {"a": {}, "b": {}},
            id="a reference into what is gone",
        ),
        pytest.param({"enum": [{}], "not": {"required": ["a"]}}, {}, id="enum and not"),
    ],
)
def test_alternatives_at_the_root_become_one_object(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert repair_schema(schema) == {"type": "object", "properties": expected}
