"""Calls of the client's own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from packy.translation import codec
from packy.translation.item import Item, string

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation.item import Answer, Json

__all__ = ["CallItem", "CustomCallItem", "NamelessCall"]


class NamelessCall(Exception):
    """A call ended without ever naming its tool: the answer cannot be told to the client, and must not hide it."""


class CallItem(Item):
    """A tool_use block. Malformed arguments are handed on as they are: judging them is the client's part."""

    __slots__ = ("_early", "_given", "_opened")

    handlers: ClassVar = {
        "response.function_call_arguments.delta": "arguments_delta",
        "response.function_call_arguments.done": "arguments_done",
    }

    def __init__(self, answer: Answer, number: int) -> None:
        super().__init__(answer, number)
        self._opened = False
        self._given = 0
        self._early: list[str] = []

    @property
    def characters(self) -> int:
        """How many it has handed on."""
        return self._given

    def begin(self, item: Json) -> None:
        """Open the block, if the item has its name already."""
        if name := string(item.get("name")):
            self._opened = self.answer.made_call = True
            self.answer.searches.release()
            call_id = string(item.get("call_id")) or self.answer.fresh_id("call_", item, self.number)
            tool = self.answer.names.downstream(name)
            self.writer.open({"type": "tool_use", "id": call_id, "name": tool, "input": {}})
            for text in self._early:
                self.writer.arguments(text)
            self._early.clear()

    def declare(self, item: Json) -> None:
        """Open the block now, unless its name was known before."""
        if not self._opened:
            self.begin(item)

    def arguments_delta(self, event: Json) -> None:
        """Hand on a piece of the arguments."""
        self._give(string(event.get("delta")))

    def run_part(self, event: Json) -> int | None:
        """There is only one; it runs once the block is open."""
        del event
        return 0 if self._opened else None

    def takes_run(self, part: int) -> bool:
        """The same."""
        del part
        return self._opened

    @property
    def run_writer(self) -> Callable[[bytes], None]:
        """What writes arguments."""
        return self.writer.run_arguments

    def ran(self, part: int, characters: int) -> None:
        """Count the characters."""
        del part
        self._given += characters

    def arguments_done(self, event: Json) -> None:
        """Hand on what the deltas left out."""
        self._give(string(event.get("arguments"))[self._given :])

    def finish(self, item: Json) -> None:
        """Hand on what only the finished item carries, close.

        Raises:
            NamelessCall: the tool was never named.
        """
        self.declare(item)
        if not self._opened:
            raise NamelessCall
        self._give(string(item.get("arguments"))[self._given :])
        self.writer.close()

    def cut(self, item: Json) -> bool:
        """Leave half a call open: closed, Claude Code would run it (measured with 2.1.197)."""
        if item.get("status") == "completed":
            return super().cut(item)
        return self._opened

    def _give(self, text: str) -> None:
        if text:
            self._given += len(text)
            if self._opened:
                self.writer.arguments(text)
            else:
                self._early.append(text)


class CustomCallItem(CallItem):
    """A call whose input is free text: the tool_use block's input is `{"input": "<the text>"}`."""

    __slots__ = ("_given_input",)

    handlers: ClassVar = {
        "response.custom_tool_call_input.delta": "input_delta",
        "response.custom_tool_call_input.done": "input_done",
    }

    def __init__(self, answer: Answer, number: int) -> None:
        super().__init__(answer, number)
        self._given_input = 0

    def input_delta(self, event: Json) -> None:
        """Hand on a piece of the text, escaped as JSON."""
        self._give_input(string(event.get("delta")))

    def input_done(self, event: Json) -> None:
        """Hand on what the deltas left out."""
        self._give_input(string(event.get("input"))[self._given_input :])

    def finish(self, item: Json) -> None:
        """Hand on what only the finished item carries, end the JSON, close.

        Raises:
            NamelessCall: the tool was never named.
        """
        self._give_input(string(item.get("input"))[self._given_input :])
        self._give('"}' if self._given_input else '{"input":""}')
        super().finish({key: value for key, value in item.items() if key != "arguments"})

    def _give_input(self, text: str) -> None:
        if text:
            escaped = codec.dumps(text)[1:-1].decode("utf-8")
            self._give(escaped if self._given_input else '{"input":"' + escaped)
            self._given_input += len(text)
