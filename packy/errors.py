"""Errors that reach the caller, and the envelope they travel in.

The tree::

    PackyError                      everything raised on purpose
    ├── GatewayError                answered over HTTP, in the Anthropic envelope
    │   ├── InvalidRequest     400  the caller's body, with the path of what is wrong
    │   ├── AuthenticationError 401
    │   ├── NotFound           404
    │   ├── RequestTooLarge    413
    │   ├── ManagementError         the management API's own, with a word for what is wrong
    │   └── UpstreamError           whatever the upstream did (packy.upstream)
    └── packy.config.ConfigError    the operator's file, environment or flags

The envelope and its error types are those of the Messages API reference, section "Errors". The management API has a
form of its own, whatever the error: `{"error": word, "message": sentence}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "HEALTH_PATH",
    "MANAGEMENT_PATH",
    "METRICS_PATH",
    "STATUS_PATH",
    "AuthenticationError",
    "GatewayError",
    "InvalidRequest",
    "ManagementError",
    "MethodNotAllowed",
    "NotFound",
    "PackyError",
    "RequestTooLarge",
    "envelope",
    "is_management",
    "render_error",
    "whole_text",
]

HEALTH_PATH: Final = "/healthz"
"""Where the gateway's state is shown, in detail to whoever has the management key."""

MANAGEMENT_PATH: Final = "/v0/management"
"""Where the management API begins."""

METRICS_PATH: Final = "/metrics"
"""Where the metrics are; guarded like the management API, and answered with its errors."""

STATUS_PATH: Final = "/status"
"""Where the status page is; it holds no data, and asks the management API for all that it shows."""

# Words of the management API for errors that are not its own.
_WORDS: Final = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    500: "internal_error",
}


class PackyError(Exception):
    """Base of everything packy raises on purpose."""


class GatewayError(PackyError):
    """An error answered to the caller.

    Args:
        message: English sentence for the person at the terminal; never holds request content, keys or header values.
        status: HTTP status; the class's own where not given.
        type: Anthropic error type; the class's own where not given.
        headers: extra response headers such as `retry-after` and `x-should-retry`.
    """

    status = 500
    type = "api_error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,  # noqa: A002 - the protocol's own word
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or self.status
        self.type = type or self.type
        self.headers: dict[str, str] = dict(headers or {})


class InvalidRequest(GatewayError):
    """The caller's body is not a valid Messages request.

    Args:
        path: where it is wrong, as in `messages.2.content.0.source`; empty for the body as a whole.
        problem: what is wrong there.
    """

    status = 400
    type = "invalid_request_error"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path


class AuthenticationError(GatewayError):
    """No client key, or a wrong one. Never retried by the client: the same key stays wrong."""

    status = 401
    type = "authentication_error"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"x-should-retry": "false"})


class NotFound(GatewayError):
    """No such route, or no such model."""

    status = 404
    type = "not_found_error"


class MethodNotAllowed(GatewayError):
    """The route exists, but not for this method."""

    status = 405
    type = "invalid_request_error"


class RequestTooLarge(GatewayError):
    """The body is over `limits.max-body`."""

    status = 413
    type = "request_too_large"


class ManagementError(GatewayError):
    """An error of the management API.

    Args:
        status: HTTP status.
        word: for programs, as in `invalid_packycode`.
        message: English sentence.
        details: for each field that is wrong: `field`, `problem` and `fix`.
        headers: extra response headers.
    """

    def __init__(
        self,
        status: int,
        word: str,
        message: str,
        details: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, status=status, type=word, headers=headers)
        self.details = tuple(details)


def envelope(type: str, message: str, request_id: str) -> bytes:  # noqa: A002 - the protocol's own word
    """Build the JSON body of an error answer.

    Args:
        type: Anthropic error type, such as `invalid_request_error`.
        message: English sentence for the person at the terminal.
        request_id: the id that the `request-id` response header carries as well.

    Returns:
        `{"type":"error","error":{"type":…,"message":…},"request_id":…}` as UTF-8.
    """
    error = {"type": type, "message": whole_text(message)}
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def whole_text(message: str) -> str:
    """Replace half characters, which no answer can carry; those who quote may quote one."""
    return message.encode("utf-8", "replace").decode("utf-8")


def is_management(path: str) -> bool:
    """Tell whether a path belongs to management: the API, or the metrics."""
    return path in {MANAGEMENT_PATH, METRICS_PATH} or path.startswith(f"{MANAGEMENT_PATH}/")


def render_error(error: GatewayError, path: str, request_id: str) -> bytes:
    """Build the JSON body of an error answer, in the form of the API that was called.

    Args:
        error: what to say.
        path: the request's.
        request_id: for the envelope.

    Returns:
        The envelope; for the management API `{"error":…,"message":…}`, with `details` where there are any.
    """
    if not is_management(path):
        return envelope(error.type, error.message, request_id)
    word = error.type if isinstance(error, ManagementError) else _WORDS.get(error.status, error.type)
    document: dict[str, object] = {"error": word, "message": whole_text(error.message)}
    if isinstance(error, ManagementError) and error.details:
        document["details"] = error.details
    return orjson.dumps(document)
