"""JSON schemas as the Responses API takes them, for tools and for structured output.

The API refuses a whole request for one schema with a `pattern` that Python's `re` cannot compile, an array without
`items`, a root without `properties`, a keyword of the wrong type, or a `$ref` that leads nowhere (measured against the
API); and for `items` that are a list, as tuples were written before draft 2020-12 ("[{…}] is not of type 'object',
'boolean'": github.com/vercel/ai/issues/2271). Each is repaired so that the schema allows no less than before.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from packy.translation.schema_plain import is_plain
from packy.translation.schema_root import flat_root, may_be_object, target_of
from packy.translation.schema_strict import satisfies_strict

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["repair_output_schema", "repair_schema", "satisfies_strict"]

Schema = dict[str, Any]

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_IDENTIFIERS = ("$schema", "$id")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_CLOSERS = ("additionalProperties", "unevaluatedProperties")
# A repair can take away what a reference led to; one that has not settled by then keeps no references at all.
_MOST_PASSES = 4
# A longer one is taken for one that cannot be compiled: the time that takes is everybody's.
_LONGEST_PATTERN = 4096
_DROPPED = object()


@lru_cache(maxsize=2048)
def _compiles_text(pattern: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _compiles(pattern: object) -> bool:
    return isinstance(pattern, str) and len(pattern) <= _LONGEST_PATTERN and _compiles_text(pattern)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value)


def _is_factor(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


# What the meta-schema asks of a keyword that holds no schemas; it is left out where that does not hold.
_WELL_FORMED: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        ("$anchor", "$comment", "contentEncoding", "contentMediaType", "description", "format", "title"),
        lambda value: isinstance(value, str),
    ),
    **dict.fromkeys(("deprecated", "readOnly", "uniqueItems", "writeOnly"), lambda value: isinstance(value, bool)),
    **dict.fromkeys(("enum", "examples"), lambda value: isinstance(value, list)),
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"), _is_number),
    **dict.fromkeys(
        ("maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength",
         "minProperties"),
        _is_count,
    ),
    "multipleOf": _is_factor,
    "pattern": _compiles,
    "dependentRequired": lambda value: isinstance(value, dict) and all(map(_are_names, value.values())),
}  # fmt: skip


def repair_schema(schema: Schema | None) -> Schema:
    """Repair the parameters of a function.

    Args:
        schema: a tool's `input_schema`; it is not changed.

    Returns:
        A JSON schema with an object at its root. Repairing it again changes nothing.

    Raises:
        RecursionError: nested deeper than Python goes.
    """
    if not schema:
        return {"type": "object", "properties": {}}
    bare = schema
    if "$schema" in schema:
        bare = schema.copy()
        del bare["$schema"]
    if bare.get("type") == "object" and "properties" in bare and is_plain(bare):
        return bare
    return _repaired(schema)


def _repaired(schema: Schema) -> Schema:
    repaired = flat_root(schema)
    for _ in range(_MOST_PASSES):
        before, references = repaired, list[str]()
        repaired = _as_object(_Repair(before, references).schema(before))
        if all(target_of(reference, repaired) is not None for reference in references):
            return repaired
    return _as_object(_Repair({}, []).schema(repaired))


def repair_output_schema(schema: Schema) -> Schema | None:
    """Repair the schema of a structured output (`text.format` of the Responses API).

    Args:
        schema: as `output_config.format` has it; it is not changed.

    Returns:
        A JSON schema with an object at its root; None for one of arrays or single values, which the API does not have:
        forced into an object, the answer would have a shape that nobody asked for.

    Raises:
        RecursionError: nested deeper than Python goes.
    """
    return repair_schema(schema) if may_be_object(schema) else None


def _as_object(schema: Schema) -> Schema:
    if schema.get("type") != "object":
        schema = {"type": "object", **{key: value for key, value in schema.items() if key != "type"}}
    schema.setdefault("properties", {})
    return schema


class _Repair:
    """One pass over a schema.

    Args:
        root: what references are looked up in.
        references: takes those that were kept.
    """

    __slots__ = ("_references", "_root")

    def __init__(self, root: Schema, references: list[str]) -> None:
        self._root = root
        self._references = references

    def schema(self, schema: Schema) -> Schema:
        out: Schema = {}
        for key, value in schema.items():
            if key in _IDENTIFIERS:
                continue
            kept = self._keyword(key, value)
            if kept is not _DROPPED:
                out[key] = kept
        _write_tuple_anew(out)
        kind = out.get("type")
        if (kind == "array" or (isinstance(kind, list) and "array" in kind)) and "items" not in out:
            out["items"] = {}
        _drop_narrowed(out, schema)
        return out

    def _keyword(self, key: str, value: Any) -> Any:  # noqa: ANN401 - a schema's values are any JSON
        if key in _WELL_FORMED:
            return value if _WELL_FORMED[key](value) else _DROPPED
        if key in _REFERENCES:
            if target_of(value, self._root) is None:
                return _DROPPED
            self._references.append(value)
            return value
        take = _TAKE.get(key)
        return value if take is None else take(self, value)

    def any(self, value: object) -> Schema | bool:
        """Repair what must be a schema; of anything else nothing can be said."""
        if isinstance(value, dict):
            return self.schema(value)
        return value if isinstance(value, bool) else {}

    def several(self, value: object) -> object:
        return [self.any(each) for each in value] if isinstance(value, list) and value else _DROPPED

    def items(self, value: object) -> object:
        return self.several(value) if isinstance(value, list) else self.any(value)

    def named(self, value: object) -> object:
        if not isinstance(value, dict):
            return _DROPPED
        return {name: self.any(each) for name, each in value.items()}

    def patterns(self, value: object) -> object:
        if not isinstance(value, dict):
            return _DROPPED
        return {name: self.any(each) for name, each in value.items() if _compiles(name)}

    def dependencies(self, value: object) -> object:
        if not isinstance(value, dict):
            return _DROPPED
        return {name: each if _are_names(each) else self.any(each) for name, each in value.items()}

    def type(self, value: object) -> object:
        if isinstance(value, str):
            return value if value in _TYPES else _DROPPED
        # What is no type may have stood for anything.
        if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
            return _DROPPED
        return list(dict.fromkeys(value)) if set(value) <= _TYPES else _DROPPED

    def required(self, value: object) -> object:
        if not isinstance(value, list):
            return _DROPPED
        return list(dict.fromkeys(name for name in value if isinstance(name, str)))


_TAKE: dict[str, Callable[[_Repair, object], object]] = {
    **dict.fromkeys(("properties", "$defs", "definitions", "dependentSchemas"), _Repair.named),
    **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), _Repair.several),
    **dict.fromkeys(
        ("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "not", "propertyNames",
         "then", "unevaluatedItems", "unevaluatedProperties"),
        _Repair.any,
    ),
    "dependencies": _Repair.dependencies,
    "items": _Repair.items,
    "patternProperties": _Repair.patterns,
    "required": _Repair.required,
    "type": _Repair.type,
}  # fmt: skip


def _write_tuple_anew(out: Schema) -> None:
    """Write a tuple of the earlier drafts, `items` and `additionalItems`, as the API knows it."""
    if not isinstance(listed := out.get("items"), list):
        return
    rest = out.pop("additionalItems", {})
    # One that is written in both ways is of neither: its first items are told, and nothing of the others.
    out["items"] = {} if "prefixItems" in out else rest
    out.setdefault("prefixItems", listed)


def _drop_narrowed(out: Schema, schema: Schema) -> None:
    """Drop what would allow less than before because a part of it allows more."""
    if out.get("not") != schema.get("not"):
        del out["not"]
    if out.get("if") != schema.get("if"):
        for key in ("if", "then", "else"):
            out.pop(key, None)
    if out.get("contains") != schema.get("contains"):
        out.pop("maxContains", None)
    if out.get("oneOf") != schema.get("oneOf") and (alternatives := out.pop("oneOf", None)):
        # Two that were apart may overlap now.
        out.setdefault("anyOf", alternatives)
    for key in ("properties", "patternProperties"):
        before = schema.get(key, {})
        if not isinstance(before, dict) or out.get(key, {}).keys() != before.keys():
            for closer in _CLOSERS:
                out.pop(closer, None)
