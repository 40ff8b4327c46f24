"""The output items of a stream, let through one at a time.

Blocks of a Messages stream never overlap; items of a Responses stream may. One item at a time is live and flows through
as it arrives; events of the others wait, in order, until it is their turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packy.translation.call_item import CallItem, CustomCallItem
from packy.translation.item import string
from packy.translation.message_item import MessageItem
from packy.translation.reasoning_item import ReasoningItem
from packy.translation.search_item import SearchItem

if TYPE_CHECKING:
    from packy.translation.item import Answer, Item, Json

__all__ = ["ITEM_EVENTS", "Items"]

_ITEMS: dict[str, type[Item]] = {
    "reasoning": ReasoningItem,
    "message": MessageItem,
    "function_call": CallItem,
    "custom_tool_call": CustomCallItem,
    "web_search_call": SearchItem,
}
_CALLS = ("function_call", "custom_tool_call")
_ITEM_OF_EVENT = {event: name for name, item in _ITEMS.items() for event in item.handlers}
_ADDED = "response.output_item.added"
_DONE = "response.output_item.done"

ITEM_EVENTS = frozenset({_ADDED, _DONE, *_ITEM_OF_EVENT})
"""Types of the events that `Items.take` understands."""


class Items:
    """The items of one answer.

    Args:
        answer: what they share.
        reasoning: whether reasoning items become thinking blocks.

    Attributes:
        live: the item whose events flow through as they arrive.
        cut: the answer stopped in the middle of a call, whose block stays open.
    """

    __slots__ = (
        "_added", "_answer", "_begun", "_begun_types", "_ended", "_finished", "_finished_ids", "_ignored",
        "_indexes_repeat", "_live", "_reasoning", "_unfinished", "_waiting", "cut", "live",
    )  # fmt: skip

    def __init__(self, answer: Answer, *, reasoning: bool) -> None:
        self._answer = answer
        self._reasoning = reasoning
        self._live: int | None = None
        self.live: Item | None = None
        # The live item as `output_item.added` gave it, and as an `output_item.done` did that says that it was cut.
        self._added: Json | None = None
        self._unfinished: Json = {}
        self._waiting: dict[int, list[tuple[str, Json]]] = {}
        self._finished: set[int] = set()
        self._finished_ids: set[str] = set()
        self._begun_types: set[str] = set()
        self._begun = 0
        self._ended = 0
        self._indexes_repeat = False
        self._ignored: set[int | str] = set()
        self.cut = False

    def live_for(self, event: Json) -> Item | None:
        """Give the live item, if an event is one of its; None where it belongs to another, or none is live."""
        index = event.get("output_index")
        return self.live if not isinstance(index, int) or index == self._live else None

    def take(self, kind: str, event: Json) -> None:
        """Take an event of an item.

        Args:
            kind: its type, one of `ITEM_EVENTS`.
            event: the event.
        """
        index = event.get("output_index")
        if not isinstance(index, int):
            index = self._live if self._live is not None else len(self._finished)
        item = self.live
        if index == self._live and item is not None and (method := item.handlers.get(kind)):
            getattr(item, method)(event)
        elif index == self._live or self._live is None:
            self._deliver(index, kind, event)
            if self._live is None and self._waiting:
                self._release()
        elif not self._is_late(index, kind, event):
            self._waiting.setdefault(index, []).append((kind, event))

    def ignore(self, event: Json) -> None:
        """Count an event of an unknown type: once for each item that has such events."""
        self._ignore(event.get("output_index"), event.get("item_id"))

    def conclude(self, output: list[object], *, cut_short: bool) -> None:
        """Hand on all that is still open, waiting, or carried by the final response alone.

        Args:
            output: the final response's items.
            cut_short: the upstream stopped in the middle of its answer.
        """
        items = {i: item for i, item in enumerate(output) if isinstance(item, dict)}
        while self._live is not None:
            whole = items.get(self._ended if self._indexes_repeat else self._live) or self._unfinished
            if cut_short and self.live is not None:
                self.cut = self.live.cut(whole)
                if self.cut:
                    return
                self._over(whole)
            else:
                self._end(whole)
            self._release()
        for index, item in items.items():
            half = cut_short and item.get("status") != "completed" and item.get("type") in _CALLS
            if not half and not self._was_given(index, item):
                self._take_whole(index, item)
        self._answer.searches.release()

    def _take_whole(self, index: int, item: Json) -> None:
        self._begin(index, _DONE, {"output_index": index}, item)
        if self._live is not None:
            self._end(item)

    def _deliver(self, index: int, kind: str, event: Json) -> None:
        item = event.get("item")
        declared = item if isinstance(item, dict) else None
        if self._live is None:
            if self._is_late(index, kind, event):
                return
            self._begin(index, kind, event, declared)
        elif kind == _ADDED:
            self._declare(index, event, declared or {})
        if index == self._live:
            if kind == _DONE:
                self._done(declared or {})
            elif self.live is not None and (method := self.live.handlers.get(kind)):
                getattr(self.live, method)(event)

    def _release(self) -> None:
        """Let waiting items flow until one of them is live and unfinished."""
        while self._live is None and self._waiting:
            index = next(iter(self._waiting))
            for kind, event in self._waiting.pop(index):
                self._deliver(index, kind, event)

    def _begin(self, index: int, kind: str, event: Json, declared: Json | None) -> None:
        self._live, self.live = index, None
        self._added, self._unfinished = (declared if kind == _ADDED else None), {}
        # A delta without output_item.added: its own type tells whose it is.
        name = declared.get("type") if declared is not None else _ITEM_OF_EVENT.get(kind)
        self._begun_types.add(string(name))
        known = _ITEMS.get(name) if isinstance(name, str) else None
        if known is not None and (known is not ReasoningItem or self._reasoning):
            self.live = known(self._answer, self._begun)
            self._begun += 1
            self.live.begin(declared or {})
            return
        if known is None:
            self._ignore(index, (declared or {}).get("id"))
        if isinstance(event.get("output_index"), int):
            # Nothing has to wait for what is left out; without indexes, its events could not be told from others.
            self._over(declared or {})

    def _declare(self, index: int, event: Json, added: Json) -> None:
        """Take an `output_item.added` at the live item's index: a late one, a second one, or another item's."""
        if self._added is None:
            self._added = added
            if self.live is not None:
                self.live.declare(added)
        elif _identity(added) != _identity(self._added):
            self._indexes_repeat = True
            self._end({})
            self._begin(index, _ADDED, event, added)

    def _done(self, whole: Json) -> None:
        if whole.get("status") == "incomplete" and isinstance(self.live, CallItem):
            # Whether it is half a call, the end of the answer will tell.
            self._unfinished = whole
        else:
            self._end(whole)

    def _end(self, whole: Json) -> None:
        if self.live is not None:
            self.live.finish(whole)
        self._over(whole)

    def _over(self, whole: Json) -> None:
        if self.live is not None:
            self._answer.characters += self.live.characters
        if self._live is not None:
            self._finished.add(self._live)
        self._finished_ids.update(item_id for item in (whole, self._added or {}) if (item_id := string(item.get("id"))))
        self._ended += 1
        self._live = self.live = None

    def _is_late(self, index: int, kind: str, event: Json) -> bool:
        """Tell whether an event comes after its item's end; some relays give every item the same index."""
        if index not in self._finished:
            return False
        item = event.get("item")
        item_id = string(item.get("id")) if isinstance(item, dict) else ""
        if item_id in self._finished_ids if item_id else kind != _ADDED:
            return True
        self._indexes_repeat = True
        self._finished.discard(index)
        self._ignored.discard(index)
        return False

    def _was_given(self, index: int, item: Json) -> bool:
        given = index < self._ended if self._indexes_repeat else index in self._finished
        # A final response may leave out reasoning, so that what follows has its place; reasoning that comes behind what
        # it led to is of no use itself.
        kind = string(item.get("type"))
        same = kind in self._begun_types or kind == "reasoning"
        return (given and same) or string(item.get("id")) in self._finished_ids

    def _ignore(self, index: object, item_id: object) -> None:
        keys = {key for key in (index, item_id) if isinstance(key, int | str)}
        if self._ignored.isdisjoint(keys):
            self._answer.ignored += 1
        self._ignored |= keys


def _identity(item: Json) -> tuple[object, ...]:
    return item.get("type"), item.get("id"), item.get("call_id")
