"""Request bodies up to `limits.max-body`, and no further.

A Content-Length over the limit is answered with 413 before a byte is read. A body without one (chunked) is counted
while the application reads it; the read that passes the limit raises RequestTooLarge, for the application or
ErrorBoundary to answer. What is left unread is LingeringClose's business.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from middleware.answer import answer
from packy.errors import GatewayError, InvalidRequest, RequestTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

    from packy.config import Snapshot

__all__ = ["BodyLimit", "LimitedInput"]

_PIECE = 1 << 20
# Lengths of more digits are over any limit, and int() refuses very long ones.
_MAX_DIGITS = 18


class BodyLimit:
    """Puts a LimitedInput in the place of `wsgi.input`, also under `environ["packy.body"]`.

    Needs `packy.snapshot`.

    Args:
        app: the application to wrap.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        snapshot: Snapshot = environ["packy.snapshot"]
        limit = snapshot.limits.max_body
        refusal: GatewayError | None = None
        try:
            declared = _declared_length(environ)
        except InvalidRequest as error:
            declared, refusal = None, error
        if declared is not None and declared > limit:
            refusal = _too_large(limit)
        environ["wsgi.input"] = environ["packy.body"] = LimitedInput(environ["wsgi.input"], limit, declared)
        return answer(environ, start_response, refusal) if refusal else self._app(environ, start_response)


class LimitedInput:
    """A request body that ends where the limit is.

    Every read may raise RequestTooLarge (the body is longer than the limit) or InvalidRequest (it ended before its
    declared length, or the server could not make sense of its framing), or what BodyPace raises.

    Args:
        stream: the server's `wsgi.input`.
        limit: bytes that may be read.
        declared: the body's length in bytes by Content-Length; None if unknown.
    """

    __slots__ = ("_declared", "_limit", "_received", "_stream", "finished")

    def __init__(self, stream: InputStream, limit: int, declared: int | None) -> None:
        self._stream = stream
        self._limit = limit
        self._declared = declared
        self._received = 0
        self.finished = declared == 0
        """Whether the body has been read to its end."""

    def read(self, size: int | None = None, /) -> bytes:
        """Read `size` bytes, fewer only at the end; all that is left for None or a negative size."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(_PIECE), b""))
        return self._read(self._stream.read, size)

    def readline(self, size: int | None = None, /) -> bytes:
        """Read up to and including the next line feed, at most `size` bytes."""
        return self._read(self._stream.readline, self._limit + 1 if size is None or size < 0 else size)

    def readlines(self, _hint: int | None = None, /) -> list[bytes]:
        """Read all lines that are left."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the lines that are left."""
        return iter(self.readline, b"")

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        if not size:
            return b""
        try:
            # One byte past the limit tells a body that is too long from one that just fits.
            data = read(min(size, self._limit - self._received + 1))
        except GatewayError:
            raise
        except Exception as error:
            raise InvalidRequest("", "the request body could not be read: its framing or connection broke") from error
        self._received += len(data)
        if self._received > self._limit:
            raise _too_large(self._limit)
        if not data and self._received < (self._declared or 0):
            raise InvalidRequest("", f"the request body ended after {self._received} of {self._declared} bytes")
        self.finished = not data or self._received == self._declared
        return data


def _declared_length(environ: WSGIEnvironment) -> int | None:
    length = environ.get("CONTENT_LENGTH")
    if not length:
        return None if "HTTP_TRANSFER_ENCODING" in environ else 0
    if not (length.isascii() and length.isdigit()):
        raise InvalidRequest("", "the Content-Length header is not a number")
    return int(length) if len(length) <= _MAX_DIGITS else sys.maxsize


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"the request body is over {limit} bytes, the limit set by limits.max-body in packy's configuration; "
        "send less, or raise it there"
    )
