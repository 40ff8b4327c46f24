"""What the Responses API refuses in a JSON schema of a tool or of structured output.

Its validator is Python's: patterns go through `re`, contexts are shown as tuples, and messages read like those of the
`jsonschema` package. Rules and messages as observed from api.openai.com.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["schema_problem"]

_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})

# Keywords whose value must be of one Python type, with JSON Schema's name for it.
_KEYWORD_TYPES: Final[dict[str, tuple[type, str]]] = {
    "$ref": (str, "string"),
    "description": (str, "string"),
    "title": (str, "string"),
    "format": (str, "string"),
    "pattern": (str, "string"),
    "required": (list, "array"),
    "enum": (list, "array"),
    "anyOf": (list, "array"),
    "oneOf": (list, "array"),
    "allOf": (list, "array"),
    "prefixItems": (list, "array"),
    "properties": (dict, "object"),
    "patternProperties": (dict, "object"),
    "dependentSchemas": (dict, "object"),
    "$defs": (dict, "object"),
    "definitions": (dict, "object"),
}
# Keywords that hold schemas: one, a list of them, or one per key.
_ONE: Final = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_SEVERAL: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_BY_KEY: Final = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_NOT_AT_THE_TOP: Final = ("oneOf", "anyOf", "allOf", "enum", "not")

Context = tuple[str, ...]


def schema_problem(schema: Any, *, strict: bool) -> str | None:  # noqa: ANN401 - any JSON value
    """Find the first thing that the API would refuse.

    Args:
        schema: what was sent as a tool's `parameters`, or as the `schema` of a `json_schema` format.
        strict: whether it is to be followed strictly; a tool that does not say is strict.

    Returns:
        The API's words for the problem, or None.
    """
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    if any(keyword in schema for keyword in _NOT_AT_THE_TOP):
        banned = "/".join(f"'{keyword}'" for keyword in _NOT_AT_THE_TOP)
        return f"schema must have type 'object' and not have {banned} at the top level."
    if "properties" not in schema:
        return "In context=(), object schema missing properties."
    # A stack, not recursion: a request may nest deeper than Python calls may.
    stack: list[tuple[Context, Any]] = [((), schema)]
    while stack:
        context, node = stack.pop()
        if isinstance(node, bool):
            continue
        if not isinstance(node, dict):
            return f"{node!r} is not of type 'object', 'boolean'."
        problem = _keyword_problem(node) or _shape_problem(context, node, schema)
        if problem is None and strict:
            problem = _strict_problem(context, node)
        if problem:
            return problem
        stack.extend(reversed([(context + step, child) for step, child in _children(node)]))
    return None


def _children(node: dict[str, Any]) -> Iterator[tuple[Context, Any]]:
    for keyword in _BY_KEY:
        for key, child in node.get(keyword, {}).items():
            yield (keyword, key), child
    for keyword in _SEVERAL:
        for index, child in enumerate(node.get(keyword, ())):
            yield (keyword, str(index)), child
    for keyword in _ONE:
        if keyword in node:
            yield (keyword,), node[keyword]


def _keyword_problem(node: dict[str, Any]) -> str | None:
    for keyword, (expected, name) in _KEYWORD_TYPES.items():
        if keyword in node and not isinstance(node[keyword], expected):
            return f"{node[keyword]!r} is not of type '{name}'."
    kind = node.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "type" in node and not (kinds and all(isinstance(k, str) and k in _TYPES for k in kinds)):
        return f"{kind!r} is not valid under any of the given schemas."
    patterns = [node["pattern"]] if "pattern" in node else []
    for pattern in (*patterns, *node.get("patternProperties", {})):
        if not _compiles(pattern):
            return f"{pattern!r} is not a 'regex'."
    return None


def _shape_problem(context: Context, node: dict[str, Any], root: dict[str, Any]) -> str | None:
    kind = node.get("type")
    if "items" not in node:
        if kind == "array":
            return f"In context={context}, array schema missing items."
        if isinstance(kind, list) and "array" in kind:
            return f"In context={(*context, 'type', str(kind.index('array')))}, array schema missing items."
    reference = node.get("$ref")
    if reference is not None and not _resolves(reference, root):
        return f"In context={context}, reference to component '{reference}' which was not found in the schema."
    return None


def _strict_problem(context: Context, node: dict[str, Any]) -> str | None:
    if context and not {"type", "$ref", "anyOf", "enum", "const"} & node.keys():
        return f"In context={context}, schema must have a 'type' key."
    kind = node.get("type")
    if not (kind == "object" or (isinstance(kind, list) and "object" in kind)):
        return None
    if node.get("additionalProperties") is not False:
        return f"In context={context}, 'additionalProperties' is required to be supplied and to be false."
    required = node.get("required", ())
    absent = next((name for name in node.get("properties", {}) if name not in required), None)
    if absent is None:
        return None
    return (
        f"In context={context}, 'required' is required to be supplied and to be an array including every key in "
        f"properties. Missing '{absent}'."
    )


def _compiles(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a doubtful pattern is still one
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _resolves(reference: str, root: dict[str, Any]) -> bool:
    if not reference.startswith("#"):
        return False
    node: Any = root
    for step in reference[1:].split("/")[1:]:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isascii() and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        else:
            return False
    return True
