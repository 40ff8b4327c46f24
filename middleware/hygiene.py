"""What of HTTP gets as far as the application, and what no answer leaves without.

The application sees the headers that something in packy reads, and no others: what is not there cannot be trusted by
mistake, handed on or logged. `Host` is among them only to tell whether a request is local; nothing is built from it.
"""

from __future__ import annotations

import re
from http import HTTPMethod
from typing import TYPE_CHECKING, Final

from middleware.answer import answer
from packy.errors import GatewayError, InvalidRequest, MethodNotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["HEADERS", "METHODS", "Hygiene"]

METHODS: Final = frozenset(
    {
        HTTPMethod.GET,
        HTTPMethod.HEAD,
        HTTPMethod.OPTIONS,
        HTTPMethod.PATCH,
        HTTPMethod.POST,
        HTTPMethod.PUT,
    }
)
"""The methods that some path takes; all others are refused before anything looks at them."""

HEADERS: Final = frozenset(
    {
        "HTTP_ACCEPT",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_ANTHROPIC_VERSION",
        "HTTP_AUTHORIZATION",
        "HTTP_CONTENT_ENCODING",
        "HTTP_FORWARDED",
        "HTTP_HOST",
        "HTTP_IF_MATCH",
        "HTTP_IF_NONE_MATCH",
        "HTTP_ORIGIN",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_VIA",
        "HTTP_X_API_KEY",
        "HTTP_X_CLAUDE_CODE_AGENT_ID",
        "HTTP_X_CLAUDE_CODE_SESSION_ID",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_MANAGEMENT_KEY",
        "HTTP_X_REAL_IP",
    }
)
"""The request headers that reach the application, by their names in environ. A new one that is to be read goes here."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_UNENCODED: Final = frozenset({"", "identity"})
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HTML_HEADERS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


class Hygiene:
    """Refuses what no client of packy sends, hides headers that nobody reads, and completes the headers of answers.

    Refused are methods beside METHODS (405), control characters in a path, encoded or not (400), and compressed bodies
    (415): nothing is ever decompressed, so nothing can be blown up. Answers say `X-Content-Type-Options: nosniff`, and
    web pages bring a policy that lets nothing foreign in and nobody frame them; a page may bring its own instead.

    Belongs outside of the authentication, and inside of BodyLimit, so that the bodies of refused requests are dealt
    with like all that are left unread.

    Args:
        app: the application to wrap.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            return start_response(status, _completed(headers), exc_info)

        if refusal := _refuse(environ):
            return answer(environ, start, refusal)
        for name in [name for name in environ if name.startswith("HTTP_") and name not in HEADERS]:
            del environ[name]
        return self._app(environ, start)


def _refuse(environ: WSGIEnvironment) -> GatewayError | None:
    if environ["REQUEST_METHOD"] not in METHODS:
        return MethodNotAllowed(
            "packy has no path that takes this method", headers={"Allow": ", ".join(sorted(METHODS))}
        )
    if _CONTROL.search(environ.get("PATH_INFO", "")):
        return InvalidRequest("", "the path has a control character in it")
    codings = (environ.get("HTTP_CONTENT_ENCODING", ""), environ.get("HTTP_TRANSFER_ENCODING", "").lower())
    if codings[0].strip().lower() not in _UNENCODED or codings[1] not in {"", "chunked"}:
        return GatewayError(
            "the request body is compressed, which packy does not take; send it as it is, without Content-Encoding",
            status=415,
            type="invalid_request_error",
        )
    return None


def _completed(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    names = {name.lower(): value for name, value in headers}
    added = [("X-Content-Type-Options", "nosniff")]
    if names.get("content-type", "").lower().startswith("text/html"):
        added += _HTML_HEADERS
    return [*headers, *(each for each in added if each[0].lower() not in names)]
