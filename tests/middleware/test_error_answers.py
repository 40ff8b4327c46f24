from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from werkzeug.test import run_wsgi_app

from middleware import answer
from packy.errors import AuthenticationError, GatewayError, RequestTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.test import TestResponse


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AuthenticationError("no"), "401 UNAUTHORIZED"),
        (RequestTooLarge("no"), "413 REQUEST ENTITY TOO LARGE"),
        (GatewayError("no", status=529, type="overloaded_error"), "529 ERROR"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_the_envelope_with_status_type_and_headers(
    error: GatewayError, status: str, send: Callable[..., TestResponse]
) -> None:
    record: dict[str, object] = {}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ |= {"packy.request_id": "req_1", "packy.record": record}
        return answer(environ, start_response, error)

    response = send(app)
    assert response.status.upper() == status
    assert response.content_type == "application/json"
    assert all(response.headers[name] == value for name, value in error.headers.items())
    assert orjson.loads(response.data) == {
        "type": "error", "error": {"type": error.type, "message": "no"}, "request_id": "req_1",
    }  # fmt: skip
    assert record == {"error_type": error.type}


def test_a_head_request_gets_the_headers_of_a_get_request_and_no_body() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return answer(environ, start_response, AuthenticationError("no"))

    body, status, headers = run_wsgi_app(app, {"REQUEST_METHOD": "GET"})
    no_body, head_status, head_headers = run_wsgi_app(app, {"REQUEST_METHOD": "HEAD"})
    assert (head_status, list(head_headers)) == (status, list(headers))
    assert b"".join(no_body) == b""
    assert len(b"".join(body)) == int(headers["content-length"])
