"""What the Responses API refuses in `tools` and `tool_choice`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from packy.demo.errors import (
    ApiError,
    invalid_type,
    invalid_value,
    missing,
    too_long,
    unknown_parameter,
)
from packy.demo.tool_schema import schema_problem

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TOOL_TYPES", "check_name", "check_tool_choice", "check_tools", "is_web_search"]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NAME_LENGTH: Final = 64

# The keys that each tool type takes; None where this upstream does not look inside.
TOOL_TYPES: Final[dict[str, frozenset[str] | None]] = {
    "function": frozenset(
        {
            "allowed_callers",
            "async",
            "defer_loading",
            "description",
            "name",
            "output_schema",
            "parameters",
            "strict",
            "type",
        }
    ),
    "custom": frozenset({"allowed_callers", "async", "defer_loading", "description", "format", "name", "type"}),
    "web_search": frozenset({"external_web_access", "filters", "search_context_size", "type", "user_location"}),
    "web_search_2025_08_26": frozenset(
        {"external_web_access", "filters", "search_context_size", "type", "user_location"}
    ),
    "web_search_preview": frozenset({"search_content_types", "search_context_size", "type", "user_location"}),
    "web_search_preview_2025_03_11": frozenset(
        {"search_content_types", "search_context_size", "type", "user_location"}
    ),
    **dict.fromkeys(
        (
            "apply_patch",
            "code_interpreter",
            "computer",
            "computer_use_preview",
            "file_search",
            "image_generation",
            "local_shell",
            "mcp",
            "namespace",
            "programmatic_tool_calling",
            "shell",
            "tool_search",
        )
    ),
}
"""Every tool type of the API."""

# The keys of a web search tool's own objects.
_WEB_SEARCH_KEYS: Final = {
    "filters": frozenset({"allowed_domains"}),
    "user_location": frozenset({"city", "country", "region", "timezone", "type"}),
}

_CHOICES: Final = ("none", "auto", "required")


def is_web_search(type_: str) -> bool:
    """Tell whether a tool type is one of the web search tools."""
    return type_.startswith("web_search")


def check_name(param: str, name: Any) -> None:  # noqa: ANN401 - any JSON value
    """Check the name of a tool, a call or a format: letters, digits, `_` and `-`, at most 64 of them."""
    if not isinstance(name, str):
        raise invalid_type(param, "a string", name)
    if not name:
        message = f"Invalid '{param}': empty string. Expected a string with minimum length 1, but got an empty string."
        raise ApiError(f"{message[:-1]} instead.", param=param, code="empty_string")
    if len(name) > _NAME_LENGTH:
        raise too_long(param, name, _NAME_LENGTH)
    if not _NAME.fullmatch(name):
        message = (
            f"Invalid '{param}': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        )
        raise ApiError(message, param=param, code="invalid_value")


def check_tools(tools: list[Any], effort: str | None) -> None:
    """Check the `tools` of a request.

    Args:
        tools: the array as sent.
        effort: the reasoning effort asked for; `minimal` excludes web search.

    Raises:
        ApiError: 400, for the first tool at fault.
    """
    names: set[str] = set()
    for index, tool in enumerate(tools):
        param = f"tools[{index}]"
        if not isinstance(tool, dict):
            raise invalid_type(param, "an object", tool)
        if "type" not in tool:
            raise missing(f"{param}.type")
        if not (isinstance(tool["type"], str) and tool["type"] in TOOL_TYPES):
            raise invalid_value(f"{param}.type", tool["type"], TOOL_TYPES)
        keys = TOOL_TYPES[tool["type"]]
        unknown = next((key for key in tool if keys is not None and key not in keys), None)
        if unknown is not None:
            raise unknown_parameter(f"{param}.{unknown}")
        if tool["type"] in {"function", "custom"}:
            _check_named_tool(param, tool, names)
        elif is_web_search(tool["type"]):
            _check_web_search(param, tool)
    searches = [tool["type"] for tool in tools if is_web_search(tool["type"])]
    if searches and effort == "minimal":
        message = f"The following tools cannot be used with reasoning.effort 'minimal': {', '.join(searches)}."
        raise ApiError(message, param="tools")


def _check_named_tool(param: str, tool: dict[str, Any], names: set[str]) -> None:
    if "name" not in tool:
        raise missing(f"{param}.name")
    check_name(f"{param}.name", tool["name"])
    if tool["name"] in names:
        raise ApiError("Tool names must be unique.", param="tools", code="invalid_value")
    names.add(tool["name"])
    if not isinstance(tool.get("description"), str | None):
        raise invalid_type(f"{param}.description", "a string", tool["description"])
    if tool["type"] == "custom":
        return
    if not isinstance(tool.get("strict"), bool | None):
        raise invalid_type(f"{param}.strict", "a boolean", tool["strict"])
    if "parameters" not in tool:
        raise missing(f"{param}.parameters")
    if tool["parameters"] is None:
        return
    if not isinstance(tool["parameters"], dict):
        raise invalid_type(f"{param}.parameters", "an object", tool["parameters"])
    # A tool that says nothing about strictness is taken as strict.
    problem = schema_problem(tool["parameters"], strict=tool.get("strict") is not False)
    if problem:
        message = f"Invalid schema for function '{tool['name']}': {problem}"
        raise ApiError(message, param=f"{param}.parameters", code="invalid_function_parameters")


def _check_web_search(param: str, tool: dict[str, Any]) -> None:
    for name, keys in _WEB_SEARCH_KEYS.items():
        part = tool.get(name)
        if part is None:
            continue
        if not isinstance(part, dict):
            raise invalid_type(f"{param}.{name}", "an object", part)
        unknown = next((key for key in part if key not in keys), None)
        if unknown is not None:
            raise unknown_parameter(f"{param}.{name}.{unknown}")


def check_tool_choice(choice: Any, tools: list[dict[str, Any]]) -> None:  # noqa: ANN401 - any JSON value
    """Check `tool_choice` against the tools of the same request, which have been checked.

    Raises:
        ApiError: 400, also when it names a tool that is not there.
    """
    if isinstance(choice, str):
        if choice not in _CHOICES:
            raise invalid_value("tool_choice", choice, _CHOICES)
        if choice == "required" and not tools:
            message = "Tool choice 'required' must be specified with 'tools' parameter."
            raise ApiError(message, param="tool_choice")
        return
    if not isinstance(choice, dict):
        raise invalid_type("tool_choice", "an object or one of 'none', 'auto', or 'required'", choice)
    if "type" not in choice:
        raise missing("tool_choice.type")
    wanted = choice.get("tools") if choice["type"] == "allowed_tools" else [choice]
    if not isinstance(wanted, list):
        raise missing("tool_choice.tools")
    for one in wanted:
        _check_is_there(one, tools)


def _check_is_there(choice: Any, tools: Iterable[dict[str, Any]]) -> None:  # noqa: ANN401 - any JSON value
    if not isinstance(choice, dict):
        raise invalid_type("tool_choice.tools", "an array of objects", [choice])
    kind = choice.get("type")
    if kind in ("function", "custom"):
        if "name" not in choice:
            raise missing("tool_choice.name")
        there = any(tool["type"] == kind and tool["name"] == choice["name"] for tool in tools)
        shown = choice["name"]
    else:
        there = any(tool["type"] == kind for tool in tools)
        shown = kind
    if not there:
        raise ApiError(f"Tool choice '{shown}' not found in 'tools' parameter.", param="tool_choice")
