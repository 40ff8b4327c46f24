"""No traceback ever reaches a caller: what the application lets escape becomes an answer in the envelope.

The application's headers are held back until its first chunk is there, so that a failure up to then can still become
an honest status. (Asking the server to replace headers that it already has, start_response's `exc_info`, is no way
out: gunicorn 27 keeps the former ones beside the new, two Content-Length fields included.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from middleware.answer import answer
from packy.errors import GatewayError
from packy.telemetry import uncaught

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["ErrorBoundary"]


class ErrorBoundary:
    """Answers a GatewayError as it wants to be answered, and any other Exception with 500 `api_error`.

    The latter, and all that happen after the first chunk has gone out, are logged as `uncaught`. After the first chunk
    the exception goes on to the server, which then cuts the connection: a cut is what the caller can tell from a
    complete answer. Exceptions that are no Exception (GreenletExit, SystemExit) pass.

    Args:
        app: the application to wrap.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        response = _HeldResponse(environ, start_response)
        try:
            response.body = self._app(environ, response.start)
        except Exception as error:  # noqa: BLE001 - to catch whatever escapes is what a boundary is for
            return response.fail(error)
        return response


class _HeldResponse:
    """The inner response; its headers go out together with its first chunk."""

    __slots__ = ("_environ", "_head", "_server_write", "_start_response", "body")

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self.body: Iterable[bytes] = ()
        self._environ = environ
        self._start_response = start_response
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._server_write: Callable[[bytes], object] | None = None

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """Stand in for the server's start_response, with its rules (PEP 3333)."""
        if self._server_write and exc_info and exc_info[1]:
            raise exc_info[1]
        if self._server_write or (self._head and not exc_info):
            raise RuntimeError("start_response was called twice")
        self._head = (status, headers)
        return self._write

    def _write(self, data: bytes, /) -> object:
        return self._send_head()(data)

    def _send_head(self) -> Callable[[bytes], object]:
        if not self._server_write:
            if not self._head:
                raise RuntimeError("the application gave a body without having called start_response")
            self._server_write = self._start_response(*self._head)
        return self._server_write

    def fail(self, error: Exception) -> list[bytes]:
        """Answer an error, or raise it again if the answer has begun."""
        begun = self._server_write is not None
        if begun or not isinstance(error, GatewayError):
            uncaught("request", error, request_id=self._environ.get("packy.request_id"))
        if begun:
            raise error
        if not isinstance(error, GatewayError):
            error = GatewayError("packy failed to handle this request; its log has the place, under this request id")
        return answer(self._environ, self._start_response, error)

    def __iter__(self) -> Generator[bytes]:
        try:
            chunks = iter(self.body)
            first = next(chunks, None)
            self._send_head()
            if first is not None:
                yield first
            # Not `yield from`: it would close the body when the server lets go, and close() would do so again.
            for chunk in chunks:  # noqa: UP028 - see above
                yield chunk
        except Exception as error:  # noqa: BLE001 - see above
            yield from self.fail(error)

    def close(self) -> None:
        """Close the inner response, once; the answer has been given, so a failure is only logged."""
        body, self.body = self.body, ()
        try:
            if close := getattr(body, "close", None):
                close()
        except Exception as error:  # noqa: BLE001 - see above
            uncaught("request", error, request_id=self._environ.get("packy.request_id"))
