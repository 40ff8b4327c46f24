"""A conversation on its way upstream: what all of its turns share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation.invalid import InvalidRequest

if TYPE_CHECKING:
    from packy.translation.names import ToolNames
    from packy.translation.notices import Notices

__all__ = ["Conversation"]

Json = dict[str, Any]


class Conversation:
    """The items so far.

    Args:
        names: gives tools of the history their upstream names.
        notices: takes the names of what cannot be carried.
        without_reasoning: leave all reasoning items out.

    Attributes:
        items: of the Responses API.
        used: the client's names of the tools that were called or referred to.
        names: as given.
        notices: as given.
        without_reasoning: as given.
    """

    __slots__ = ("_calls", "items", "names", "notices", "used", "without_reasoning")

    def __init__(self, names: ToolNames, notices: Notices, *, without_reasoning: bool = False) -> None:
        self.items: list[Json] = []
        self.used: set[str] = set()
        self.names = names
        self.notices = notices
        self.without_reasoning = without_reasoning
        # tool_use id → whether its result has been seen.
        self._calls: dict[str, bool] = {}

    def called(self, call_id: str) -> None:
        """Note a call.

        Args:
            call_id: the id of a tool_use.

        Raises:
            InvalidRequest: there was one with this id before.
        """
        if call_id in self._calls:
            raise InvalidRequest("id", "tool_use ids must be unique")
        self._calls[call_id] = False

    def answered(self, call_id: str) -> None:
        """Note the result of a call.

        Args:
            call_id: the id of its tool_use.

        Raises:
            InvalidRequest: there was no such call, or it has a result already.
        """
        seen = self._calls.get(call_id)
        if seen is None:
            raise InvalidRequest("tool_use_id", "no tool_use with this id in the messages before")
        if seen:
            raise InvalidRequest("tool_use_id", "this tool_use has a tool_result already")
        self._calls[call_id] = True

    def open_call(self) -> str | None:
        """Give the id of the first call without a result; None where each has one."""
        return next((call_id for call_id, seen in self._calls.items() if not seen), None)

    def message(self, role: str, parts: list[Json]) -> None:
        """Add a message, unless it is empty.

        Args:
            role: of the Responses API.
            parts: its content.
        """
        if parts:
            self.items.append({"type": "message", "role": role, "content": parts})

    def reference(self, name: str) -> list[Json]:
        """Tell of a tool that is offered from here on.

        Args:
            name: the client's name.

        Returns:
            A part that names it as the upstream is given it.
        """
        self.used.add(name)
        return [{"type": "input_text", "text": f"Tool available: {self.names.upstream(name)}"}]
