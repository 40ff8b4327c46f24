"""What every output item of a Responses stream is, and what the items of one answer share.

An upstream says everything up to four times: in deltas, in the part's `.done`, in the item's `.done` and in the final
response. An item counts the characters it has handed on, and hands on only what is new.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from packy.translation.web_search import Searches

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation.message import MessageWriter
    from packy.translation.names import ToolNames
    from packy.translation.stop_sequences import StopSequences

__all__ = ["Answer", "Item", "Json", "array", "string"]

Json = dict[str, Any]


def string(value: object) -> str:
    """Give a string as it is, and anything else as none."""
    return value if isinstance(value, str) else ""


def array(value: object) -> list[object]:
    """Give an array as it is, and anything else as an empty one."""
    return value if isinstance(value, list) else []


@dataclass(slots=True)
class Answer:
    """What the items of one answer share.

    Attributes:
        writer: where their blocks go.
        names: the request's tool names.
        message_id: of the message they become.
        stops: cuts text at the request's stop sequences; None where it has none.
        searches: the web searches so far, and the result that is held back.
        made_call: a tool_use block has been opened.
        refused: there was a refusal.
        characters: handed on by finished items, texts apart where `stops` counts them.
        ignored: events and items that were not understood.
    """

    writer: MessageWriter
    names: ToolNames
    message_id: str
    stops: StopSequences | None = None
    searches: Searches = field(init=False)
    made_call: bool = False
    refused: bool = False
    characters: int = 0
    ignored: int = 0

    def __post_init__(self) -> None:
        """Begin without a search."""
        self.searches = Searches(self.writer)

    def fresh_id(self, prefix: str, item: Json, number: int) -> str:
        """Make an id for an item.

        Args:
            prefix: `call_` or `srvtoolu_`.
            item: the item; its own id makes the new one, where it has one.
            number: of the item, which does so otherwise: together with the message's id, for it must not come again
                in a later turn.

        Returns:
            The same id whenever the item is said again.
        """
        origin = string(item.get("id")) or f"{self.message_id}/{number}"
        return prefix + hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()[:24]


class Item:
    """One output item, becoming any number of content blocks.

    Args:
        answer: what it shares with the others.
        number: how many items came before it.
    """

    __slots__ = ("answer", "number", "writer")

    # Upstream event type → name of the method that takes it, while this item is the live one.
    handlers: ClassVar[dict[str, str]] = {}

    def __init__(self, answer: Answer, number: int) -> None:
        self.answer = answer
        self.number = number
        self.writer = answer.writer

    @property
    def characters(self) -> int:
        """How many it has handed on."""
        return 0

    def begin(self, item: Json) -> None:
        """Take what is known of the item at its first event: `{}` where `response.output_item.added` is missing."""

    def declare(self, item: Json) -> None:
        """Take a `response.output_item.added` that came late."""

    def finish(self, item: Json) -> None:
        """Take the whole item, of `response.output_item.done` or the final response; `{}` where it never came."""

    def run_part(self, event: Json) -> int | None:
        """Tell which part of the item a delta is of, if those that follow need not be looked into; else None."""
        del event
        return None

    def takes_run(self, part: int) -> bool:
        """Tell whether deltas of that part may still come as `run`."""
        del part
        return False

    @property
    def run_writer(self) -> Callable[[bytes], None]:
        """What writes a text of a run, given as the inside of a JSON string, into the open block."""
        raise NotImplementedError

    def ran(self, part: int, characters: int) -> None:
        """Take note that so many characters of a part were handed on as a run."""

    def cut(self, item: Json) -> bool:
        """Take the end of an answer that stopped in the middle of this item.

        Args:
            item: what the final response says of it; `{}` for nothing.

        Returns:
            Whether its block has to stay open, and so is the last.
        """
        self.finish(item)
        return False
