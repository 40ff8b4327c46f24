"""Mishaps that telemetry meets itself, kept until the metrics count them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Incident", "report_incident", "take_incidents"]

_Kind: TypeAlias = Literal["log_value_dropped", "uncaught"]
_KEPT: Final = 10_000


class Incident(NamedTuple):
    """Something that must not be known to the log's readers alone.

    Attributes:
        kind: `log_value_dropped`: the events table did not admit it. `uncaught`: an exception nobody caught.
        where: a word for where it happened; empty where that tells nothing.
        times: how often.
    """

    kind: _Kind
    where: str
    times: int


# It takes no lock: destructors and signal handlers report as well, whatever they have interrupted.
_incidents: deque[Incident] = deque(maxlen=_KEPT)


def report_incident(kind: _Kind, where: str = "", times: int = 1) -> None:
    """Keep an incident; the oldest are forgotten where nobody takes them."""
    _incidents.append(Incident(kind, where, times))


def take_incidents() -> Iterator[Incident]:
    """Yield the incidents of this process that nobody has taken yet."""
    while _incidents:
        yield _incidents.popleft()
