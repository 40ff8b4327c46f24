"""What the assistant said in one turn: text, reasoning, calls and searches, each at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.content import block_type, check_text, compaction_text, text_of
from packy.translation.invalid import InvalidRequest
from packy.translation.names import short_call_id
from packy.translation.signature import PREFIX, unpack_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation.conversation import Conversation

__all__ = ["translate_turn"]

Json = dict[str, Any]

# The keys of each block that are carried, or that have no effect on the answer; then the others that it may have.
_THINKING = frozenset({"type", "thinking", "signature"})
_USE = frozenset({"type", "id", "name", "input", "cache_control"})
_SEARCH_RESULT = frozenset({"type", "tool_use_id", "content", "cache_control"})
_CALLER = frozenset({"caller"})
_CALLER_AND_TOOLSET = frozenset({"caller", "toolset_name"})


def translate_turn(
    conversation: Conversation, content: list[object], path: str, *, without_reasoning: bool = False
) -> None:
    """Translate a turn.

    Args:
        conversation: takes its items.
        content: its blocks.
        path: where they stand.
        without_reasoning: leave the reasoning items out.

    Raises:
        InvalidRequest: a block is malformed, or none of an assistant.
    """
    turn = _Turn(conversation, without_reasoning=without_reasoning)
    texts: list[Json] = []
    for i, block in enumerate(content):
        at = f"{path}.{i}"
        kind = block_type(block, at)
        take = _BLOCKS.get(kind)
        if take is None:
            raise InvalidRequest(f"{at}.type", "no content block of this kind is allowed in an assistant message")
        assert isinstance(block, dict)  # noqa: S101 - block_type has seen to it; this tells the type checker
        if kind != "text":
            turn.message(texts)
            texts = []
        texts += take(turn, block, at)
    turn.message(texts)


class _Turn:
    """Takes a turn's blocks; each gives the parts of a message, or adds an item of its own.

    Reasoning waits until the item that it led to is there: without one the API refuses it (measured against the API).
    """

    __slots__ = ("_conversation", "_reasoning", "_searches", "_without_reasoning")

    def __init__(self, conversation: Conversation, *, without_reasoning: bool) -> None:
        self._conversation = conversation
        self._without_reasoning = without_reasoning
        self._reasoning: list[Json] = []
        # server_tool_use id → the search that it became.
        self._searches: dict[str, Json] = {}

    def message(self, parts: list[Json]) -> None:
        if parts:
            self._add({"type": "message", "role": "assistant", "content": parts})

    def _add(self, item: Json) -> None:
        self._conversation.items += self._reasoning
        self._reasoning.clear()
        self._conversation.items.append(item)

    def text(self, block: Json, path: str) -> list[Json]:
        return _output_text(check_text(block, path, self._conversation.notices))

    def compaction(self, block: Json, path: str) -> list[Json]:
        return _output_text(compaction_text(block, path, self._conversation.notices))

    def thinking(self, block: Json, path: str) -> list[Json]:
        notices = self._conversation.notices
        item, text = unpack_reasoning(text_of(block, path, "signature")), text_of(block, path, "thinking")
        if item is not None and not self._without_reasoning:
            self._reasoning.append(item)
        elif item is not None or text:
            notices.add("messages.content.thinking")
        notices.rest("messages.content.thinking", block, _THINKING)
        return []

    def redacted_thinking(self, _: Json, __: str) -> list[Json]:
        self._conversation.notices.add("messages.content.redacted_thinking")
        return []

    def tool_use(self, block: Json, path: str) -> list[Json]:
        call_id, name, arguments = text_of(block, path, "id"), text_of(block, path, "name"), block.get("input")
        if not isinstance(arguments, dict):
            raise InvalidRequest(f"{path}.input", "must be an object")
        if not call_id or not name:
            raise InvalidRequest(path, "must have an id and a name")
        conversation = self._conversation
        conversation.called(call_id, path)
        conversation.used.add(name)
        conversation.notices.rest("messages.content.tool_use", block, _USE, _CALLER_AND_TOOLSET)
        self._add(
            {
                "type": "function_call",
                "call_id": short_call_id(call_id),
                "name": conversation.names.upstream(name),
                "arguments": codec.dumps(arguments).decode("utf-8"),
            }
        )
        return []

    def server_tool_use(self, block: Json, path: str) -> list[Json]:
        call_id, name, asked = text_of(block, path, "id"), text_of(block, path, "name"), block.get("input")
        query = asked.get("query") if isinstance(asked, dict) else None
        if name != "web_search" or not isinstance(query, str):
            return self.not_carried(block, path)
        self._conversation.notices.rest("messages.content.server_tool_use", block, _USE, _CALLER)
        search = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": query}}
        self._searches[call_id] = search
        self._add(search)
        return []

    def web_search_tool_result(self, block: Json, path: str) -> list[Json]:
        """Take what a search found: the Responses API has no place for it; the text after it tells what came of it."""
        notices = self._conversation.notices
        search = self._searches.get(text_of(block, path, "tool_use_id"))
        found = block.get("content")
        if not isinstance(found, list | dict):
            raise InvalidRequest(f"{path}.content", "must be an array of results, or an error")
        if isinstance(found, dict) and search is not None:
            search["status"] = "failed"
        elif isinstance(found, dict) or not all(map(_is_own_result, found)):
            notices.add("messages.content.web_search_tool_result")
        notices.rest("messages.content.web_search_tool_result", block, _SEARCH_RESULT, _CALLER)
        return []

    def not_carried(self, block: Json, _: str) -> list[Json]:
        self._conversation.notices.add(f"messages.content.{block['type']}")
        # The reasoning that led to it has nothing left to lead to.
        self._reasoning.clear()
        return []

    def without_effect(self, _: Json, __: str) -> list[Json]:
        return []


def _output_text(text: str) -> list[Json]:
    return [{"type": "output_text", "text": text}] if text else []


def _is_own_result(result: object) -> bool:
    content = result.get("encrypted_content") if isinstance(result, dict) else None
    return isinstance(content, str) and content.startswith(PREFIX)


_BLOCKS: dict[str, Callable[[_Turn, Json, str], list[Json]]] = {
    "text": _Turn.text,
    "thinking": _Turn.thinking,
    "redacted_thinking": _Turn.redacted_thinking,
    "tool_use": _Turn.tool_use,
    "server_tool_use": _Turn.server_tool_use,
    "web_search_tool_result": _Turn.web_search_tool_result,
    "compaction": _Turn.compaction,
    # It tells which model wrote what stands around it; Claude is not shown it either.
    "fallback": _Turn.without_effect,
    **dict.fromkeys(
        (
            "web_fetch_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "advisor_tool_result",
            "mcp_tool_listing",
            "search_result",
            "mcp_tool_use",
            "mcp_tool_result",
            "container_upload",
            "image",
            "document",
        ),
        _Turn.not_carried,
    ),
}
