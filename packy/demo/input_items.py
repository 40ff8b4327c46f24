"""What the Responses API refuses in `input`: each item by its table, then how the items follow each other.

A request with `store: false` carries the whole conversation, so every call needs its output, every output its call, and
every reasoning item the item that it led to.
"""

from __future__ import annotations

from typing import Any, Final

from packy.demo.encrypted import verify
from packy.demo.errors import ApiError, invalid_type, invalid_value, missing, too_long, unknown_parameter
from packy.demo.media import check_file, check_image
from packy.demo.tools import check_name

__all__ = ["ITEM_TYPES", "check_input"]

_CALL_ID_LENGTH: Final = 64

# Per item type: the keys that it must have, and those that it may have; None where this upstream does not look inside.
ITEM_TYPES: Final[dict[str, tuple[frozenset[str], frozenset[str]] | None]] = {
    "message": (frozenset({"content"}), frozenset({"id", "phase", "role", "status", "type"})),
    "function_call": (
        frozenset({"arguments", "call_id", "name"}),
        frozenset({"async", "caller", "id", "namespace", "status", "type"}),
    ),
    "function_call_output": (
        frozenset({"call_id", "output"}),
        frozenset({"caller", "id", "name", "namespace", "status", "type"}),
    ),
    "web_search_call": (frozenset({"action"}), frozenset({"id", "status", "type"})),
    "reasoning": (frozenset({"summary"}), frozenset({"content", "encrypted_content", "id", "status", "type"})),
    **dict.fromkeys(
        (
            "additional_tools",
            "apply_patch_call",
            "apply_patch_call_output",
            "code_interpreter_call",
            "compaction",
            "compaction_trigger",
            "computer_call",
            "computer_call_output",
            "configuration_update",
            "custom_tool_call",
            "custom_tool_call_output",
            "file_search_call",
            "image_generation_call",
            "item_reference",
            "local_shell_call",
            "local_shell_call_output",
            "mcp_approval_request",
            "mcp_approval_response",
            "mcp_call",
            "mcp_list_tools",
            "program",
            "program_output",
            "shell_call",
            "shell_call_output",
            "tool_search_call",
            "tool_search_output",
        )
    ),
}
"""Every item type of the API."""

_ID_PREFIXES: Final = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fc",
    "web_search_call": "ws",
    "reasoning": "rs",
}
# What a web search call may have done: the keys that it must have, and those that it may have.
_SEARCH_ACTIONS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "search": (frozenset(), frozenset({"queries", "query", "sources", "type"})),
    "open_page": (frozenset(), frozenset({"type", "url"})),
    "find_in_page": (frozenset({"pattern", "url"}), frozenset({"type"})),
}
_SEARCH_STATES: Final = ("in_progress", "searching", "completed", "failed", "incomplete")
_ROLES: Final = ("assistant", "system", "developer", "user")
_PARTS: Final = {
    "assistant": ("output_text", "refusal"),
    "user": ("input_text", "input_image", "input_file"),
    "output": ("input_text", "input_image", "input_file"),
}
_PART_KEYS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "input_text": (frozenset({"text"}), frozenset({"type"})),
    "output_text": (frozenset({"text"}), frozenset({"annotations", "logprobs", "type"})),
    "refusal": (frozenset({"refusal"}), frozenset({"type"})),
    "input_image": (frozenset(), frozenset({"detail", "file_id", "image_url", "type"})),
    "input_file": (frozenset(), frozenset({"detail", "file_data", "file_id", "file_url", "filename", "type"})),
}
# What a model may say after reasoning; anything else leaves the reasoning without its item.
_FOLLOWS_REASONING: Final = frozenset(name for name in ITEM_TYPES if name.endswith("_call")) | {"mcp_list_tools"}


def check_input(value: Any, account: str) -> None:  # noqa: ANN401 - any JSON value
    """Check the `input` of a request.

    Args:
        value: what was sent: a string, or an array of items.
        account: whose encrypted reasoning is accepted.

    Raises:
        ApiError: for the first item at fault; 400, or 404 for an item that only a stored response would have.
    """
    if isinstance(value, str):
        if not value:
            raise _nothing_to_answer()
        return
    if not isinstance(value, list):
        raise invalid_type("input", "one of an array of objects or string", value)
    if not value:
        raise _nothing_to_answer()
    for index, item in enumerate(value):
        _check_item(f"input[{index}]", item, account)
    _check_order(value)


def _nothing_to_answer() -> ApiError:
    message = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided."
    return ApiError(message, code="missing_required_parameter")


def _type_of(item: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value until it is checked
    return item.get("type", "message" if "role" in item else None)


def _check_item(param: str, item: Any, account: str) -> None:  # noqa: ANN401 - any JSON value
    if not isinstance(item, dict):
        raise invalid_type(param, "an input item", item)
    kind = _type_of(item)
    if not (isinstance(kind, str) and kind in ITEM_TYPES):
        raise invalid_value(param, kind, ITEM_TYPES)
    if kind == "item_reference":
        raise _not_stored(item)
    keys = ITEM_TYPES[kind]
    if keys is None:
        return
    _check_keys(param, item, *keys)
    identifier, prefix = item.get("id"), _ID_PREFIXES[kind]
    if isinstance(identifier, str) and not identifier.startswith(prefix):
        message = f"Invalid '{param}.id': '{identifier}'. Expected an ID that begins with '{prefix}'."
        raise ApiError(message, param=f"{param}.id", code="invalid_value")
    match kind:
        case "message":
            _check_message(param, item)
        case "reasoning":
            _check_reasoning(param, item, account)
        case "web_search_call":
            _check_web_search(param, item)
        case _:
            _check_call(param, item)


def _check_keys(param: str, value: dict[str, Any], required: frozenset[str], optional: frozenset[str]) -> None:
    for key in value:
        if key not in required and key not in optional:
            raise unknown_parameter(f"{param}.{key}")
    for key in sorted(required):
        if key not in value:
            raise missing(f"{param}.{key}")


def _check_message(param: str, item: dict[str, Any]) -> None:
    role, content = item.get("role"), item["content"]
    if not (isinstance(role, str) and role in _ROLES):
        raise invalid_value(param, role, _ROLES)
    if "phase" in item and role != "assistant":
        raise unknown_parameter(f"{param}.phase")
    if not isinstance(content, str):
        allowed = _PARTS["assistant" if role == "assistant" else "user"]
        _check_parts(f"{param}.content", content, allowed)


def _check_parts(param: str, parts: Any, allowed: tuple[str, ...]) -> None:  # noqa: ANN401 - any JSON value
    if not isinstance(parts, list):
        raise invalid_type(param, "one of an array of objects or string", parts)
    for index, part in enumerate(parts):
        here = f"{param}[{index}]"
        if not isinstance(part, dict):
            raise invalid_type(here, "an object", part)
        kind = part.get("type")
        if not (isinstance(kind, str) and kind in allowed):
            raise invalid_value(here, kind, allowed)
        _check_keys(here, part, *_PART_KEYS[kind])
        for key in ("text", "refusal"):
            if key in part and not isinstance(part[key], str):
                raise invalid_type(f"{here}.{key}", "a string", part[key])
        if kind == "input_image":
            check_image(here, part)
        elif kind == "input_file":
            check_file(here, part)


def _check_call(param: str, item: dict[str, Any]) -> None:
    call_id = item["call_id"]
    if not isinstance(call_id, str):
        raise invalid_type(f"{param}.call_id", "a string", call_id)
    if len(call_id) > _CALL_ID_LENGTH:
        raise too_long(f"{param}.call_id", call_id, _CALL_ID_LENGTH)
    if item["type"] == "function_call":
        check_name(f"{param}.name", item["name"])
        if not isinstance(item["arguments"], str):
            raise invalid_type(f"{param}.arguments", "a string", item["arguments"])
    elif not isinstance(item["output"], str):
        _check_parts(f"{param}.output", item["output"], _PARTS["output"])


def _check_web_search(param: str, item: dict[str, Any]) -> None:
    action = item["action"]
    if not isinstance(action, dict):
        raise invalid_type(f"{param}.action", "an object", action)
    kind = action.get("type")
    if not (isinstance(kind, str) and kind in _SEARCH_ACTIONS):
        raise invalid_value(f"{param}.action.type", kind, _SEARCH_ACTIONS)
    _check_keys(f"{param}.action", action, *_SEARCH_ACTIONS[kind])
    query = action.get("query")
    if query is not None and not isinstance(query, str):
        raise invalid_type(f"{param}.action.query", "a string", query)
    status = item.get("status")
    if status is not None and status not in _SEARCH_STATES:
        raise invalid_value(f"{param}.status", status, _SEARCH_STATES)


def _check_reasoning(param: str, item: dict[str, Any], account: str) -> None:
    if not isinstance(item["summary"], list):
        raise invalid_type(f"{param}.summary", "an array of objects", item["summary"])
    for index, part in enumerate(item["summary"]):
        here = f"{param}.summary[{index}]"
        if not isinstance(part, dict):
            raise invalid_type(here, "an object", part)
        if part.get("type") != "summary_text":
            raise invalid_value(f"{here}.type", part.get("type"), ("summary_text",))
        _check_keys(here, part, frozenset({"text"}), frozenset({"type"}))
    token = item.get("encrypted_content")
    if token is None:
        raise _not_stored(item)
    if not isinstance(token, str):
        raise invalid_type(f"{param}.encrypted_content", "a string", token)
    verify(account, token)


def _not_stored(item: dict[str, Any]) -> ApiError:
    message = (
        f"Item with id '{item.get('id', '')}' not found. Items are not persisted when `store` is set to false. "
        "Try again with `store` set to true, or remove this item from your input."
    )
    return ApiError(message, param="input", status=404)


def _check_order(items: list[dict[str, Any]]) -> None:
    calls: set[str] = set()
    answered: set[str] = set()
    for position, item in enumerate(items):
        kind = _type_of(item)
        if kind == "function_call":
            calls.add(item["call_id"])
        elif kind == "function_call_output":
            if item["call_id"] not in calls:
                message = f"No tool call found for function call output with call_id {item['call_id']}."
                raise ApiError(message, param="input")
            answered.add(item["call_id"])
        elif kind == "reasoning" and not _is_followed(items, position):
            shown = item.get("id", "")
            message = f"Item '{shown}' of type 'reasoning' was provided without its required following item."
            raise ApiError(message, param="input")
    for item in items:
        if _type_of(item) == "function_call" and item["call_id"] not in answered:
            raise ApiError(f"No tool output found for function call {item['call_id']}.", param="input")


def _is_followed(items: list[dict[str, Any]], position: int) -> bool:
    following = next((item for item in items[position + 1 :] if _type_of(item) != "reasoning"), None)
    if following is None:
        return False
    return _type_of(following) in _FOLLOWS_REASONING or following.get("role") == "assistant"
