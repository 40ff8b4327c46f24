"""Whatever requests, urllib3 and sockets raise is mapped on purpose; what a new version adds, this notices."""

from __future__ import annotations

import errno
import http.client
import inspect
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import requests.exceptions
import urllib3.exceptions

from packy.translation import Failure
from packy.upstream import RAISED, UpstreamError, failure_from_exception

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

SECRET = "https://user:canary@host/v1?key=canary"  # as libraries put it into their messages

# Code → the exceptions of each library that mean it. Warnings are not raised.
MEANT: dict[str, dict[ModuleType, set[str]]] = {
    "upstream_proxy": {
        requests.exceptions: {"InvalidProxyURL", "ProxyError"},
        urllib3.exceptions: {"ProxyError", "ProxySchemeUnknown", "ProxySchemeUnsupported"},
    },
    "upstream_tls": {requests.exceptions: {"SSLError"}, urllib3.exceptions: {"SSLError"}},
    "upstream_connect_timeout": {
        requests.exceptions: {"ConnectTimeout"},
        urllib3.exceptions: {"ConnectTimeoutError"},
    },
    "upstream_timeout": {
        requests.exceptions: {"ReadTimeout", "Timeout"},
        urllib3.exceptions: {"ReadTimeoutError", "TimeoutError"},
    },
    "upstream_dns": {urllib3.exceptions: {"NameResolutionError"}},
    "upstream_refused_connection": {urllib3.exceptions: {"NewConnectionError"}},
    "upstream_cut": {
        requests.exceptions: {"ChunkedEncodingError"},
        urllib3.exceptions: {"IncompleteRead", "InvalidChunkLength"},
        http.client: {"IncompleteRead"},
    },
    "upstream_encoding": {requests.exceptions: {"ContentDecodingError"}, urllib3.exceptions: {"DecodeError"}},
    "upstream_bad_url": {
        requests.exceptions: {
            "InvalidHeader",
            "InvalidSchema",
            "InvalidURL",
            "MissingSchema",
            "URLRequired",
        },
        urllib3.exceptions: {
            "LocationParseError",
            "LocationValueError",
            "URLSchemeUnknown",
        },
        http.client: {"InvalidURL"},
    },
    "upstream_connection": {
        requests.exceptions: {
            "ConnectionError",
            "HTTPError",
            "InvalidJSONError",
            "JSONDecodeError",
            "RequestException",
            "RetryError",
            "StreamConsumedError",
            "TooManyRedirects",
            "UnrewindableBodyError",
        },
        urllib3.exceptions: {
            "BodyNotHttplibCompatible",
            "ClosedPoolError",
            "ConnectionError",
            "EmptyPoolError",
            "FullPoolError",
            "HTTPError",
            "HeaderParsingError",
            "HostChangedError",
            "InvalidHeader",
            "MaxRetryError",
            "PoolError",
            "ProtocolError",
            "RequestError",
            "ResponseError",
            "ResponseNotChunked",
            "TimeoutStateError",
            "UnrewindableBodyError",
        },
        http.client: {
            "BadStatusLine",
            "CannotSendHeader",
            "CannotSendRequest",
            "HTTPException",
            "ImproperConnectionState",
            "LineTooLong",
            "NotConnected",
            "RemoteDisconnected",
            "ResponseNotReady",
            "UnimplementedFileMode",
            "UnknownProtocol",
            "UnknownTransferEncoding",
            "error",
        },
    },
}


def exceptions_of(library: ModuleType) -> dict[str, type[Exception]]:
    return {
        name: each
        for name, each in inspect.getmembers(library, inspect.isclass)
        if issubclass(each, Exception)
        and not issubclass(each, Warning)
        and each.__module__.startswith(library.__name__)
    }


def bare(kind: type[BaseException]) -> BaseException:
    """Make an exception whatever its arguments would be."""
    error = kind.__new__(kind)
    error.args = (SECRET,)
    return error


EACH = [
    pytest.param(library, name, code, id=f"{library.__name__.split('.')[0]} {name}")
    for code, libraries in MEANT.items()
    for library, names in libraries.items()
    for name in sorted(names)
]


@pytest.mark.parametrize(
    "library", [requests.exceptions, urllib3.exceptions, http.client], ids=lambda module: module.__name__
)
def test_every_exception_of_the_library_is_in_the_table(library: ModuleType) -> None:
    listed = {name for libraries in MEANT.values() for name in libraries.get(library, ())}

    assert listed == exceptions_of(library).keys()
    assert all(issubclass(each, RAISED) for each in exceptions_of(library).values())


@pytest.mark.parametrize(("library", "name", "code"), EACH)
def test_each_exception_is_mapped_as_the_table_says(library: ModuleType, name: str, code: str) -> None:
    failure = failure_from_exception(bare(exceptions_of(library)[name]), "packycode")

    assert failure.code == code
    assert failure.status == (504 if "timeout" in code else 502)
    assert failure.type == "api_error"
    assert failure.message.startswith("packycode ")
    assert "canary" not in failure.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "upstream_timeout"),
        (TimeoutError(errno.ETIMEDOUT, SECRET), "upstream_connection"),
        (socket.gaierror(-2, SECRET), "upstream_connection"),
        (ConnectionRefusedError(111, SECRET), "upstream_connection"),
        (ConnectionResetError(104, SECRET), "upstream_connection"),
        (BrokenPipeError(32, SECRET), "upstream_connection"),
        (OSError(101, SECRET), "upstream_connection"),
        (http.client.IncompleteRead(b"canary", 5), "upstream_cut"),
        (ssl.SSLEOFError(8, SECRET), "upstream_connection"),
        (urllib3.exceptions.ProtocolError("a chunk's size is no number"), "upstream_connection"),
        (urllib3.exceptions.DecodeError("not what its content-encoding says"), "upstream_encoding"),
        (RuntimeError(SECRET), "upstream_connection"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_what_sockets_raise_is_mapped_as_well(error: Exception, code: str) -> None:
    failure = failure_from_exception(error, "packycode")

    assert failure.code == code
    assert "canary" not in failure.message


def wrapped_by_argument(inner: BaseException, outer: BaseException) -> BaseException:
    outer.args = (inner,)
    return outer


def wrapped_by_cause(inner: BaseException, outer: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


def wrapped_by_context(inner: BaseException, outer: BaseException) -> BaseException:
    outer.__context__ = inner
    return outer


def wrapped_by_reason(inner: BaseException, outer: BaseException) -> BaseException:
    outer.reason = inner  # type: ignore[attr-defined] # as urllib3's MaxRetryError has it
    return outer


@pytest.mark.parametrize("wrap", [wrapped_by_argument, wrapped_by_cause, wrapped_by_context, wrapped_by_reason])
def test_the_innermost_cause_that_tells_more_decides(
    wrap: Callable[[BaseException, BaseException], BaseException],
) -> None:
    name_resolution = bare(urllib3.exceptions.NameResolutionError)
    error = wrap(wrap(name_resolution, bare(urllib3.exceptions.MaxRetryError)), requests.exceptions.ConnectionError())

    assert failure_from_exception(error, "packycode").code == "upstream_dns"


def test_an_exception_that_is_its_own_cause_is_mapped() -> None:
    error = requests.exceptions.ConnectionError()
    error.args = (error,)

    assert failure_from_exception(error, "packycode").code == "upstream_connection"


def test_a_failure_becomes_an_error_that_can_be_answered() -> None:
    failure: Any = Failure(429, "rate_limit_error", "half \ud83d", "upstream_rate_limit", {"retry-after": "7"})

    error = UpstreamError(failure)

    assert (error.status, error.type, error.headers) == (429, "rate_limit_error", {"retry-after": "7"})
    assert error.message == "half ?"
