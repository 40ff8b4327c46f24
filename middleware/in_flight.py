"""How many Messages requests are being answered right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["CountInFlight"]

_COUNTED: Final = "/v1/messages"
_EVENT_STREAM: Final = "text/event-stream"


class CountInFlight:
    """Counts each Messages request up at its start and down once its response has been closed.

    Costs nothing per chunk. A request counts as a stream from the moment its event stream begins.

    Args:
        app: the application to wrap.
        count: called with whether the request streams, and with 1 or -1.
    """

    def __init__(self, app: WSGIApplication, count: Callable[[bool, int], object]) -> None:
        self._app = app
        self._count = count

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ.get("PATH_INFO") != _COUNTED:
            return self._app(environ, start_response)
        response = _CountedResponse(self._count, start_response)
        try:
            response.body = self._app(environ, response.start)
        except BaseException:
            response.leave()
            raise
        return response


class _CountedResponse:
    """The inner response, in flight until it is closed."""

    __slots__ = ("_count", "_start_response", "_streaming", "body")

    def __init__(self, count: Callable[[bool, int], object], start_response: StartResponse) -> None:
        self.body: Iterable[bytes] = ()
        self._count = count
        self._start_response = start_response
        self._streaming: bool | None = False
        count(False, 1)

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """Stand in for the server's start_response."""
        if any(name.lower() == "content-type" and value.startswith(_EVENT_STREAM) for name, value in headers):
            self._move(to=True)
        return self._start_response(status, headers, exc_info)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)

    def close(self) -> None:
        """Close the inner response, then count down."""
        try:
            if close := getattr(self.body, "close", None):
                close()
        finally:
            self.leave()

    def leave(self) -> None:
        """Count down, once."""
        self._move(to=None)

    def _move(self, *, to: bool | None) -> None:
        before, self._streaming = self._streaming, to if self._streaming is not None else None
        if before != self._streaming:
            if before is not None:
                self._count(before, -1)
            if self._streaming is not None:
                self._count(self._streaming, 1)
