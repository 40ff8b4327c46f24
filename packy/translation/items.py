"""The output items of a Responses stream, each knowing how much of itself has been handed on.

An upstream says everything up to four times: in deltas, in the part's `.done`, in the item's `.done` and in the final
response. An item counts the characters it has handed on, and hands on only what is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from packy.translation import codec
from packy.translation.signature import pack_reasoning

if TYPE_CHECKING:
    from packy.translation.message import MessageWriter
    from packy.translation.names import ToolNames

__all__ = ["ITEMS", "CallItem", "CustomCallItem", "Item", "MessageItem", "ReasoningItem"]

Json = dict[str, Any]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _parts(value: object) -> list[object]:
    return value if isinstance(value, list) else []


class Item:
    """One output item, becoming one or more content blocks.

    Args:
        writer: where its blocks go.
        names: the request's tool names.

    Attributes:
        made_call: it opened a tool_use block.
        refused: it holds a refusal.
    """

    # Upstream event type → name of the method that takes it, while this item is the live one.
    handlers: ClassVar[dict[str, str]] = {}

    def __init__(self, writer: MessageWriter, names: ToolNames) -> None:
        self.writer = writer
        self.names = names
        self.made_call = False
        self.refused = False

    def begin(self, item: Json) -> None:
        """Take `response.output_item.added`."""

    def finish(self, item: Json) -> None:
        """Take the whole item, of `response.output_item.done` or the final response; `{}` where it never came."""


class ReasoningItem(Item):
    """A thinking block: summary parts joined by a blank line, and one signature that carries the item."""

    handlers: ClassVar = {
        "response.reasoning_summary_text.delta": "summary_delta",
        "response.reasoning_summary_text.done": "summary_done",
        "response.reasoning_summary_part.done": "summary_part_done",
    }

    def __init__(self, writer: MessageWriter, names: ToolNames) -> None:
        super().__init__(writer, names)
        self._given: dict[int, int] = {}

    def begin(self, item: Json) -> None:  # noqa: ARG002 - its encrypted_content here is not the one that counts
        """Open the block at once: while the model thinks, only an open thinking block takes signs of life."""
        self.writer.open({"type": "thinking", "thinking": "", "signature": ""})

    def summary_delta(self, event: Json) -> None:
        """Hand on a piece of a summary part."""
        self._give(event.get("summary_index"), _text(event.get("delta")))

    def summary_done(self, event: Json) -> None:
        """Hand on what the deltas of a part left out."""
        self._complete(event.get("summary_index"), _text(event.get("text")))

    def summary_part_done(self, event: Json) -> None:
        """The same, said once more."""
        part = event.get("part")
        self._complete(event.get("summary_index"), _text(part.get("text")) if isinstance(part, dict) else "")

    def finish(self, item: Json) -> None:
        """Hand on what is missing, sign, close."""
        for index, part in enumerate(_parts(item.get("summary"))):
            if isinstance(part, dict):
                self._complete(index, _text(part.get("text")))
        if item:
            self.writer.signature(pack_reasoning(item))
        self.writer.close()

    def _complete(self, index: object, whole: str) -> None:
        self._give(index, whole[self._given.get(index if isinstance(index, int) else 0, 0) :])

    def _give(self, index: object, text: str) -> None:
        part = index if isinstance(index, int) else 0
        if not text:
            return
        if part not in self._given and self._given:
            self.writer.thinking("\n\n")
        self._given[part] = self._given.get(part, 0) + len(text)
        self.writer.thinking(text)


class MessageItem(Item):
    """Text blocks, one for each content part; a refusal is text too."""

    handlers: ClassVar = {
        "response.output_text.delta": "text_delta",
        "response.output_text.done": "text_done",
        "response.refusal.delta": "refusal_delta",
        "response.refusal.done": "refusal_done",
        "response.content_part.done": "part_done",
    }

    def __init__(self, writer: MessageWriter, names: ToolNames) -> None:
        super().__init__(writer, names)
        self._given: dict[int, int] = {}
        self._open: int | None = None

    def text_delta(self, event: Json) -> None:
        """Hand on a piece of text."""
        self._give(event.get("content_index"), _text(event.get("delta")))

    def text_done(self, event: Json) -> None:
        """Hand on what the deltas left out."""
        self._complete(event.get("content_index"), _text(event.get("text")))

    def refusal_delta(self, event: Json) -> None:
        """Hand on a piece of a refusal."""
        self.refused = True
        self._give(event.get("content_index"), _text(event.get("delta")))

    def refusal_done(self, event: Json) -> None:
        """Hand on what the deltas of a refusal left out."""
        self.refused = True
        self._complete(event.get("content_index"), _text(event.get("refusal")))

    def part_done(self, event: Json) -> None:
        """Hand on what only the finished part carries."""
        self._complete_part(event.get("content_index"), event.get("part"))

    def finish(self, item: Json) -> None:
        """Hand on what only the finished item carries, close."""
        for index, part in enumerate(_parts(item.get("content"))):
            self._complete_part(index, part)
        if self._open is not None:
            self.writer.close()
            self._open = None

    def _complete_part(self, index: object, part: object) -> None:
        if isinstance(part, dict):
            self.refused = self.refused or part.get("type") == "refusal"
            self._complete(index, _text(part.get("text")) or _text(part.get("refusal")))

    def _complete(self, index: object, whole: str) -> None:
        self._give(index, whole[self._given.get(index if isinstance(index, int) else 0, 0) :])

    def _give(self, index: object, text: str) -> None:
        if not text:
            return
        part = index if isinstance(index, int) else 0
        if self._open != part:
            if self._open is not None:
                self.writer.close()
            self.writer.open({"type": "text", "text": ""})
            self._open = part
        self._given[part] = self._given.get(part, 0) + len(text)
        self.writer.text(text)


class CallItem(Item):
    """A tool_use block. Malformed arguments are handed on as they are: judging them is the client's part."""

    handlers: ClassVar = {
        "response.function_call_arguments.delta": "arguments_delta",
        "response.function_call_arguments.done": "arguments_done",
    }

    def __init__(self, writer: MessageWriter, names: ToolNames) -> None:
        super().__init__(writer, names)
        self._given = 0
        self._early: list[str] = []

    def begin(self, item: Json) -> None:
        """Open the block, if the item has its name already."""
        if _text(item.get("name")):
            self.made_call = True
            self.writer.open(
                {
                    "type": "tool_use",
                    "id": _text(item.get("call_id")) or _text(item.get("id")),
                    "name": self.names.downstream(item["name"]),
                    "input": {},
                }
            )
            for text in self._early:
                self.writer.arguments(text)
            self._early.clear()

    def arguments_delta(self, event: Json) -> None:
        """Hand on a piece of the arguments."""
        self._give(_text(event.get("delta")))

    def arguments_done(self, event: Json) -> None:
        """Hand on what the deltas left out."""
        self._give(_text(event.get("arguments"))[self._given :])

    def finish(self, item: Json) -> None:
        """Hand on what only the finished item carries, close."""
        if not self.made_call:
            self.begin(item)
        self._give(_text(item.get("arguments"))[self._given :])
        if self.made_call:
            self.writer.close()

    def _give(self, text: str) -> None:
        if text:
            self._given += len(text)
            if self.made_call:
                self.writer.arguments(text)
            else:
                self._early.append(text)


class CustomCallItem(CallItem):
    """A call whose input is free text: the tool_use block's input is `{"input": "<the text>"}`."""

    handlers: ClassVar = {
        "response.custom_tool_call_input.delta": "input_delta",
        "response.custom_tool_call_input.done": "input_done",
    }

    def __init__(self, writer: MessageWriter, names: ToolNames) -> None:
        super().__init__(writer, names)
        self._given_input = 0

    def input_delta(self, event: Json) -> None:
        """Hand on a piece of the text, escaped as JSON."""
        self._give_input(_text(event.get("delta")))

    def input_done(self, event: Json) -> None:
        """Hand on what the deltas left out."""
        self._give_input(_text(event.get("input"))[self._given_input :])

    def finish(self, item: Json) -> None:
        """Hand on what only the finished item carries, end the JSON, close."""
        self._give_input(_text(item.get("input"))[self._given_input :])
        self._give('"}' if self._given_input else '{"input":""}')
        super().finish({key: value for key, value in item.items() if key != "arguments"})

    def _give_input(self, text: str) -> None:
        if text:
            escaped = codec.dumps(text)[1:-1].decode("utf-8")
            self._give(escaped if self._given_input else '{"input":"' + escaped)
            self._given_input += len(text)


ITEMS: dict[str, type[Item]] = {
    "reasoning": ReasoningItem,
    "message": MessageItem,
    "function_call": CallItem,
    "custom_tool_call": CustomCallItem,
}
