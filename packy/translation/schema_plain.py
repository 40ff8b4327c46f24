"""Schemas in which there is nothing to repair, told at a glance: nearly all tools have no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["is_plain"]

Schema = dict[str, Any]

_TEXTS: Final = frozenset({"description", "format", "title"})
_STRINGS: Final = frozenset({str})
_TYPES: Final = frozenset({"boolean", "integer", "null", "number", "object", "string"})


def is_plain(schema: object) -> bool:
    """Tell whether a schema holds well-known keywords only, each with a value as it should be.

    Args:
        schema: a schema within another, or the one at the root.

    Returns:
        True if repairing it would change nothing; False if it would, or may, and for what is no object.
    """
    if not isinstance(schema, dict):
        return False
    for key, value in schema.items():
        # Most keywords are these two: no call for them.
        if type(value) is str and (key in _TEXTS or (key == "type" and value in _TYPES)):
            continue
        check = _CHECKS.get(key)
        if check is None or not check(value, schema):
            return False
    return True


def _type(value: object, schema: Schema) -> bool:
    return value == "array" and "items" in schema


def _schemas(value: object, _: Schema) -> bool:
    return isinstance(value, dict) and all(map(is_plain, value.values()))


def _schema(value: object, _: Schema) -> bool:
    return isinstance(value, bool) or is_plain(value)


def _names(value: object, _: Schema) -> bool:
    return isinstance(value, list) and _STRINGS.issuperset(map(type, value)) and len(set(value)) == len(value)


def _values(value: object, _: Schema) -> bool:
    return isinstance(value, list)


def _bound(value: object, _: Schema) -> bool:
    return type(value) in (int, float)


def _count(value: object, _: Schema) -> bool:
    return type(value) is int and value >= 0


def _anything(_: object, __: Schema) -> bool:
    return True


_CHECKS: Final[dict[str, Callable[[Any, Schema], bool]]] = {
    "type": _type,
    "properties": _schemas,
    **dict.fromkeys(("items", "additionalProperties"), _schema),
    "required": _names,
    "enum": _values,
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"), _bound),
    **dict.fromkeys(("maxItems", "maxLength", "minItems", "minLength"), _count),
    **dict.fromkeys(("default", "const"), _anything),
}
