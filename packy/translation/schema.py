"""Tool schemas as the Responses API takes them.

The API refuses a whole request for one schema with a `pattern` that Python's `re` cannot compile, an array without
`items`, a root without `properties`, or a `$ref` that leads nowhere (measured against the API). Each is repaired so
that the schema allows no less than before.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

__all__ = ["repair_schema", "satisfies_strict"]

Schema = dict[str, Any]

_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_SINGLE = (
    "items",
    "additionalProperties",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
)
_NOT_AT_ROOT = ("anyOf", "oneOf", "allOf", "enum", "not")
_IDENTIFIERS = ("$schema", "$id")


@lru_cache(maxsize=4096)
def _compiles_text(pattern: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _compiles(pattern: object) -> bool:
    return isinstance(pattern, str) and _compiles_text(pattern)


def repair_schema(schema: Schema | None) -> Schema:
    """Repair the parameters of a function.

    Args:
        schema: a tool's `input_schema`; it is not changed.

    Returns:
        A JSON schema with an object at its root.

    Raises:
        RecursionError: nested deeper than Python goes.
    """
    if not schema:
        return {"type": "object", "properties": {}}
    folded = _without_root_alternatives(schema)
    repaired = _repair(folded, folded)
    if repaired.get("type") != "object":
        repaired = {"type": "object", **{key: value for key, value in repaired.items() if key != "type"}}
    if not isinstance(repaired.get("properties"), dict):
        repaired["properties"] = {}
    return repaired


def _without_root_alternatives(schema: Schema) -> Schema:
    """Fold alternatives at the root, which the API refuses, into one object that allows what any of them allows."""
    if not any(key in schema for key in _NOT_AT_ROOT):
        return schema
    properties: Schema = {}
    for key in ("anyOf", "oneOf", "allOf"):
        branches = schema.get(key)
        for branch in branches if isinstance(branches, list) else ():
            if isinstance(branch, dict) and isinstance(branch.get("properties"), dict):
                # What two alternatives call alike may be either: nothing is said of it then.
                for name, part in branch["properties"].items():
                    properties[name] = part if properties.get(name, part) == part else {}
    own = schema.get("properties")
    folded = {key: value for key, value in schema.items() if key not in _NOT_AT_ROOT}
    folded["properties"] = {**properties, **(own if isinstance(own, dict) else {})}
    if properties:
        folded.pop("additionalProperties", None)
    return folded


def _repair(schema: Schema, root: Schema) -> Schema:
    out: Schema = {}
    for key, value in schema.items():
        if key in {"pattern", "$ref"}:
            holds = _compiles(value) if key == "pattern" else _leads_somewhere(value, root)
            if holds:
                out[key] = value
        elif key not in _IDENTIFIERS:
            out[key] = _repair_part(key, value, root)
    kind = out.get("type")
    if (kind == "array" or (isinstance(kind, list) and "array" in kind)) and "items" not in out:
        out["items"] = {}
    _drop_narrowed(out, schema)
    return out


def _drop_narrowed(out: Schema, schema: Schema) -> None:
    """Drop what would allow less than before because a part of it allows more."""
    if out.get("not") != schema.get("not"):
        del out["not"]
    if out.get("if") != schema.get("if"):
        for key in ("if", "then", "else"):
            out.pop(key, None)
    kept = out.get("patternProperties")
    if isinstance(kept, dict) and kept.keys() != schema["patternProperties"].keys():
        for key in ("additionalProperties", "unevaluatedProperties"):
            out.pop(key, None)


def _repair_part(key: str, value: Any, root: Schema) -> Any:  # noqa: ANN401 - a schema's values are any JSON
    if key in _SINGLE and isinstance(value, dict):
        return _repair(value, root)
    if key in _LISTS and isinstance(value, list):
        return [_repair(sub, root) if isinstance(sub, dict) else sub for sub in value]
    if key in _MAPS and isinstance(value, dict):
        return {
            name: _repair(sub, root) if isinstance(sub, dict) else sub
            for name, sub in value.items()
            if key != "patternProperties" or _compiles(name)
        }
    return value


def _leads_somewhere(ref: object, root: Schema) -> bool:
    if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
        return False
    here: Any = root
    for step in unquote(ref).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and name in here:
            here = here[name]
        elif isinstance(here, list) and name.isdecimal() and int(name) < len(here):
            here = here[int(name)]
        else:
            return False
    return isinstance(here, dict)


def satisfies_strict(schema: object) -> bool:
    """Tell whether `strict: true` would be taken: every object closed, every property required.

    Args:
        schema: a JSON schema.

    Returns:
        Whether the API's structured-output rules hold for it and all its parts.
    """
    if not isinstance(schema, dict) or not any(key in schema for key in ("type", "anyOf", "enum", "const", "$ref")):
        return False
    kind, properties = schema.get("type"), schema.get("properties")
    if "object" in (kind if isinstance(kind, list) else [kind]) or properties is not None:
        if not isinstance(properties, dict) or schema.get("additionalProperties") is not False:
            return False
        required = schema.get("required")
        if not isinstance(required, list) or set(properties) != {name for name in required if isinstance(name, str)}:
            return False
    if any(key in schema for key in ("oneOf", "allOf", "not", "if", "patternProperties")):
        return False
    maps = [schema.get(key, {}) for key in ("properties", "$defs", "definitions")]
    lists = [schema.get(key, []) for key in ("anyOf", "prefixItems")]
    if not all(isinstance(held, dict) for held in maps) or not all(isinstance(held, list) for held in lists):
        return False
    parts = [sub for held in maps for sub in held.values()] + [sub for held in lists for sub in held]
    if "items" in schema:
        parts.append(schema["items"])
    return all(satisfies_strict(part) for part in parts)
