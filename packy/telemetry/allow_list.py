"""The gate in front of every log line: only what the events table admits passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packy.telemetry.events import EVENTS
from packy.telemetry.incidents import report_incident

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import EventDict

    from packy.telemetry.events import Kind, Value

__all__ = ["AllowList", "admit"]


def admit(fields: Mapping[str, object], kinds: Mapping[str, Kind]) -> dict[str, Value]:
    """Keep what is admitted of some fields, in their order.

    Args:
        fields: name → value.
        kinds: the event's field names and their kinds.

    Returns:
        The fields that the event has and whose values their kinds admit. None passes as it is.
    """
    admitted: dict[str, Value] = {}
    for name, value in fields.items():
        try:
            kind = kinds[name]
            admitted[name] = None if value is None else kind(value)
        except (KeyError, TypeError):
            continue
    return admitted


class AllowList:
    """Lets only tabled fields through; a structlog processor.

    Fields that the event does not have, and values of a type that the field does not admit, are dropped; how many is
    told by the field `dropped_fields` and reported as an incident, which ones is not. An event that the table does not
    have becomes `unknown_event`, without any field. None passes as it is.

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
        admitted = admit(event_dict, kinds)
        line: EventDict = {"level": level, "event": event if known else "unknown_event", **admitted}
        if dropped := len(event_dict) - len(admitted):
            line["dropped_fields"] = dropped
            report_incident("log_value_dropped", times=dropped)
        return line
