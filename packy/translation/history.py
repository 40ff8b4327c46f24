"""The conversation: `messages` → `input` items, each at its place.

The same history gives the same items in every later turn, so the upstream's prompt cache holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation.assistant_turn import translate_turn
from packy.translation.content import block_type, input_parts, text_of
from packy.translation.conversation import Conversation
from packy.translation.invalid import InvalidRequest
from packy.translation.names import short_call_id

if TYPE_CHECKING:
    from packy.translation.names import ToolNames
    from packy.translation.notices import Notices

__all__ = ["translate_messages"]

Json = dict[str, Any]

_ERROR_MARK = "[tool error] "
_ROLES = ("user", "assistant", "system")
# The keys of messages and blocks that are carried, or that have no effect on the answer; then the others that the
# Messages API has there.
_MESSAGE = frozenset({"role", "content"})
_SYSTEM = frozenset({"role", "content", "clear_at"})
_OUTPUT = frozenset({"output_config"})
_RESULT = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_TOOLSET = frozenset({"toolset_name"})
_REFERENCE = frozenset({"type", "tool_name", "cache_control"})
_CHANGE = frozenset({"type", "tool", "cache_control"})


def translate_messages(
    messages: object, names: ToolNames, notices: Notices, *, without_reasoning: bool = False
) -> tuple[list[Json], set[str]]:
    """Translate the conversation.

    Args:
        messages: the request's `messages`.
        names: gives tools of the history their upstream names.
        notices: takes the names of what cannot be carried.
        without_reasoning: leave all reasoning items out.

    Returns:
        `message`, `reasoning`, `function_call`, `function_call_output` and `web_search_call` items; and the client's
        names of the tools that were called or referred to.

    Raises:
        InvalidRequest: naming the path of what is wrong.
    """
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages", "must be an array with at least one message")
    conversation = Conversation(names, notices)
    from_the_last = range(len(messages) - 1, -1, -1)
    last_of_user = next((i for i in from_the_last if _role(messages[i]) == "user"), -1)
    for i, message in enumerate(messages):
        path = f"messages.{i}"
        if not isinstance(message, dict):
            raise InvalidRequest(path, "must be an object with `role` and `content`")
        role = message.get("role")
        if role not in _ROLES:
            raise InvalidRequest(f"{path}.role", "must be user, assistant or system")
        if role == "system":
            _system(conversation, message, path, cleared=i < last_of_user)
            continue
        notices.rest("messages", message, _MESSAGE)
        content = _content(message, path)
        if role == "user":
            _user(conversation, content, f"{path}.content")
        else:
            translate_turn(conversation, content, f"{path}.content", without_reasoning=without_reasoning)
    conversation.check_answered()
    if conversation.items and conversation.items[-1].get("role") == "assistant":
        # Claude would go on with these words; a Responses API answers them.
        notices.add("messages.prefill")
    return conversation.items, conversation.used


def _role(message: object) -> object:
    return message.get("role") if isinstance(message, dict) else None


def _content(message: Json, path: str) -> list[object]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise InvalidRequest(f"{path}.content", "must be a string or an array of content blocks")
    return content


def _user(conversation: Conversation, content: list[object], path: str) -> None:
    parts: list[Json] = []
    for i, block in enumerate(content):
        at = f"{path}.{i}"
        if isinstance(block, dict) and block.get("type") == "tool_result":
            conversation.message("user", parts)
            parts = []
            _result(conversation, block, at)
        else:
            parts += input_parts(block, at, conversation.notices)
    conversation.message("user", parts)


def _result(conversation: Conversation, block: Json, path: str) -> None:
    call_id = text_of(block, path, "tool_use_id")
    conversation.answered(call_id, path)
    conversation.notices.rest("messages.content.tool_result", block, _RESULT, _TOOLSET)
    content, failed = block.get("content"), block.get("is_error") or False
    if not isinstance(failed, bool):
        raise InvalidRequest(f"{path}.is_error", "must be true or false")
    output: str | list[Json]
    if content is None or isinstance(content, str):
        output = (_ERROR_MARK if failed else "") + (content or "")
    elif isinstance(content, list):
        at = f"{path}.content"
        output = [part for i, each in enumerate(content) for part in _result_parts(conversation, each, f"{at}.{i}")]
        if failed:
            output = [{"type": "input_text", "text": _ERROR_MARK.strip()}, *output]
    else:
        raise InvalidRequest(f"{path}.content", "must be a string or an array of content blocks")
    conversation.items.append(
        {"type": "function_call_output", "call_id": short_call_id(call_id), "output": output or ""}
    )


def _result_parts(conversation: Conversation, block: object, path: str) -> list[Json]:
    if isinstance(block, dict):
        if block.get("type") == "tool_reference":
            conversation.notices.rest("messages.content.tool_reference", block, _REFERENCE)
            return conversation.reference(text_of(block, path, "tool_name"))
        if block.get("type") == "browser_state":
            conversation.notices.add("messages.content.browser_state")
            return []
    return input_parts(block, path, conversation.notices)


def _system(conversation: Conversation, message: Json, path: str, *, cleared: bool) -> None:
    """Translate system text in mid-conversation.

    Args:
        conversation: takes the message.
        message: the message.
        path: where it stands.
        cleared: whether it is gone by now if it asks to be cleared at the user's next message.
    """
    conversation.notices.rest("messages", message, _SYSTEM, _OUTPUT)
    if message.get("content") is None and isinstance(message.get("output_config"), dict):
        return
    content = _content(message, path)
    clear_at = message.get("clear_at")
    if clear_at not in (None, "never", "next_user_message"):
        raise InvalidRequest(f"{path}.clear_at", "must be never or next_user_message")
    gone = cleared and clear_at == "next_user_message"
    parts: list[Json] = []
    for i, block in enumerate(content):
        at = f"{path}.content.{i}"
        kind = block_type(block, at)
        if isinstance(block, dict) and kind in ("tool_addition", "tool_removal"):
            parts += _tool_change(conversation, block, at)
        elif kind != "text":
            raise InvalidRequest(f"{at}.type", "a system message takes text and tool changes only")
        else:
            text = input_parts(block, at, conversation.notices)
            parts += [] if gone else text
    conversation.message("developer", parts)


def _tool_change(conversation: Conversation, block: Json, path: str) -> list[Json]:
    """Offer a tool that the request declares; other changes are not carried."""
    kind, tool = block["type"], block.get("tool")
    if not isinstance(tool, dict):
        raise InvalidRequest(f"{path}.tool", "must be an object with a `type`")
    conversation.notices.rest(f"messages.content.{kind}", block, _CHANGE)
    if kind == "tool_addition" and tool.get("type") == "tool_reference":
        return conversation.reference(text_of(tool, f"{path}.tool", "name"))
    conversation.notices.add(f"messages.content.{kind}")
    return []
