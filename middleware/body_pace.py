"""Request bodies arrive at a pace, or not at all.

A caller that sends its body a byte at a time holds a connection and a greenlet for as long as it likes. So each piece
that the application asks for has to be there in time, the time being reckoned from its size: whoever sends at least so
many bytes a second is never cut off. gunicorn bounds the wait for the headers (`keepalive`), not that for the body.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import gevent

from packy.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["BodyPace"]

_PIECE = 1 << 20


class BodyPace:
    """Lets reads of `wsgi.input` fail with 408 where the body comes too slowly.

    Belongs right outside of BodyLimit, which asks for pieces of bounded size.

    Args:
        app: the application to wrap.
        seconds: how long any read may take.
        rate: bytes; a read may take one second more for each that many asked for.
    """

    def __init__(self, app: WSGIApplication, *, seconds: float = 30, rate: int = 1 << 14) -> None:
        self._app = app
        self._seconds = seconds
        self._rate = rate

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        length = environ.get("CONTENT_LENGTH", "")
        left = int(length) if length.isascii() and length.isdigit() and len(length) < len(str(sys.maxsize)) else _PIECE
        environ["wsgi.input"] = _PacedInput(environ["wsgi.input"], left, self._seconds, self._rate)
        return self._app(environ, start_response)


class _PacedInput:
    """A request body; its reads raise GatewayError (408) if they take too long."""

    __slots__ = ("_left", "_rate", "_seconds", "_stream")

    def __init__(self, stream: InputStream, left: int, seconds: float, rate: int) -> None:
        self._stream = stream
        self._left = left
        self._seconds = seconds
        self._rate = rate

    def read(self, size: int = -1, /) -> bytes:
        """Read as the server's own stream does."""
        return self._timed(self._stream.read, size)

    def readline(self, size: int = -1, /) -> bytes:
        """Read a line as the server's own stream does."""
        return self._timed(self._stream.readline, size)

    def readlines(self, _hint: int = -1, /) -> list[bytes]:
        """Read all lines that are left."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _timed(self, read: Callable[[int], bytes], size: int) -> bytes:
        asked = min(size, self._left, _PIECE) if size >= 0 else self._left
        timer = gevent.Timeout.start_new(self._seconds + asked / self._rate)
        try:
            return read(size)
        except gevent.Timeout as timeout:
            if timeout is not timer:
                raise
            raise GatewayError("the request body came too slowly", status=408, type="invalid_request_error") from None
        finally:
            timer.close()
