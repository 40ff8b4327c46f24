"""What tool definitions cost: the models read them as TypeScript, not as JSON.

The notation is the one OpenAI published for its open models, made to mimic the Responses API ("Harmony response
format", section "Function calling", https://github.com/openai/harmony/blob/main/docs/format.md). For gpt-5 it gives the
billed number exactly: recorded requests with one and with two functions cost 63 and 109 input tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from packy.tokens.text import count_json, count_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["functions_text", "tools_tokens"]

_SECTION = 3  # what the tools cost besides their text (both recorded gpt-5 requests)
_WEB_SEARCH = 294  # the built-in search tool (a recorded request: 310 tokens, 16 without it)
_NO_ARGUMENT = ("any", "object")  # what a schema without properties renders as
_DEPTH = 32  # levels of a schema rendered as types; deeper ones stay JSON


def tools_tokens(tools: object) -> int:
    """Count the tool definitions of a request.

    Args:
        tools: the `tools` of a Messages request: functions with `name`, `description` and `input_schema`, and server
            tools such as `web_search_20250305`. Anything else counts as its JSON text.

    Returns:
        Input tokens; none for no tools.
    """
    if not isinstance(tools, list):
        return count_json(tools)
    functions = [tool for tool in tools if _is_function(tool)]
    tokens = sum(_server_tool(tool) for tool in tools if not _is_function(tool))
    return tokens + (_SECTION + count_text(functions_text(functions)) if functions else 0)


def functions_text(functions: list[dict[str, Any]]) -> str:
    """Render function definitions the way the model gets to see them.

    Args:
        functions: dicts with `name`, and perhaps `description` and `input_schema` (a JSON schema).

    Returns:
        The section "functions" of the developer message.
    """
    body = "\n\n".join("\n".join(_function(function)) for function in functions)
    return f"# Tools\n\n## functions\n\nnamespace functions {{\n\n{body}\n\n}} // namespace functions"


def _is_function(tool: object) -> bool:
    return isinstance(tool, dict) and isinstance(tool.get("name"), str) and tool.get("type") in (None, "custom")


def _server_tool(tool: object) -> int:
    kind = tool.get("type") if isinstance(tool, dict) else None
    return _WEB_SEARCH if isinstance(kind, str) and kind.startswith("web_search") else count_json(tool)


def _function(function: dict[str, Any]) -> Iterator[str]:
    yield from _comment(function.get("description"))
    schema = function.get("input_schema")
    argument = _type(schema, 0)
    yield f"type {function['name']} = {'()' if argument in _NO_ARGUMENT else f'(_: {argument})'} => any;"
    definitions = schema.get("$defs") if isinstance(schema, dict) else None
    if isinstance(definitions, dict):
        yield from (f"type {name} = {_type(definition, 1)};" for name, definition in definitions.items())


def _comment(text: object) -> Iterator[str]:
    if isinstance(text, str) and text:
        yield from (f"// {line}" for line in text.split("\n"))


def _type(schema: object, depth: int) -> str:
    """Render one schema as a type; keywords that only constrain a value (pattern, minimum …) have no place in it.

    Every part of a schema is rendered at most once, so that the text stays in proportion to it.
    """
    if not isinstance(schema, dict):
        return "any"
    if depth > _DEPTH:
        return _json(schema)
    parts = [_literals(schema) or _plain(schema, depth)]
    for keyword, joint in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if isinstance(schema.get(keyword), list):
            parts.append(joint.join(_type(variant, depth + 1) for variant in schema[keyword]))
    return " & ".join(filter(None, parts)) or "any"


def _literals(schema: dict[str, Any]) -> str:
    if isinstance(schema.get("enum"), list):
        return " | ".join(map(_json, schema["enum"]))
    if "const" in schema:
        return _json(schema["const"])
    reference = schema.get("$ref")
    return reference.rsplit("/", 1)[-1] if isinstance(reference, str) else ""


def _plain(schema: dict[str, Any], depth: int) -> str:
    kinds = schema.get("type", "object" if schema.get("properties") else "")
    names = dict.fromkeys(kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str))
    return " | ".join(_named(schema, name, depth) for name in names)


def _named(schema: dict[str, Any], name: str, depth: int) -> str:
    if name == "array":
        return f"{_type(schema.get('items'), depth + 1)}[]"
    if name == "object" and schema.get("properties") and isinstance(schema["properties"], dict):
        return "{\n" + "\n".join(_properties(schema, depth)) + "\n}"
    return "number" if name == "integer" else name


def _properties(schema: dict[str, Any], depth: int) -> Iterator[str]:
    required = schema.get("required")
    for name, value in schema["properties"].items():
        default = ""
        if isinstance(value, dict):
            yield from _comment(value.get("description"))
            default = f" // default: {_bare(value['default'])}" if "default" in value else ""
        mark = "" if isinstance(required, list) and name in required else "?"
        yield f"{name}{mark}: {_type(value, depth + 1)},{default}"


def _bare(value: object) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return "any"
