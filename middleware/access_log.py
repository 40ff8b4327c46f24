"""One line per request, at its very end: the event `request`.

The line holds what packy.telemetry's events table admits, and no header, path or body ever gets that far. Inner layers
put what they know into `environ["packy.record"]`, see packy.telemetry.RequestRecord.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from packy.errors import MANAGEMENT_PATH
from packy.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from packy.telemetry import RequestRecord

__all__ = ["ROUTES", "AccessLog"]

ROUTES = frozenset(
    {
        *("/", "/v1/messages", "/v1/messages/count_tokens", "/v1/models", "/livez", "/readyz", "/healthz"),
        *(
            f"{MANAGEMENT_PATH}/{name}"
            for name in ("packycode", "packycode/verify", "providers", "models", "openapi.json")
        ),
    }
)
"""Paths that are logged as they are; all others are the caller's own text and become `other`."""

_SERVER_ERROR = 500
# Nginx's code for a client that closed the connection before there was an answer.
_CLIENT_CLOSED_REQUEST = 499


class AccessLog:
    """Logs each request once its response has been closed, however it ended.

    A response that the server or an exception from outside (GreenletExit and its like, raised into the request when
    the client hangs up) ends before its last chunk is logged as `cancelled`.

    Args:
        app: the application to wrap.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        response = _LoggedResponse(environ, start_response)
        try:
            response.body = self._app(environ, response.start)
        except BaseException as error:
            response.note(error)
            response.close()
            raise
        return response


class _LoggedResponse:
    """The inner response, its bytes counted, its end told."""

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self.body: Iterable[bytes] = ()
        self._environ = environ
        self._start_response = start_response
        self._record: RequestRecord = environ.setdefault("packy.record", {})
        self._began = time.perf_counter()
        self._status: int | None = None
        self._bytes_out = 0
        self._chunks: Generator[bytes] | None = None
        self._ended = self._closed = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """Stand in for the server's start_response."""
        self._status = int(status[:3])
        write = self._start_response(status, headers, exc_info)

        def counted(data: bytes) -> object:
            self._bytes_out += len(data)
            return write(data)

        return counted

    def note(self, error: BaseException) -> None:
        """Take down that the application failed; anything but an Exception came from outside."""
        if isinstance(error, Exception):
            self._ended = True
            self._status = self._status or _SERVER_ERROR
            self._record.setdefault("error_type", "api_error")

    def __iter__(self) -> Generator[bytes]:
        self._chunks = self._count()
        return self._chunks

    def _count(self) -> Generator[bytes]:
        bytes_out = 0
        try:
            # Not `yield from`: it would close the body when the server lets go, and close() would do so again.
            for chunk in self.body:
                bytes_out += len(chunk)
                yield chunk
            self._ended = True
        except Exception as error:
            self.note(error)
            raise
        finally:
            self._bytes_out += bytes_out

    def close(self) -> None:
        """Close the inner response, then log."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._chunks:
                self._chunks.close()
            if close := getattr(self.body, "close", None):
                close()
        finally:
            self._log()

    def _log(self) -> None:
        environ = self._environ
        if not self._ended:
            self._record["cancelled"] = True
        own = {
            "request_id": environ.get("packy.request_id"),
            "method": environ["REQUEST_METHOD"],
            "route": route if (route := environ.get("PATH_INFO") or "/") in ROUTES else "other",
            "status": self._status or _CLIENT_CLOSED_REQUEST,
            "duration_ms": round((time.perf_counter() - self._began) * 1000, 1),
            "bytes_out": self._bytes_out,
            "client": environ.get("packy.client", ""),
        }
        logger.info("request", **{**own, **self._record, **own})
