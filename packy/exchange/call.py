"""What an exchange works with: the caller's request, and what all requests of a worker share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packy.routing import Cooldowns, LearnedParameters
from packy.translation import OMITTABLE
from packy.upstream import Connector, ShuttingDown

if TYPE_CHECKING:
    from packy.config import Snapshot
    from packy.upstream import ClientWatch

__all__ = ["Call", "Upstreams"]


@dataclass(frozen=True, slots=True)
class Call:
    """A Messages request.

    Attributes:
        body: the decoded body.
        model: as it asks for it.
        streaming: whether it asks for a stream.
        request_id: `req_…`.
        cache_key: `prompt_cache_key` of its session, None without a session.
        snapshot: the configuration it keeps to.
    """

    body: dict[str, Any] = field(repr=False)
    model: str
    streaming: bool
    request_id: str
    cache_key: str | None
    snapshot: Snapshot


class Upstreams:
    """What the requests of a worker share; the cooldowns and what was learned are those of all workers.

    Make it before the fork.

    Args:
        connections: how many connections to keep for each provider.

    Attributes:
        connector: opens connections.
        cooldowns: providers to be left alone for a while.
        learned: parameters that providers refuse.
        running: the watches of the exchanges under way in this worker.
    """

    def __init__(self, connections: int) -> None:
        self.connector = Connector(connections)
        self.cooldowns = Cooldowns()
        self.learned = LearnedParameters(OMITTABLE)
        self.running: set[ClientWatch] = set()

    def shut_down(self) -> None:
        """End all exchanges under way: their callers are told that they can come again."""
        for watch in tuple(self.running):
            watch.interrupt(ShuttingDown())
