"""What a client is told whose request gunicorn could not read: in the envelope, without a word of what it sent.

gunicorn's own answers are web pages that repeat the request line.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from http import HTTPStatus
from socket import SHUT_WR
from typing import TYPE_CHECKING, Final

from gunicorn.http.errors import (  # type: ignore[attr-defined] # the stubs are of an older one
    ConfigurationProblem,
    ExpectationFailed,
    InvalidHTTPVersion,
    InvalidRequestLine,
    InvalidRequestMethod,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from packy.errors import GatewayError, envelope

if TYPE_CHECKING:
    from gevent.socket import socket

__all__ = ["new_request_id", "refusal", "send_refusal"]

_LINE: Final = "the request line is not one of HTTP/1.1"
_OURS: Final = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)
# The first that fits counts. Statuses are those of RFC 9110 and 9112.
_REFUSALS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (LimitRequestLine, 414, "the request line is too long; keys and content belong in headers and the body"),
    (LimitRequestHeaders, 431, "the request's headers are too many or too long"),
    (ExpectationFailed, 417, "the only expectation that packy meets is 100-continue"),
    (UnsupportedTransferCoding, 501, "the request body has a transfer coding other than chunked"),
    (InvalidRequestLine, 400, _LINE),
    (InvalidRequestMethod, 400, _LINE),
    (InvalidHTTPVersion, 400, _LINE),
    (ParseException, 400, "the request's headers or the framing of its body are not those of HTTP/1.1"),
)
_SERVER_ERROR: Final = 500
_LINGER_SECONDS: Final = 2.0
_PIECE: Final = 1 << 16


def refusal(error: Exception) -> GatewayError:
    """Give the answer to a request that could not be read.

    Args:
        error: of gunicorn's parser; anything else is a fault of packy's own.
    """
    if not isinstance(error, _OURS):
        for kind, status, message in _REFUSALS:
            if isinstance(error, kind):
                return GatewayError(message, status=status, type="invalid_request_error")
    return GatewayError("packy failed to handle this request; its log has the place")


def new_request_id() -> str:
    """Make a request's id, for one that the application never sees."""
    return f"req_{secrets.token_hex(12)}"


def send_refusal(client: socket, error: GatewayError, request_id: str) -> None:
    """Answer on a connection that ends with this answer.

    Args:
        client: the connection; closed by the caller. What is still coming in is thrown away for a short while: closing
            at once would reset the connection, and the reset may overtake the answer.
        error: what to say.
        request_id: of the answer.

    Raises:
        OSError: the client has gone.
    """
    body = envelope(error.type, error.message, request_id)
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nServer: packy\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nrequest-id: {request_id}\r\n\r\n"
    )
    client.settimeout(_LINGER_SECONDS)
    client.sendall(head.encode() + body)
    if error.status >= _SERVER_ERROR:
        return
    deadline = time.monotonic() + _LINGER_SECONDS
    with suppress(OSError):
        client.shutdown(SHUT_WR)
        while (left := deadline - time.monotonic()) > 0:
            client.settimeout(left)
            if not client.recv(_PIECE):
                break
