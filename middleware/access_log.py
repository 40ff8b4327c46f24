"""One record per request, at its very end: the event `request`, and the same fields for metrics and ledger.

The record holds what packy.telemetry's events table admits, and no header, path or body ever gets that far. Inner
layers put what they know into `environ["packy.record"]`, see packy.telemetry.RequestRecord.
"""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from packy.errors import MANAGEMENT_PATH, METRICS_PATH, STATUS_PATH
from packy.telemetry import EVENTS, admit, logger, uncaught

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from packy.telemetry import RequestRecord

    Sink: TypeAlias = Callable[[Mapping[str, object]], object]

__all__ = ["ROUTES", "AccessLog", "route_of"]

ROUTES = frozenset(
    {
        *(
            "/",
            "/v1/messages",
            "/v1/messages/count_tokens",
            "/v1/models",
            "/livez",
            "/readyz",
            "/healthz",
            METRICS_PATH,
            STATUS_PATH,
        ),
        *(
            f"{MANAGEMENT_PATH}/{name}"
            for name in (
                *("packycode", "packycode/verify", "providers", "models", "usage", "tps", "activity", "openapi.json"),
            )
        ),
    }
)
"""Paths that are logged as they are; all others are the caller's own text and become `other`."""

_MODELS: Final = "/v1/models/"
_MODEL: Final = "/v1/models/:id"
_SERVER_ERROR = 500
# Nginx's code for a client that closed the connection before there was an answer.
_CLIENT_CLOSED_REQUEST = 499


def route_of(path: str) -> str:
    """Name the route of a path without repeating what a caller put into it."""
    if path in ROUTES:
        return path
    return _MODEL if path.startswith(_MODELS) and path != _MODELS else "other"


class AccessLog:
    """Makes the record of each request once its response has been closed, however it ended.

    A response that the server or an exception from outside (GreenletExit and its like, raised into the request when
    the client hangs up) ends before its last chunk is recorded as `cancelled`.

    Args:
        app: the application to wrap.
        sinks: get the record once it has been logged: what is admitted of the event `request`, read-only. They run in
            the request's greenlet and must not wait for anything; one that fails is logged as `uncaught` and hurts
            neither the request nor the others.
    """

    def __init__(self, app: WSGIApplication, sinks: Sequence[Sink] = ()) -> None:
        self._app = app
        self._sinks = tuple(sinks)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        response = _LoggedResponse(environ, start_response, self._sinks)
        try:
            response.body = self._app(environ, response.start)
        except BaseException as error:
            response.note(error)
            response.close()
            raise
        return response


class _LoggedResponse:
    """The inner response, its bytes counted, its end told."""

    __slots__ = (
        "_began", "_bytes_out", "_chunks", "_closed", "_ended", "_environ", "_record", "_sinks", "_start_response",
        "_status", "body",
    )  # fmt: skip

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse, sinks: tuple[Sink, ...]) -> None:
        self.body: Iterable[bytes] = ()
        self._sinks = sinks
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
        """Close the inner response, then make the record."""
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
            "route": route_of(environ.get("PATH_INFO") or "/"),
            "status": self._status or _CLIENT_CLOSED_REQUEST,
            "duration_ms": round((time.perf_counter() - self._began) * 1000, 2),
            # What went to the caller past the server, see packy.upstream.pump, its connection alone knows.
            "bytes_out": self._bytes_out + getattr(environ.get("packy.caller"), "sent", 0),
            "client": environ.get("packy.client", ""),
        }
        fields = {**own, **self._record, **own}
        logger.info("request", **fields)
        record = MappingProxyType(admit(fields, EVENTS["request"]))
        for sink in self._sinks:
            try:
                sink(record)
            except Exception as error:  # noqa: BLE001 - a request that has been answered must not fail for being counted
                uncaught("sink", error, request_id=environ.get("packy.request_id"))
