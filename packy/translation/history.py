"""The conversation: `messages` → `input` items, each at its place.

The same history gives the same items in every later turn, so the upstream's prompt cache holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation.assistant_turn import translate_turn
from packy.translation.block import block_type, mere_text, text_of
from packy.translation.content import input_parts
from packy.translation.conversation import Conversation
from packy.translation.invalid import InvalidRequest
from packy.translation.names import short_call_id

if TYPE_CHECKING:
    from packy.translation.names import ToolNames
    from packy.translation.notices import Notices

__all__ = ["translate_messages"]

Json = dict[str, Any]

_ERROR_MARK = "[tool error] "
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
    conversation = Conversation(names, notices, without_reasoning=without_reasoning)
    from_the_last = range(len(messages) - 1, -1, -1)
    last_of_user = next((i for i in from_the_last if _role(messages[i]) == "user"), -1)
    for i, message in enumerate(messages):
        try:
            _message(conversation, message, cleared=i < last_of_user)
        except InvalidRequest as wrong:
            raise wrong.within(f"messages.{i}") from None
    if (call_id := conversation.open_call()) is not None:
        problem = "this tool_use has no tool_result in the messages that follow"
        raise InvalidRequest(_place_of(call_id, messages), problem)
    if conversation.items and conversation.items[-1].get("role") == "assistant":
        # Claude would go on with these words; a Responses API answers them.
        notices.add("messages.prefill")
    return conversation.items, conversation.used


def _message(conversation: Conversation, message: object, *, cleared: bool) -> None:
    if not isinstance(message, dict):
        raise InvalidRequest("", "must be an object with `role` and `content`")
    role = message.get("role")
    if role == "system":
        _system(conversation, message, cleared=cleared)
    elif role in ("user", "assistant"):
        if len(message) > len(_MESSAGE):  # both of them are there, or it is refused
            conversation.notices.rest("messages", message, _MESSAGE)
        translate = _user if role == "user" else translate_turn
        translate(conversation, _content(message))
    else:
        raise InvalidRequest("role", "must be user, assistant or system")


def _role(message: object) -> object:
    return message.get("role") if isinstance(message, dict) else None


def _place_of(call_id: str, messages: list[Json]) -> str:
    """Find a call again, in messages that have been translated."""
    return next(
        f"messages.{i}.content.{j}"
        for i, message in enumerate(messages)
        if message["role"] == "assistant"
        for j, block in enumerate(_content(message))
        if block["type"] == "tool_use" and block["id"] == call_id
    )


def _content(message: Json) -> list[Any]:
    content = message.get("content")
    if isinstance(content, list):
        return content
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    raise InvalidRequest("content", "must be a string or an array of content blocks")


def _user(conversation: Conversation, content: list[Any]) -> None:
    parts: list[Json] = []
    for i, block in enumerate(content):
        if text := mere_text(block):
            parts.append({"type": "input_text", "text": text})
            continue
        try:
            if block_type(block) == "tool_result":
                conversation.message("user", parts)
                parts = []
                _result(conversation, block)
            else:
                parts += input_parts(block, conversation.notices)
        except InvalidRequest as wrong:
            raise wrong.within(f"content.{i}") from None
    conversation.message("user", parts)


def _result(conversation: Conversation, block: Json) -> None:
    call_id = text_of(block, "tool_use_id")
    conversation.answered(call_id)
    conversation.notices.rest("messages.content.tool_result", block, _RESULT, _TOOLSET)
    content, failed = block.get("content"), block.get("is_error") or False
    if not isinstance(failed, bool):
        raise InvalidRequest("is_error", "must be true or false")
    output: str | list[Json]
    if content is None or isinstance(content, str):
        output = (_ERROR_MARK if failed else "") + (content or "")
    else:
        parts: list[Json] = [{"type": "input_text", "text": _ERROR_MARK.strip()}] if failed else []
        for i, part in enumerate(_content(block)):
            if text := mere_text(part):
                parts.append({"type": "input_text", "text": text})
                continue
            try:
                parts += _result_parts(conversation, part)
            except InvalidRequest as wrong:
                raise wrong.within(f"content.{i}") from None
        output = parts or ""
    conversation.items.append({"type": "function_call_output", "call_id": short_call_id(call_id), "output": output})


def _result_parts(conversation: Conversation, block: Json) -> list[Json]:
    kind = block_type(block)
    if kind == "tool_reference":
        conversation.notices.rest("messages.content.tool_reference", block, _REFERENCE)
        return conversation.reference(text_of(block, "tool_name"))
    if kind == "browser_state":
        conversation.notices.add("messages.content.browser_state")
        return []
    return input_parts(block, conversation.notices)


def _system(conversation: Conversation, message: Json, *, cleared: bool) -> None:
    """Translate system text in mid-conversation.

    Args:
        conversation: takes the message.
        message: the message.
        cleared: whether it is gone by now if it asks to be cleared at the user's next message.
    """
    conversation.notices.rest("messages", message, _SYSTEM, _OUTPUT)
    if message.get("content") is None and isinstance(message.get("output_config"), dict):
        return
    content = _content(message)
    clear_at = message.get("clear_at")
    if clear_at not in (None, "never", "next_user_message"):
        raise InvalidRequest("clear_at", "must be never or next_user_message")
    gone = cleared and clear_at == "next_user_message"
    parts: list[Json] = []
    for i, block in enumerate(content):
        try:
            parts += _system_parts(conversation, block, cleared=gone)
        except InvalidRequest as wrong:
            raise wrong.within(f"content.{i}") from None
    conversation.message("developer", parts)


def _system_parts(conversation: Conversation, block: Json, *, cleared: bool) -> list[Json]:
    kind = block_type(block)
    if kind in ("tool_addition", "tool_removal"):
        return _tool_change(conversation, block)
    if kind != "text":
        raise InvalidRequest("type", "a system message takes text and tool changes only")
    parts = input_parts(block, conversation.notices)
    return [] if cleared else parts


def _tool_change(conversation: Conversation, block: Json) -> list[Json]:
    """Offer a tool that the request declares; other changes are not carried."""
    kind, tool = block["type"], block.get("tool")
    if not isinstance(tool, dict):
        raise InvalidRequest("tool", "must be an object with a `type`")
    conversation.notices.rest(f"messages.content.{kind}", block, _CHANGE)
    if kind == "tool_addition" and tool.get("type") == "tool_reference":
        if not isinstance(name := tool.get("name"), str):
            raise InvalidRequest("tool.name", "must be a string")
        return conversation.reference(name)
    conversation.notices.add(f"messages.content.{kind}")
    return []
