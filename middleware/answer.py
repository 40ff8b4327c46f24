"""How a middleware refuses a request: an error body in the form of the API that was called, as a WSGI response."""

from __future__ import annotations

from http import HTTPMethod
from typing import TYPE_CHECKING

from werkzeug.http import HTTP_STATUS_CODES

from packy.errors import render_error

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from packy.errors import GatewayError

__all__ = ["answer"]


def answer(environ: WSGIEnvironment, start_response: StartResponse, error: GatewayError) -> list[bytes]:
    """Answer a request with an error, and note the error's type in the request's record.

    Args:
        environ: the request; its path decides the form, its `packy.request_id` goes into the envelope.
        start_response: the server's, or that of the middleware around.
        error: what to say.

    Returns:
        The body, or nothing for HEAD, whose headers are those of any other method.
    """
    body = render_error(error, environ.get("PATH_INFO", ""), environ.get("packy.request_id", ""))
    environ.setdefault("packy.record", {})["error_type"] = error.type
    start_response(
        f"{error.status} {HTTP_STATUS_CODES.get(error.status, 'Error')}",
        [("content-type", "application/json"), ("content-length", str(len(body))), *error.headers.items()],
    )
    return [] if environ["REQUEST_METHOD"] == HTTPMethod.HEAD else [body]
