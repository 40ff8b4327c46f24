"""What an upstream was asked and what became of it: in memory only, bounded, and gone with the process."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Capture", "Exchange"]

_KEPT_REQUESTS: Final = 512
_KEPT_BYTES: Final = 64 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its answer. Its repr shows nothing of what was said.

    Attributes:
        number: 1 for the first request since the start or the last reset.
        method: HTTP method.
        path: with its query.
        headers: names in lower case.
        body: as it came.
        status: HTTP status of the answer; 0 while there is none.
        rule: index of the scripted rule that answered; None for the persona and for refusals.
        output: the items that `output_item.done` events carried so far.
        tokens: `input`, `cached`, `output`, `reasoning`, once the answer's terminal event was sent.
        events: how many events were sent.
        started: Unix time at which the request was complete.
        finished: Unix time at which the answer ended, however it did; None before.
        cancelled: whether the client hung up before that.
    """

    number: int
    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int = 0
    rule: int | None = None
    output: list[dict[str, Any]] = field(default_factory=list, repr=False)
    tokens: dict[str, int] | None = None
    events: int = 0
    started: float = field(default_factory=time.time)
    finished: float | None = None
    cancelled: bool = False

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The body, parsed."""
        return orjson.loads(self.body)

    def as_dict(self) -> dict[str, Any]:
        """Build what the control route shows: all fields, the body as JSON where it is."""
        body: orjson.Fragment | str
        try:
            orjson.loads(self.body)
            body = orjson.Fragment(self.body)  # nested deeper, perhaps, than could be serialised again
        except orjson.JSONDecodeError:
            body = self.body.decode(errors="replace")
        names = ("number", "method", "path", "headers", "status", "rule", "output", "tokens", "events")
        times = ("started", "finished", "cancelled")
        return {name: getattr(self, name) for name in (*names, *times)} | {"body": body}


class Capture:
    """A ring of exchanges, with counters that outlive them. Safe to read from other threads.

    Attributes:
        changed: notified after every change.
        connections_open: TCP connections, idle ones included.
        connections_total: those since the start.
        in_flight: requests that are being answered.
        requests: those since the start or the last reset.
        statuses: answers by HTTP status, from their first octet on.
        tokens: counts by model and kind, over all answers whose terminal event was sent.
        cancelled: `number`, `at` (Unix time) and `events` of the answers whose client hung up.
        errors: faults of this server itself, by type and place; a test that finds one has found a bug.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.Lock())
        self._exchanges: deque[Exchange] = deque()
        self._bytes = 0
        self.connections_open = 0
        self.connections_total = 0
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget all exchanges and counts, but not what is open or in flight."""
        with self.changed:
            self._exchanges.clear()
            self._bytes = 0
            self.requests = 0
            self.errors: list[str] = []
            self.statuses: dict[int, int] = {}
            self.tokens: dict[str, dict[str, int]] = {}
            self.cancelled: deque[dict[str, float | int]] = deque(maxlen=_KEPT_REQUESTS)

    @property
    def exchanges(self) -> list[Exchange]:
        """Those kept, oldest first."""
        with self.changed:
            return list(self._exchanges)

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Count a connection while it is open."""
        self._count_connection(1)
        try:
            yield
        finally:
            self._count_connection(-1)

    def _count_connection(self, step: int) -> None:
        with self.changed:
            self.connections_open += step
            self.connections_total += max(step, 0)
            self.changed.notify_all()

    def begin(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Exchange:
        """Keep a request; the oldest ones make room for it."""
        with self.changed:
            self.requests += 1
            self.in_flight += 1
            exchange = Exchange(self.requests, method, path, headers, body)
            self._exchanges.append(exchange)
            self._bytes += len(body)
            while len(self._exchanges) > _KEPT_REQUESTS or (self._bytes > _KEPT_BYTES and len(self._exchanges) > 1):
                self._bytes -= len(self._exchanges.popleft().body)
            self.changed.notify_all()
        return exchange

    def answer(self, exchange: Exchange, status: int) -> None:
        """Note that an answer begins."""
        with self.changed:
            exchange.status = status
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self.changed.notify_all()

    def end(self, exchange: Exchange, *, cancelled: bool) -> None:
        """Note how an answer ended."""
        with self.changed:
            exchange.finished = time.time()
            exchange.cancelled = cancelled
            self.in_flight -= 1
            if cancelled:
                self.cancelled.append({"number": exchange.number, "at": exchange.finished, "events": exchange.events})
            self.changed.notify_all()

    def tally(self, exchange: Exchange, model: str, tokens: dict[str, int]) -> None:
        """Add an answer's tokens to its model's account."""
        with self.changed:
            exchange.tokens = tokens
            account = self.tokens.setdefault(model, {"requests": 0, **dict.fromkeys(tokens, 0)})
            account["requests"] += 1
            for name, count in tokens.items():
                account[name] += count
            self.changed.notify_all()

    def stats(self) -> dict[str, Any]:
        """Build what the control route shows."""
        with self.changed:
            return {
                "open_connections": self.connections_open,
                "total_connections": self.connections_total,
                "in_flight": self.in_flight,
                "requests": self.requests,
                "statuses": {str(status): count for status, count in self.statuses.items()},
                "tokens": {model: dict(account) for model, account in self.tokens.items()},
                "cancelled": list(self.cancelled),
                "errors": list(self.errors),
            }
