"""The conversation: `messages` → `input` items, each at its place.

The same history gives the same items in every later turn, so the upstream's prompt cache holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.content import block_type, input_parts, text_of
from packy.translation.invalid import InvalidRequest
from packy.translation.names import short_call_id
from packy.translation.signature import unpack_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation.content import Notices
    from packy.translation.names import ToolNames

__all__ = ["translate_messages"]

Json = dict[str, Any]

_ERROR_MARK = "[tool error] "


def translate_messages(messages: object, names: ToolNames, notices: Notices) -> tuple[list[Json], set[str]]:
    """Translate the conversation.

    Args:
        messages: the request's `messages`.
        names: gives tools of the history their upstream names.
        notices: takes the names of what cannot be carried.

    Returns:
        `message`, `reasoning`, `function_call` and `function_call_output` items; and the client's names of the tools
        that were called or referred to.

    Raises:
        InvalidRequest: naming the path of what is wrong.
    """
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages", "must be an array with at least one message")
    history = _History(names, notices)
    for i, message in enumerate(messages):
        path = f"messages.{i}"
        if not isinstance(message, dict):
            raise InvalidRequest(path, "must be an object with `role` and `content`")
        role = message.get("role")
        take = _ROLES.get(role) if isinstance(role, str) else None
        if take is None:
            raise InvalidRequest(f"{path}.role", "must be user, assistant or system")
        content = message.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        elif not isinstance(content, list):
            raise InvalidRequest(f"{path}.content", "must be a string or an array of content blocks")
        take(history, content, f"{path}.content")
    history.check_answered()
    return history.items, history.used


class _History:
    def __init__(self, names: ToolNames, notices: Notices) -> None:
        self.items: list[Json] = []
        self.used: set[str] = set()
        self._names = names
        self._notices = notices
        # tool_use id → where it stands, until its result has been seen; then None.
        self._calls: dict[str, str | None] = {}

    def user(self, content: list[object], path: str) -> None:
        parts: list[Json] = []
        for i, block in enumerate(content):
            at = f"{path}.{i}"
            if isinstance(block, dict) and block.get("type") == "tool_result":
                self._message("user", parts)
                parts = []
                self._result(block, at)
            else:
                parts += input_parts(block, at, self._notices)
        self._message("user", parts)

    def system(self, content: list[object], path: str) -> None:
        parts = []
        for i, block in enumerate(content):
            if block_type(block, f"{path}.{i}") != "text":
                raise InvalidRequest(f"{path}.{i}.type", "a system message takes text blocks only")
            parts += input_parts(block, f"{path}.{i}", self._notices)
        self._message("developer", parts)

    def assistant(self, content: list[object], path: str) -> None:
        texts: list[Json] = []
        for i, block in enumerate(content):
            at = f"{path}.{i}"
            kind = block_type(block, at)
            take = _ASSISTANT.get(kind)
            if take is None:
                raise InvalidRequest(f"{at}.type", "no content block of this kind is allowed in an assistant message")
            assert isinstance(block, dict)  # noqa: S101 - block_type has seen to it; this tells the type checker
            if kind != "text":
                self._message("assistant", texts)
                texts = []
            texts += take(self, block, at)
        self._message("assistant", texts)
        # A reasoning item without the call or message it led to is refused by the API (measured against the API).
        while self.items and self.items[-1]["type"] == "reasoning":
            self.items.pop()

    def text(self, block: Json, path: str) -> list[Json]:
        text = text_of(block, path)
        if block.get("citations"):
            self._notices["messages.content.citations"] = None
        return [{"type": "output_text", "text": text}] if text else []

    def thinking(self, block: Json, path: str) -> list[Json]:
        item = unpack_reasoning(text_of(block, path, "signature"))
        if item is not None:
            self.items.append(item)
        elif text_of(block, path, "thinking"):
            self._notices["messages.content.thinking"] = None
        return []

    def tool_use(self, block: Json, path: str) -> list[Json]:
        call_id = text_of(block, path, "id")
        name = text_of(block, path, "name")
        arguments = block.get("input")
        if not isinstance(arguments, dict):
            raise InvalidRequest(f"{path}.input", "must be an object")
        if not call_id or not name:
            raise InvalidRequest(path, "must have an id and a name")
        if call_id in self._calls:
            raise InvalidRequest(f"{path}.id", "tool_use ids must be unique")
        self._calls[call_id] = path
        self.used.add(name)
        self.items.append(
            {
                "type": "function_call",
                "call_id": short_call_id(call_id),
                "name": self._names.upstream(name),
                "arguments": codec.dumps(arguments).decode("utf-8"),
            }
        )
        return []

    def unsupported(self, block: Json, _: str) -> list[Json]:
        self._notices[f"messages.content.{block['type']}"] = None
        return []

    def check_answered(self) -> None:
        for path in self._calls.values():
            if path is not None:
                raise InvalidRequest(path, "this tool_use has no tool_result in the messages that follow")

    def _message(self, role: str, parts: list[Json]) -> None:
        if parts:
            self.items.append({"type": "message", "role": role, "content": parts})

    def _result(self, block: Json, path: str) -> None:
        call_id = text_of(block, path, "tool_use_id")
        if call_id not in self._calls:
            raise InvalidRequest(f"{path}.tool_use_id", "no tool_use with this id in the messages before")
        if self._calls[call_id] is None:
            raise InvalidRequest(f"{path}.tool_use_id", "this tool_use has a tool_result already")
        self._calls[call_id] = None
        content = block.get("content")
        failed = block.get("is_error") or False
        if not isinstance(failed, bool):
            raise InvalidRequest(f"{path}.is_error", "must be true or false")
        output: str | list[Json]
        if content is None or isinstance(content, str):
            output = (_ERROR_MARK if failed else "") + (content or "")
        elif isinstance(content, list):
            at = f"{path}.content"
            output = [part for i, each in enumerate(content) for part in self._result_parts(each, f"{at}.{i}")]
            if failed:
                output = [{"type": "input_text", "text": _ERROR_MARK.strip()}, *output]
        else:
            raise InvalidRequest(f"{path}.content", "must be a string or an array of content blocks")
        self.items.append({"type": "function_call_output", "call_id": short_call_id(call_id), "output": output or ""})

    def _result_parts(self, block: object, path: str) -> list[Json]:
        """Translate a block of a result; a reference to a tool names it as the upstream is given it."""
        if isinstance(block, dict) and block.get("type") == "tool_reference":
            name = text_of(block, path, "tool_name")
            self.used.add(name)
            return [{"type": "input_text", "text": f"Tool available: {self._names.upstream(name)}"}]
        return input_parts(block, path, self._notices)


_ROLES: dict[str, Callable[[_History, list[object], str], None]] = {
    "user": _History.user,
    "assistant": _History.assistant,
    "system": _History.system,
}
_ASSISTANT: dict[str, Callable[[_History, Json, str], list[Json]]] = {
    "text": _History.text,
    "thinking": _History.thinking,
    "tool_use": _History.tool_use,
    **dict.fromkeys(
        (
            "redacted_thinking",
            "server_tool_use",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "mcp_tool_use",
            "mcp_tool_result",
            "container_upload",
            "compaction",
            "image",
            "document",
        ),
        _History.unsupported,
    ),
}
