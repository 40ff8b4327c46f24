"""Which JSON schemas the Responses API follows strictly."""

from __future__ import annotations

from typing import Any

__all__ = ["satisfies_strict"]

# What strict mode knows (OpenAI's structured outputs guide, "Supported schemas"); with any other keyword it may refuse.
_KNOWN = frozenset(
    {"$defs", "$ref", "additionalProperties", "anyOf", "const", "definitions", "description", "enum",
     "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maximum", "minItems", "minimum",
     "multipleOf", "pattern", "properties", "required", "title", "type"}
)  # fmt: skip
_FORMATS = ("date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid")
_DEEPEST = 10
_MOST_PROPERTIES = 5000
_MOST_VALUES = 1000


def satisfies_strict(schema: object) -> bool:
    """Tell whether `strict: true` would be taken: every object closed, every property required, nothing unknown.

    Args:
        schema: a JSON schema.

    Returns:
        Whether the API's structured-output rules hold for it and all its parts. In doubt they do not: without `strict`
        the API takes the schema all the same.
    """
    stack: list[tuple[object, int]] = [(schema, 0)]
    properties = values = 0
    while stack:
        part, depth = stack.pop()
        if not isinstance(part, dict) or depth > _DEEPEST or not _is_strict(part):
            return False
        properties += len(part.get("properties", ()))
        values += len(part.get("enum", ()))
        if properties > _MOST_PROPERTIES or values > _MOST_VALUES:
            return False
        stack += [(each, depth + 1) for each in part.get("properties", {}).values()]
        stack += [(each, depth) for key in ("$defs", "definitions") for each in part.get(key, {}).values()]
        stack += [(each, depth) for each in part.get("anyOf", ())]
        if "items" in part:
            stack.append((part["items"], depth + 1))
    return True


def _is_strict(part: dict[str, Any]) -> bool:
    kind = part.get("type")
    of_objects = "properties" in part or "object" in (kind if isinstance(kind, list) else [kind])
    return (
        part.keys() <= _KNOWN
        and bool(part.keys() & {"$ref", "anyOf", "const", "enum", "type"})
        and ("$ref" not in part or part.keys() <= {"$ref", "$defs", "definitions"})
        and all(isinstance(part.get(key, {}), dict) for key in ("properties", "$defs", "definitions"))
        and all(isinstance(part.get(key, []), list) for key in ("anyOf", "enum", "required"))
        and ("format" not in part or part["format"] in _FORMATS)
        and (not of_objects or _is_closed(part))
    )


def _is_closed(part: dict[str, Any]) -> bool:
    if "properties" not in part or part.get("additionalProperties") is not False:
        return False
    return set(part["properties"]) == {name for name in part.get("required", ()) if isinstance(name, str)}
