"""What the assistant said in one turn: text, reasoning, calls and searches, each at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.block import block_type, mere_text, text_of
from packy.translation.content import check_text, compaction_text
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
_KEYS_OF_USE = 4  # that each must have
_SEARCH_RESULT = frozenset({"type", "tool_use_id", "content", "cache_control"})
_CALLER = frozenset({"caller"})
_CALLER_AND_TOOLSET = frozenset({"caller", "toolset_name"})


def translate_turn(conversation: Conversation, content: list[Any]) -> None:
    """Translate a turn.

    Args:
        conversation: takes its items.
        content: its blocks.

    Raises:
        InvalidRequest: a block is malformed, or none of an assistant.
    """
    turn = _Turn(conversation)
    for i, block in enumerate(content):
        if text := mere_text(block):
            turn.say(text)
            continue
        try:
            turn.take(block)
        except InvalidRequest as wrong:
            raise wrong.within(f"content.{i}") from None
    turn.end_message()
    turn.leave_reasoning()


class _Turn:
    """Takes a turn's blocks; each adds to a message, or adds an item of its own.

    Reasoning waits until the item that it led to is there: without one the API refuses it (measured against the API).
    """

    __slots__ = ("_conversation", "_reasoning", "_searches", "_texts")

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._texts: list[Json] = []
        self._reasoning: list[Json] = []
        # server_tool_use id → the search that it became.
        self._searches: dict[str, Json] = {}

    def take(self, block: Json) -> None:
        kind = block_type(block)
        take = _BLOCKS.get(kind)
        if take is None:
            raise InvalidRequest("type", "no content block of this kind is allowed in an assistant message")
        if kind != "text":
            self.end_message()
        take(self, block)

    def end_message(self) -> None:
        if self._texts:
            self._add({"type": "message", "role": "assistant", "content": self._texts})
            self._texts = []

    def leave_reasoning(self) -> None:
        """Leave out reasoning that led to nothing that is sent."""
        if self._reasoning:
            self._conversation.notices.add("messages.content.thinking")
            self._reasoning.clear()

    def _add(self, item: Json) -> None:
        if self._reasoning:
            self._conversation.items += self._reasoning
            self._reasoning.clear()
        self._conversation.items.append(item)

    def say(self, text: str) -> None:
        if text:
            self._texts.append({"type": "output_text", "text": text})

    def text(self, block: Json) -> None:
        self.say(check_text(block, self._conversation.notices))

    def compaction(self, block: Json) -> None:
        self.say(compaction_text(block, self._conversation.notices))

    def thinking(self, block: Json) -> None:
        notices = self._conversation.notices
        item, text = unpack_reasoning(text_of(block, "signature")), text_of(block, "thinking")
        if item is not None and not self._conversation.without_reasoning:
            self._reasoning.append(item)
        elif item is not None or text:
            notices.add("messages.content.thinking")
        notices.rest("messages.content.thinking", block, _THINKING)

    def redacted_thinking(self, _: Json) -> None:
        self._conversation.notices.add("messages.content.redacted_thinking")

    def tool_use(self, block: Json) -> None:
        call_id, name, arguments = text_of(block, "id"), text_of(block, "name"), block.get("input")
        if not isinstance(arguments, dict):
            raise InvalidRequest("input", "must be an object")
        if not call_id or not name:
            raise InvalidRequest("", "must have an id and a name")
        conversation = self._conversation
        conversation.called(call_id)
        conversation.used.add(name)
        if len(block) > _KEYS_OF_USE:
            conversation.notices.rest("messages.content.tool_use", block, _USE, _CALLER_AND_TOOLSET)
        self._add(
            {
                "type": "function_call",
                "call_id": short_call_id(call_id),
                "name": conversation.names.upstream(name),
                "arguments": codec.dumps(arguments).decode("utf-8"),
            }
        )

    def server_tool_use(self, block: Json) -> None:
        call_id, name, asked = text_of(block, "id"), text_of(block, "name"), block.get("input")
        query = asked.get("query") if isinstance(asked, dict) else None
        if name != "web_search" or not isinstance(query, str):
            self.not_carried(block)
            return
        self._conversation.notices.rest("messages.content.server_tool_use", block, _USE, _CALLER)
        search = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": query}}
        self._searches[call_id] = search
        self._add(search)

    def web_search_tool_result(self, block: Json) -> None:
        """Take what a search found: the Responses API has no place for it; the text after it tells what came of it."""
        notices = self._conversation.notices
        search = self._searches.get(text_of(block, "tool_use_id"))
        found = block.get("content")
        if not isinstance(found, list | dict):
            raise InvalidRequest("content", "must be an array of results, or an error")
        if isinstance(found, dict) and search is not None:
            search["status"] = "failed"
        elif isinstance(found, dict) or not all(map(_is_own_result, found)):
            notices.add("messages.content.web_search_tool_result")
        notices.rest("messages.content.web_search_tool_result", block, _SEARCH_RESULT, _CALLER)

    def not_carried(self, block: Json) -> None:
        self._conversation.notices.add(f"messages.content.{block['type']}")
        # The reasoning that led to it has nothing left to lead to.
        self.leave_reasoning()

    def without_effect(self, _: Json) -> None:
        pass


def _is_own_result(result: object) -> bool:
    content = result.get("encrypted_content") if isinstance(result, dict) else None
    return isinstance(content, str) and content.startswith(PREFIX)


_BLOCKS: dict[str, Callable[[_Turn, Json], None]] = {
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
