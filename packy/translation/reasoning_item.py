"""Reasoning: what a model thinks becomes a thinking block."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from packy.translation.item import Item, array, string
from packy.translation.signature import pack_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation.item import Answer, Json

__all__ = ["ReasoningItem"]


class ReasoningItem(Item):
    """A thinking block: summary parts joined by a blank line, and one signature that carries the item."""

    __slots__ = ("_given",)

    handlers: ClassVar = {
        "response.reasoning_summary_text.delta": "summary_delta",
        "response.reasoning_summary_text.done": "summary_done",
        "response.reasoning_summary_part.done": "summary_part_done",
    }

    def __init__(self, answer: Answer, number: int) -> None:
        super().__init__(answer, number)
        self._given: dict[int, int] = {}

    @property
    def characters(self) -> int:
        """How many it has handed on."""
        return sum(self._given.values())

    def begin(self, item: Json) -> None:  # noqa: ARG002 - its encrypted_content here is not the one that counts
        """Open the block at once: while the model thinks, only an open thinking block takes signs of life."""
        self.writer.open({"type": "thinking", "thinking": "", "signature": ""})

    def summary_delta(self, event: Json) -> None:
        """Hand on a piece of a summary part."""
        self._give(event.get("summary_index"), string(event.get("delta")))

    def run_part(self, event: Json) -> int | None:
        """Any part that has begun."""
        index = event.get("summary_index")
        part = index if isinstance(index, int) else 0
        return part if self.takes_run(part) else None

    def takes_run(self, part: int) -> bool:
        """Once it has begun."""
        return part in self._given

    @property
    def run_writer(self) -> Callable[[bytes], None]:
        """What writes thinking."""
        return self.writer.run_thinking

    def ran(self, part: int, characters: int) -> None:
        """Count the characters of a summary part."""
        self._given[part] += characters

    def summary_done(self, event: Json) -> None:
        """Hand on what the deltas of a part left out."""
        self._complete(event.get("summary_index"), string(event.get("text")))

    def summary_part_done(self, event: Json) -> None:
        """The same, said once more."""
        part = event.get("part")
        self._complete(event.get("summary_index"), string(part.get("text")) if isinstance(part, dict) else "")

    def finish(self, item: Json) -> None:
        """Hand on what is missing, sign, close."""
        for index, part in enumerate(array(item.get("summary"))):
            if isinstance(part, dict):
                self._complete(index, string(part.get("text")))
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
