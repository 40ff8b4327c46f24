"""Tools and the choice among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.block import optional_text, text_of
from packy.translation.invalid import InvalidRequest
from packy.translation.schema import repair_schema, satisfies_strict
from packy.translation.typed_tools import OPTIONS, TYPED_TOOLS, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.translation.names import ToolNames
    from packy.translation.notices import Notices

__all__ = ["forced_name", "function_names", "tool_list", "translate_tool_choice", "translate_tools"]

Json = dict[str, Any]

_TYPED = re.compile(r"([a-z0-9_]{1,40}?)(?:_\d{8})?")
# Hosted by Anthropic, and toolsets whose members only Claude knows: no Responses API has their like.
_NOT_CARRIED = {
    "advisor",
    "browser_toolset",
    "code_execution",
    "computer_toolset",
    "mcp_toolset",
    "tool_search_tool_bm25",
    "tool_search_tool_regex",
    "web_fetch",
    # versions yet to come
    "bash",
    "computer",
    "memory",
    "text_editor",
}
_TOOLSETS = ("browser_toolset", "computer_toolset", "mcp_toolset")
# Keys that are carried, or that have no effect here: input is streamed as it comes, and a Responses API caches by
# itself. Then those that the Messages API has beside them.
_EVERY = frozenset({"type", "name", "cache_control", "defer_loading", "strict", "eager_input_streaming"})
_FUNCTION = _EVERY | {"description", "input_schema", "input_examples"}
_TYPED_FUNCTION = _EVERY | {"input_examples"}
_WEB_SEARCH = _EVERY | {"allowed_domains", "user_location"}
_CALLERS = frozenset({"allowed_callers"})
_WEB_SEARCH_LIMITS = _CALLERS | {"blocked_domains", "max_uses", "response_inclusion"}
_LOCATION = ("type", "city", "country", "region", "timezone")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_CHOICE = frozenset({"type", "name", "disable_parallel_tool_use"})


def tool_list(request: Json) -> list[Json]:
    """Give the request's tools, each known to be an object with a name; a toolset has none.

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
    seen: set[str] = set()
    for i, tool in enumerate(tools):
        try:
            _check_name(tool, seen)
        except InvalidRequest as wrong:
            raise wrong.within(f"tools.{i}") from None
    return tools


def _check_name(tool: object, seen: set[str]) -> None:
    if not isinstance(tool, dict):
        raise InvalidRequest("", "must be an object")
    kind = tool.get("type")
    if kind is not None:
        if not isinstance(kind, str):
            raise InvalidRequest("type", "must be a string")
        if _family(tool) in _TOOLSETS:
            return
    name = text_of(tool, "name")
    if not name:
        raise InvalidRequest("name", "must not be empty")
    if name in seen:
        raise InvalidRequest("name", "tool names must be unique")
    seen.add(name)


def function_names(tools: list[Json]) -> Iterator[str]:
    """Give the names of the tools that become functions.

    Args:
        tools: as `tool_list` gave them.
    """
    return (tool["name"] for tool in tools if _is_function(tool))


def _is_function(tool: Json) -> bool:
    kind = tool.get("type")
    return kind is None or kind == "custom" or kind in TYPED_TOOLS


def _family(tool: Json) -> str:
    """Give a tool's type without its version."""
    kind = tool.get("type")
    matched = _TYPED.fullmatch(kind) if kind else None
    return matched[1] if matched else ""


def translate_tools(tools: list[Json], names: ToolNames, used: set[str], notices: Notices) -> list[Json]:
    """Translate the tools.

    Args:
        tools: as `tool_list` gave them.
        names: gives each its upstream name.
        used: names of those that were called, found or are forced: a deferred tool is offered from then on. It is
            offered at once where Anthropic itself would search the tools.
        notices: takes what cannot be carried.

    Returns:
        `function` and `web_search` tools.

    Raises:
        InvalidRequest: a schema, a description or an option is malformed.
    """
    found_by_client = not any(_family(tool).startswith("tool_search_tool") for tool in tools)
    translated = []
    for i, tool in enumerate(tools):
        waits = found_by_client and tool.get("defer_loading") and tool.get("name") not in used
        try:
            if _is_function(tool):
                described = _described(tool)
                if not waits:
                    translated.append(_function(tool, described, names, notices))
            elif (family := _family(tool)) == "web_search":
                search = _web_search(tool, notices)
                if not waits:
                    translated.append(search)
            else:
                notices.add(f"tools.{family if family in _NOT_CARRIED else 'other'}")
        except InvalidRequest as wrong:
            raise wrong.within(f"tools.{i}") from None
    return translated


def _described(tool: Json) -> tuple[str, Json | None]:
    """Give a function's description and schema."""
    if tool.get("type") in TYPED_TOOLS:
        return describe(tool)
    schema = tool.get("input_schema")
    if schema is not None and not isinstance(schema, dict):
        raise InvalidRequest("input_schema", "must be a JSON schema, an object")
    return optional_text(tool, "description"), schema


def _function(tool: Json, described: tuple[str, Json | None], names: ToolNames, notices: Notices) -> Json:
    description, schema = described
    parameters = repair_schema(schema)
    # Without the key the API reads the schema as strict, and requires every parameter (measured against the API).
    strict = tool.get("strict") or False
    if not isinstance(strict, bool):
        raise InvalidRequest("strict", "must be true or false")
    if strict and not satisfies_strict(parameters):
        notices.add("tools.strict")
        strict = False
    kind = tool.get("type")
    carried = _TYPED_FUNCTION | OPTIONS.get(kind, frozenset()) if kind in TYPED_TOOLS else _FUNCTION
    notices.rest("tools", tool, carried, _CALLERS)
    return {
        "type": "function",
        "name": names.upstream(tool["name"]),
        "description": description + _examples(tool),
        "parameters": parameters,
        "strict": strict,
    }


def _examples(tool: Json) -> str:
    """Give a function's examples as text, for which the Responses API has no field."""
    examples = tool.get("input_examples")
    if not examples:
        return ""
    if not isinstance(examples, list) or not all(isinstance(example, dict) for example in examples):
        raise InvalidRequest("input_examples", "must be an array of objects")
    return "\n\nExamples of its input:\n" + "\n".join(codec.dumps(example).decode("utf-8") for example in examples)


def _web_search(tool: Json, notices: Notices) -> Json:
    translated: Json = {"type": "web_search"}
    domains = {key: _strings(tool, key) for key in ("allowed_domains", "blocked_domains")}
    if all(domains.values()):
        raise InvalidRequest("", "takes allowed_domains or blocked_domains, not both")
    if domains["allowed_domains"]:
        translated["filters"] = {"allowed_domains": domains["allowed_domains"]}
    location = tool.get("user_location")
    if location is not None:
        translated["user_location"] = _location(location)
        notices.rest("tools.user_location", location, frozenset(_LOCATION))
    uses = tool.get("max_uses")
    if uses is not None and (not isinstance(uses, int) or isinstance(uses, bool) or uses < 1):
        raise InvalidRequest("max_uses", "must be a whole number of at least 1")
    notices.rest("tools.web_search", tool, _WEB_SEARCH, _WEB_SEARCH_LIMITS)
    return translated


def _location(location: object) -> Json:
    if not isinstance(location, dict) or location.get("type") != "approximate":
        raise InvalidRequest("user_location", "must be an object of type approximate")
    try:
        told = {key: optional_text(location, key) for key in _LOCATION}
    except InvalidRequest as wrong:
        raise wrong.within("user_location") from None
    return {key: value for key, value in told.items() if value}


def _strings(tool: Json, key: str) -> list[str]:
    value = tool.get(key) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidRequest(key, "must be an array of strings")
    return value


def translate_tool_choice(request: Json, translated: list[Json], names: ToolNames, notices: Notices) -> Json:
    """Translate `tool_choice`.

    Args:
        request: the Messages request.
        translated: the translated tools.
        names: gives the forced tool its upstream name.
        notices: takes the choice of a tool that is not carried; the model then chooses among the others.

    Returns:
        The keys to send: `tool_choice` and `parallel_tool_calls`; nothing without tools.

    Raises:
        InvalidRequest: no known choice, a tool that the request does not have, or a call with nothing to call.
    """
    choice = request.get("tool_choice")
    if choice is None:
        return {"tool_choice": "auto", "parallel_tool_calls": True} if translated else {}
    try:
        kind, serial = _checked_choice(choice, notices)
        forced = _forced(request, text_of(choice, "name")) if kind == "tool" else None
    except InvalidRequest as wrong:
        raise wrong.within("tool_choice") from None
    if not translated:
        if kind in ("any", "tool"):
            raise InvalidRequest("tool_choice", "asks for a call, but the request has no tool that can be carried")
        return {}
    return {
        "tool_choice": _CHOICES[kind] if forced is None else _forcing(forced, translated, names, notices),
        "parallel_tool_calls": not serial,
    }


def _checked_choice(choice: object, notices: Notices) -> tuple[str, bool]:
    """Give the kind of a choice, and whether there is to be no second call beside the first."""
    if not isinstance(choice, dict):
        raise InvalidRequest("", "must be an object with a `type`")
    kind = text_of(choice, "type")
    if kind not in _CHOICES and kind != "tool":
        raise InvalidRequest("type", "must be auto, any, tool or none")
    serial = choice.get("disable_parallel_tool_use") or False
    if not isinstance(serial, bool):
        raise InvalidRequest("disable_parallel_tool_use", "must be true or false")
    notices.rest("tool_choice", choice, _CHOICE)
    return kind, serial


def forced_name(request: Json) -> str | None:
    """Give the name of the tool that must be called, if the request names one."""
    choice = request.get("tool_choice")
    name = choice.get("name") if isinstance(choice, dict) and choice.get("type") == "tool" else None
    return name if isinstance(name, str) else None


def _forced(request: Json, name: str) -> Json:
    tools: list[Json] = request.get("tools") or []
    for tool in tools:
        # The members of a toolset have names that are not in the request.
        if tool.get("name") == name or _family(tool) in _TOOLSETS:
            return tool
    raise InvalidRequest("name", "names a tool that the request does not have")


def _forcing(tool: Json, translated: list[Json], names: ToolNames, notices: Notices) -> str | Json:
    if _is_function(tool):
        return {"type": "function", "name": names.upstream(tool["name"])}
    if _family(tool) != "web_search":
        notices.add("tool_choice")
        return "auto"
    # Being made to call something, and having nothing else to call, comes to the same.
    if len(translated) == 1:
        return "required"
    return {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}
