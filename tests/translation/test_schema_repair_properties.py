"""Whatever schema a tool has, the API takes what packy makes of it, and nothing that was allowed is forbidden by it."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, example, given

from packy.demo.tool_schema import schema_problem
from packy.translation import InvalidRequest, Target, translate_request
from packy.translation.schema import repair_output_schema, repair_schema
from packy.translation.schema_plain import is_plain
from packy.translation.schema_strict import satisfies_strict
from tests.support.schema_strategies import INSTANCES, ODD_SCHEMAS, WELL_FORMED

Json = dict[str, Any]


def allows(schema: Json, instance: Json) -> bool:
    return bool(jsonschema_rs.Draft202012Validator(schema).is_valid(instance))


@given(ODD_SCHEMAS)
@example({"$ref": "#"})
@example({"properties": None, "additionalProperties": False})
@example({"anyOf": [{"$ref": "#"}, {"$ref": "#/anyOf/0"}]})
@example({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}})
@example({"properties": {"a": {"not": {"$ref": "#/no"}}, "b": {"$ref": "#/properties/a/not"}}})
@example({"type": "array", "required": True, "items": None})
@example({"prefixItems": [{}], "items": [{"not": {"$ref": "#/items/0"}}], "additionalItems": {"$ref": "#/items/0"}})
def test_the_api_takes_any_schema_once_it_is_repaired(schema: Json) -> None:
    before = copy.deepcopy(schema)
    repaired = repair_schema(schema)
    assert schema_problem(repaired, strict=False) is None
    assert json.dumps(repair_schema(repaired)) == json.dumps(repaired), "repairing it again must change nothing"
    assert json.dumps(schema) == json.dumps(before), "the caller's schema must not be changed"


@given(ODD_SCHEMAS)
def test_a_repaired_schema_obeys_the_meta_schema(schema: Json) -> None:
    repaired = repair_schema(schema)
    assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **repaired})


@given(WELL_FORMED, INSTANCES)
@example({"allOf": [{"required": ["a"]}], "$ref": "#/$defs/a", "$defs": {"a": {"required": ["b"]}}}, {"a": 1, "b": 1})
@example({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}, {"a": 1})
def test_arguments_that_were_allowed_still_are(schema: Json, instance: Json) -> None:
    # Alternatives at the root become one object, whose properties go by what the alternative that has them says.
    assume(not schema.keys() & {"anyOf", "oneOf"})
    assume(jsonschema_rs.meta.is_valid(schema) and allows(schema, instance))
    assert allows(repair_schema(schema), instance)


@given(ODD_SCHEMAS | WELL_FORMED)
def test_the_schema_of_an_output_is_taken_or_left_out(schema: Json) -> None:
    repaired = repair_output_schema(schema)
    if repaired is not None:
        assert schema_problem(repaired, strict=satisfies_strict(repaired)) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}},
        {"type": ["string", "null"]},
        {"enum": ["a", "b"]},
        {"const": 1},
        {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/n"}], "$defs": {"n": {"type": "number"}}},
        {"$ref": "#/$defs/n", "$defs": {"n": {"type": "number"}}},
    ],
    ids=json.dumps,
)
def test_an_output_that_is_no_object_is_not_forced_into_one(schema: Json) -> None:
    assert repair_output_schema(schema) is None


def test_a_reference_at_the_root_is_put_in_its_place() -> None:
    point = {"type": "object", "properties": {"x": {"$ref": "#/$defs/n"}}, "required": ["x"]}
    definitions = {"$defs": {"point": point, "n": {"type": "number"}}}
    assert repair_schema({"$ref": "#/$defs/point", **definitions}) == {**point, **definitions}


def test_what_all_alternatives_demand_stays_demanded() -> None:
    part = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
    either = {"anyOf": [{"properties": {"b": {}}, "required": ["b"]}]}
    repaired = repair_schema({"allOf": [part, either]})
    assert repaired == {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}


def test_what_one_alternative_forbids_belongs_to_another() -> None:
    text, never = {"type": "string"}, {"not": dict[str, Any]()}
    schema = {"oneOf": [{"properties": {"a": text, "b": never}}, {"properties": {"a": False, "b": text}}]}
    assert repair_schema(schema)["properties"] == {"a": text, "b": text}


def test_alternatives_that_a_repair_may_have_made_alike_need_not_exclude_each_other() -> None:
    schema = {"properties": {"a": {"oneOf": [{"pattern": "("}, {"type": "integer"}]}}}
    assert repair_schema(schema)["properties"] == {"a": {"anyOf": [{}, {"type": "integer"}]}}


def test_what_is_counted_by_a_repaired_part_is_no_longer_limited() -> None:
    schema = {"properties": {"a": {"contains": {"pattern": "("}, "maxContains": 1}}}
    assert repair_schema(schema)["properties"] == {"a": {"contains": {}}}


def test_an_object_that_took_in_its_alternatives_is_open() -> None:
    # Closed, it would have to have been checked against the properties of the root alone.
    schema = {"anyOf": [{"properties": {"a": {}}}], "additionalProperties": False, "unevaluatedProperties": False}
    assert repair_schema(schema) == {"type": "object", "properties": {"a": {}}}


def test_two_thousand_properties_and_definitions_that_recur_are_nothing_special() -> None:
    properties = {f"p{i}": {"type": "array", "items": {"$ref": "#/$defs/node"}} for i in range(2000)}
    node = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}
    schema = {"type": "object", "properties": properties, "$defs": {"node": node}}
    assert repair_schema(schema) == schema


def test_references_that_fall_like_dominoes_do_not_hold_the_request_up() -> None:
    # Each `not` goes with the reference in it, and takes away what the one before leads to.
    parts = {f"p{i}": {"not": {"$ref": f"#/properties/p{i + 1}/not"}} for i in range(5000)}
    begin = time.monotonic()
    repaired = repair_schema({"properties": parts})
    assert schema_problem(repaired, strict=False) is None
    assert repair_schema(repaired) == repaired
    assert time.monotonic() - begin < 30


def with_a_schema_of(depth: int) -> Json:
    schema: Json = {}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    tool = {"name": "n", "input_schema": {"type": "object", "properties": {"a": schema}}}
    return {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}


def test_a_schema_may_be_as_deep_as_people_write_them() -> None:
    request = with_a_schema_of(50)
    payload = json.loads(translate_request(request, Target("gpt-5")).payload)
    assert payload["tools"][0]["parameters"] == request["tools"][0]["input_schema"]


def test_a_schema_that_is_deeper_than_the_parser_goes_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        translate_request(with_a_schema_of(5000), Target("gpt-5"))


@given(ODD_SCHEMAS | WELL_FORMED)
@example({"type": "object", "properties": {"a": {"type": "array", "items": {"enum": [1]}}}, "required": ["a"]})
def test_what_is_told_to_be_plain_needs_no_repair(schema: Json) -> None:
    schema = {"type": "object", "properties": {}, **schema}
    if is_plain(schema):
        the_long_way = {**schema, "$comment": "Plain schemas have none."}
        assert repair_schema(the_long_way) == the_long_way
