"""Tools and the choice among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packy.translation.content import text_of
from packy.translation.invalid import InvalidRequest
from packy.translation.schema import repair_schema

if TYPE_CHECKING:
    from packy.translation.content import Notices
    from packy.translation.names import ToolNames

__all__ = ["tool_list", "translate_tool_choice", "translate_tools"]

Json = dict[str, Any]

_TYPED_NAME = re.compile(r"([a-z_]{1,40})_\d{8}")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def tool_list(request: Json) -> list[Json]:
    """Give the request's tools, each known to be an object with a name.

    Args:
        request: the Messages request.

    Returns:
        Its `tools`; empty where there are none.

    Raises:
        InvalidRequest: they are no array of objects, or a name is missing or used twice.
    """
    tools = request.get("tools")
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise InvalidRequest("tools", "must be an array")
    seen = set()
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise InvalidRequest(f"tools.{i}", "must be an object")
        kind = tool.get("type")
        if kind is not None and not isinstance(kind, str):
            raise InvalidRequest(f"tools.{i}.type", "must be a string")
        if kind == "mcp_toolset":
            continue
        name = text_of(tool, f"tools.{i}", "name")
        if not name:
            raise InvalidRequest(f"tools.{i}.name", "must not be empty")
        if name in seen:
            raise InvalidRequest(f"tools.{i}.name", "tool names must be unique")
        seen.add(name)
    return tools


def translate_tools(tools: list[Json], names: ToolNames, notices: Notices) -> list[Json]:
    """Translate the tools.

    Args:
        tools: as `tool_list` gave them.
        names: gives each its upstream name.
        notices: takes the kinds that cannot be carried.

    Returns:
        `function` and `web_search` tools.

    Raises:
        InvalidRequest: a schema or description is malformed.
    """
    translated = []
    for i, tool in enumerate(tools):
        kind = tool.get("type")
        if kind in (None, "custom"):
            translated.append(_function(tool, f"tools.{i}", names))
            continue
        typed = _TYPED_NAME.fullmatch(kind or "")
        family = typed[1] if typed else "other"
        if family == "web_search":
            translated.append(_web_search(tool, notices))
        else:
            notices[f"tools.{family}"] = None
    return translated


def _function(tool: Json, path: str, names: ToolNames) -> Json:
    schema = tool.get("input_schema")
    if schema is not None and not isinstance(schema, dict):
        raise InvalidRequest(f"{path}.input_schema", "must be a JSON schema, an object")
    description = tool.get("description", "")
    if not isinstance(description, str):
        raise InvalidRequest(f"{path}.description", "must be a string")
    return {
        "type": "function",
        "name": names.upstream(tool["name"]),
        "description": description,
        "parameters": repair_schema(schema),
        # Without it the API reads the schema as strict, and requires every parameter (measured against the API).
        "strict": False,
    }


def _web_search(tool: Json, notices: Notices) -> Json:
    translated: Json = {"type": "web_search"}
    if tool.get("allowed_domains"):
        translated["filters"] = {"allowed_domains": tool["allowed_domains"]}
    if isinstance(tool.get("user_location"), dict):
        translated["user_location"] = tool["user_location"]
    for key in ("blocked_domains", "max_uses"):
        if tool.get(key):
            notices[f"tools.web_search.{key}"] = None
    return translated


def translate_tool_choice(request: Json, translated: list[Json], names: ToolNames) -> Json:
    """Translate `tool_choice`.

    Args:
        request: the Messages request.
        translated: the translated tools.
        names: gives the forced tool its upstream name.

    Returns:
        The keys to send: `tool_choice` and `parallel_tool_calls`; nothing without tools.

    Raises:
        InvalidRequest: no known choice, or a tool that the request does not have.
    """
    choice = request.get("tool_choice")
    if choice is None:
        return {"tool_choice": "auto", "parallel_tool_calls": True} if translated else {}
    if not isinstance(choice, dict):
        raise InvalidRequest("tool_choice", "must be an object with a `type`")
    kind = text_of(choice, "tool_choice", "type")
    if kind not in _CHOICES and kind != "tool":
        raise InvalidRequest("tool_choice.type", "must be auto, any, tool or none")
    serial = choice.get("disable_parallel_tool_use") or False
    if not isinstance(serial, bool):
        raise InvalidRequest("tool_choice.disable_parallel_tool_use", "must be true or false")
    parallel = not serial
    if kind == "tool":
        name = text_of(choice, "tool_choice", "name")
        forced = next((tool for tool in request.get("tools") or () if tool.get("name") == name), None)
        if forced is None:
            raise InvalidRequest("tool_choice.name", "names a tool that the request does not have")
        if forced.get("type") in (None, "custom"):
            return {
                "tool_choice": {"type": "function", "name": names.upstream(name)},
                "parallel_tool_calls": parallel,
            }
        # A hosted tool: being made to call something, and having nothing else to call, comes to the same.
        kind = "any" if len(translated) == 1 else "auto"
    return {"tool_choice": _CHOICES[kind], "parallel_tool_calls": parallel} if translated else {}
