"""How many requests for messages one worker carries at once, and how many of them for one client key.

What is over a limit is told so at once, in a form that Claude Code waits out by itself, instead of slowing down all the
others. Its body is not read: that is LingeringClose's business.
"""

from __future__ import annotations

from collections import Counter
from http import HTTPMethod
from typing import TYPE_CHECKING, Final

from middleware.answer import answer
from packy.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from packy.config import Snapshot

__all__ = ["ConcurrencyLimit"]

_PATH: Final = "/v1/messages"
_RETRY_AFTER: Final = 1  # seconds; requests end all the time


class ConcurrencyLimit:
    """Answers 429 to `POST /v1/messages` beyond `limits.max-concurrent` or `limits.max-concurrent-per-client`.

    A request counts from here until its response is closed, however it ends. The counts are those of one process, whose
    requests are greenlets of one thread: nothing comes between looking at a count and changing it.

    Needs `packy.snapshot` and `packy.client`.

    Args:
        app: the application to wrap.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._clients: Counter[str] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ["REQUEST_METHOD"] != HTTPMethod.POST or environ.get("PATH_INFO") != _PATH:
            return self._app(environ, start_response)
        client: str = environ["packy.client"]
        if refusal := self._refuse(environ["packy.snapshot"], client):
            return answer(environ, start_response, refusal)
        self._clients[client] += 1
        response = _CountedResponse(lambda: self._leave(client))
        try:
            response.body = self._app(environ, start_response)
        except BaseException:
            response.close()
            raise
        return response

    @property
    def in_flight(self) -> int:
        """How many requests are being served."""
        return self._clients.total()

    def _refuse(self, snapshot: Snapshot, client: str) -> GatewayError | None:
        limits = snapshot.limits
        if self.in_flight >= limits.max_concurrent:
            return _too_many(f"this packy worker serves {limits.max_concurrent} requests", "max-concurrent")
        own = limits.max_concurrent_per_client
        if own is not None and self._clients[client] >= own:
            return _too_many(f"this client key has {own} requests", "max-concurrent-per-client")
        return None

    def _leave(self, client: str) -> None:
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]


class _CountedResponse:
    """The inner response, counted until it is closed."""

    __slots__ = ("_leave", "body")

    def __init__(self, leave: Callable[[], None]) -> None:
        self.body: Iterable[bytes] = ()
        self._leave: Callable[[], None] | None = leave

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)

    def close(self) -> None:
        """Close the inner response, then stop counting; once."""
        leave, self._leave = self._leave, None
        if leave is None:
            return
        try:
            if close := getattr(self.body, "close", None):
                close()
        finally:
            leave()


def _too_many(found: str, key: str) -> GatewayError:
    return GatewayError(
        f"{found} at once, the limit set by limits.{key} in packy's configuration; try again, or raise it there",
        status=429,
        type="rate_limit_error",
        headers={"retry-after": str(_RETRY_AFTER)},
    )
