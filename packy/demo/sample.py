"""The shortest sensible value that a JSON schema allows, for structured output and forced calls of the demo."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["sample"]

_DEPTH: Final = 24  # a schema that refers to itself must end somewhere
_FORMATS: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Any, text: str) -> Any:  # noqa: ANN401 - any JSON schema, any JSON value
    """Make a value that conforms to a schema: required properties only, short lists, `text` for free strings.

    Args:
        schema: a JSON schema whose references are inside it; `pattern` is not looked at.
        text: what free strings say.
    """
    return _value(schema, schema, text, _DEPTH)


def _value(schema: Any, root: Any, text: str, depth: int) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(schema, dict) or depth == 0:
        return None
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    elsewhere = _resolve(schema["$ref"], root) if "$ref" in schema else _first_choice(schema)
    if elsewhere is not None:
        return _value(elsewhere, root, text, depth - 1)
    match _kind(schema):
        case "object":
            properties = schema.get("properties", {})
            return {key: _value(properties.get(key), root, text, depth - 1) for key in schema.get("required", ())}
        case "array":
            return [_value(schema.get("items"), root, text, depth - 1)] * max(1, schema.get("minItems", 0))
        case kind:
            return _scalar(schema, kind, text)


def _first_choice(schema: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON schema
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    return choices[0] if choices else None


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    return next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else str(kind)


def _scalar(schema: dict[str, Any], kind: str, text: str) -> str | float | bool | None:
    match kind:
        case "string":
            least = schema.get("minLength", 0)
            most = schema.get("maxLength", max(least, len(text)))
            return _FORMATS.get(schema.get("format", ""), text.ljust(least, ".")[:most])
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return True
        case _:
            return None


def _number(schema: dict[str, Any], *, whole: bool) -> int | float:
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + 1
    if "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - 1
    number = 1 if low is None else low
    if high is not None and number > high:
        number = high
    step = schema.get("multipleOf")
    if step:
        number = -(-number // step) * step
    return int(number) if whole else number


def _resolve(reference: str, root: Any) -> Any:  # noqa: ANN401 - any JSON schema
    node = root
    for step in reference.removeprefix("#").split("/")[1:]:
        node = node[step.replace("~1", "/").replace("~0", "~")]
    return node
