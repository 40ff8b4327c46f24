"""The gate in front of every log line: only what the events table admits passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packy.telemetry.events import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import EventDict

    from packy.telemetry.events import Kind

__all__ = ["AllowList"]


class AllowList:
    """Lets only tabled fields through; a structlog processor.

    Fields that the event does not have, and values of a type that the field does not admit, are dropped; how many is
    told by the field `dropped_fields`, which ones is not. An event that the table does not have becomes
    `unknown_event`, without any field. None passes as it is.

    Args:
        events: event name → field name → kind, as packy.telemetry.events has it.
    """

    def __init__(self, events: Mapping[str, Mapping[str, Kind]] = EVENTS) -> None:
        self._events = events

    def __call__(self, _logger: object, _method: str, event_dict: EventDict) -> EventDict:
        """Rebuild the line from what is admitted."""
        event, level = event_dict.pop("event", None), event_dict.pop("level")
        known = isinstance(event, str) and event in self._events
        kinds = self._events[event] if known else {}
        line: EventDict = {"level": level, "event": event if known else "unknown_event"}
        dropped = 0
        for name, value in event_dict.items():
            try:
                kind = kinds[name]
                line[name] = None if value is None else kind(value)
            except (KeyError, TypeError):
                dropped += 1
        if dropped:
            line["dropped_fields"] = dropped
        return line
