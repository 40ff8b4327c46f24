"""Everything that requests and urllib3 can raise, in one table: what it means for the caller.

Texts are packy's own. A library's message is never repeated: it may hold the URL's credentials or a header's value.
"""

from __future__ import annotations

import errno
from http.client import HTTPException, IncompleteRead, InvalidURL
from typing import TYPE_CHECKING

import requests.exceptions as r
import urllib3.exceptions as u

from packy.errors import GatewayError, whole_text
from packy.translation import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RAISED", "UpstreamError", "failure_from_exception"]


class UpstreamError(GatewayError):
    """The upstream refused, failed, or could not be reached.

    Args:
        failure: what went wrong; see packy.translation.failures for the mapping.
    """

    def __init__(self, failure: Failure) -> None:
        # A provider's own words may hold half a character, which neither an answer nor an event can carry.
        super().__init__(whole_text(failure.message), status=failure.status, type=failure.type, headers=failure.headers)
        self.failure = failure


RAISED = (r.RequestException, u.HTTPError, u.ProxySchemeUnsupported, HTTPException, OSError)
"""The roots of what a request to a provider can raise, timeouts included."""

_REACH = "check the base URL and the network; `packy check --live` tests both"

# (exceptions, status, type, code, what the caller reads behind the provider's name); first match wins.
_TABLE: tuple[tuple[tuple[type[BaseException], ...], int, str, str, str], ...] = (
    (
        (r.ProxyError, u.ProxyError, u.ProxySchemeUnknown, u.ProxySchemeUnsupported, r.InvalidProxyURL),
        502,
        "api_error",
        "upstream_proxy",
        "cannot be reached through the configured proxy (HTTPS_PROXY)",
    ),
    (
        (r.SSLError, u.SSLError),
        502,
        "api_error",
        "upstream_tls",
        "has a TLS certificate or protocol that cannot be trusted",
    ),
    # Before ConnectTimeoutError, whose subclasses these two are.
    ((u.NameResolutionError,), 502, "api_error", "upstream_dns", f"has a host name that does not resolve; {_REACH}"),
    ((u.NewConnectionError,), 502, "api_error", "upstream_refused_connection", f"refused the connection; {_REACH}"),
    (
        (r.ConnectTimeout, u.ConnectTimeoutError),
        504,
        "api_error",
        "upstream_connect_timeout",
        f"did not accept a connection in time; {_REACH}",
    ),
    (
        (r.Timeout, u.TimeoutError, TimeoutError),
        504,
        "api_error",
        "upstream_timeout",
        "did not answer in time",
    ),
    (
        (r.ChunkedEncodingError, IncompleteRead),
        502,
        "api_error",
        "upstream_cut",
        "closed the stream before the answer was complete",
    ),
    (
        (r.ContentDecodingError, u.DecodeError),
        502,
        "api_error",
        "upstream_encoding",
        "sent a compressed body that cannot be read",
    ),
    (
        (
            r.InvalidURL,
            r.InvalidSchema,
            r.MissingSchema,
            r.URLRequired,
            r.InvalidHeader,
            u.LocationValueError,
            InvalidURL,
        ),
        502,
        "api_error",
        "upstream_bad_url",
        "has a base URL or key that cannot be used; `packy check` names it",
    ),
    (
        (r.ConnectionError, u.ProtocolError, ConnectionError),
        502,
        "api_error",
        "upstream_connection",
        f"broke the connection before the answer was complete; {_REACH}",
    ),
    (
        RAISED,
        502,
        "api_error",
        "upstream_connection",
        f"cannot be reached; {_REACH}",
    ),
)


def failure_from_exception(error: BaseException, provider: str) -> Failure:
    """Map an exception of requests, urllib3 or the socket below.

    Args:
        error: what was raised.
        provider: the provider's name, for the text.

    Returns:
        The failure. The innermost cause that the table knows better decides: requests wraps a DNS failure twice.
    """
    ranks = [rank for each in _causes(error) if (rank := _rank(each)) is not None]
    _, status, kind, code, text = _TABLE[min(ranks, default=len(_TABLE) - 1)]
    return Failure(status, kind, f"{provider} {text}.", code)


def _rank(error: BaseException) -> int | None:
    if isinstance(error, TimeoutError) and error.errno == errno.ETIMEDOUT:
        # The kernel's, about the connection: nobody is there any more. Those of ours have no number.
        error = ConnectionAbortedError()
    return next((i for i, row in enumerate(_TABLE) if isinstance(error, row[0])), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk an exception and everything wrapped in it; libraries chain by cause, by context, by argument and reason."""
    todo, seen = [error], set()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        todo += [e for e in inner if isinstance(e, BaseException)]
