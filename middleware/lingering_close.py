"""What to do with a request body that nobody read: throw a bounded part of it away, then close the connection.

An answer can be complete while the caller still sends, as with 413 and 401. Closing at once would make the kernel reset
the connection, and the reset may overtake the answer: the caller sees a lost connection and tries again. Reading on
until the body ends, as gunicorn 27 does before the next request of a connection, lets anyone keep a worker busy.
Nginx's way out is a lingering close, with the same limits by default as here: end the own direction, read and discard
for a while, close.
"""

from __future__ import annotations

import time
from contextlib import suppress
from socket import SHUT_RDWR, SHUT_WR
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from middleware.body_limit import LimitedInput

__all__ = ["LingeringClose"]

_PIECE = 1 << 16


class LingeringClose:
    """Ends connections whose request body was not read to its end, and says so in the answer (`Connection: close`).

    Unannounced, the end would meet clients that have just sent their next request.

    Belongs outside of all others, so that the access log does not wait for it. Acts on what BodyLimit left under
    `packy.body`, and on gunicorn's `gunicorn.socket`; without them it does nothing.

    Args:
        app: the application to wrap.
        seconds: longest time to spend on one connection.
        idle_seconds: longest silence to bear.
    """

    def __init__(self, app: WSGIApplication, *, seconds: float = 30, idle_seconds: float = 5) -> None:
        self._app = app
        self._seconds = seconds
        self._idle_seconds = idle_seconds

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            if _unread(environ) and (force_close := getattr(response, "force_close", None)):
                force_close()
            return start_response(status, headers, exc_info)

        # Gunicorn takes no Connection field from an application; its response does. packy's worker hands it on, as the
        # method that start_response is elsewhere.
        response = environ.get("gunicorn.response") or getattr(start_response, "__self__", None)
        return _LingeringResponse(self._app(environ, start), lambda: self._linger(environ))

    def _linger(self, environ: WSGIEnvironment) -> None:
        connection: socket.socket | None = environ.get("gunicorn.socket")
        if connection is None or not _unread(environ):
            return
        deadline = time.monotonic() + self._seconds
        with suppress(OSError):
            connection.shutdown(SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                connection.settimeout(min(left, self._idle_seconds))
                if not connection.recv(_PIECE):
                    break
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)


def _unread(environ: WSGIEnvironment) -> bool:
    body: LimitedInput | None = environ.get("packy.body")
    return body is not None and not body.finished


class _LingeringResponse:
    """The inner response, and something to do after it."""

    __slots__ = ("_afterwards", "_body")

    def __init__(self, body: Iterable[bytes], afterwards: Callable[[], None]) -> None:
        self._body = body
        self._afterwards = afterwards

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the inner response, then do it."""
        try:
            if close := getattr(self._body, "close", None):
                close()
        finally:
            self._afterwards()
