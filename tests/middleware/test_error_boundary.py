from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from gevent import GreenletExit
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import create_environ

from middleware import ErrorBoundary
from packy.errors import AuthenticationError, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from werkzeug.test import TestResponse

    Send = Callable[..., TestResponse]
    Lines = Callable[[], list[dict[str, Any]]]

SECRET = "canary-9e9e"


class Body:
    def __init__(self, *parts: bytes | BaseException) -> None:
        self.parts = list(parts)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self.parts:
            raise StopIteration
        part = self.parts.pop(0)
        if isinstance(part, BaseException):
            raise part
        return part

    def close(self) -> None:
        self.closed += 1


def answering(*parts: bytes | BaseException, headers: list[tuple[str, str]] | None = None) -> WSGIApplication:
    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", headers or [("content-type", "text/plain"), ("content-length", "99")])
        return Body(*parts)

    return app


def raising(error: BaseException) -> WSGIApplication:
    def app(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        raise error

    return app


def silent(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    return [b"a body without a head"]


def talkative(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


class Recorder:
    """A server's side of a response: what it was told, in order."""

    def __init__(self, app: WSGIApplication, **environ: Any) -> None:
        self.heads: list[tuple[str, list[tuple[str, str]]]] = []
        self.written: list[bytes] = []
        self.response: Any = ErrorBoundary(app)(create_environ(**environ), self.start)

    def start(
        self, status: str, headers: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        self.heads.append((status, headers))
        return self.written.append


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(raising(ValueError(SECRET)), id="at once"),
        pytest.param(answering(ValueError(SECRET)), id="after its headers, before its first chunk"),
        pytest.param(silent, id="by not calling start_response"),
        pytest.param(talkative, id="by calling start_response twice"),
    ],
)
def test_an_application_that_fails_before_its_first_chunk_is_answered_with_500(
    app: WSGIApplication, send: Send, lines: Lines
) -> None:
    answer = send(ErrorBoundary(app), environ_overrides={"packy.request_id": "req_" + "a" * 24})
    assert answer.status_code == 500
    assert answer.headers.getlist("content-length") == [str(len(answer.data))]
    assert answer.headers.getlist("content-type") == ["application/json"]
    document = orjson.loads(answer.data)
    assert document["error"]["type"] == "api_error"
    assert document["request_id"] == "req_" + "a" * 24
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    (line,) = lines()
    assert (line["event"], line["where"], line["request_id"]) == ("uncaught", "request", "req_" + "a" * 24)
    assert line["error_type"] in {"ValueError", "RuntimeError"}
    assert SECRET not in repr(line)


@pytest.mark.parametrize("make", [raising, answering], ids=["at once", "before its first chunk"])
def test_an_error_meant_for_the_caller_is_answered_as_it_is_and_not_logged(
    make: Callable[[BaseException], WSGIApplication], send: Send, lines: Lines
) -> None:
    answer = send(ErrorBoundary(make(AuthenticationError("who are you"))))
    assert (answer.status_code, answer.headers["x-should-retry"]) == (401, "false")
    assert orjson.loads(answer.data)["error"]["message"] == "who are you"
    assert lines() == []


@pytest.mark.parametrize("error", [ValueError(SECRET), InvalidRequest("a", SECRET)], ids=["any", "for the caller"])
def test_after_the_first_chunk_the_server_gets_the_exception_so_that_the_cut_shows(
    error: Exception, lines: Lines
) -> None:
    server = Recorder(answering(b"a", error))
    chunks = iter(server.response)
    assert next(chunks) == b"a"
    with pytest.raises(type(error), match=SECRET):
        next(chunks)
    server.response.close()
    assert [status for status, _ in server.heads] == ["200 OK"]
    assert [line["event"] for line in lines()] == ["uncaught"]
    assert SECRET not in repr(lines())


@pytest.mark.parametrize("kind", [GreenletExit, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("make", [raising, answering], ids=["at once", "before its first chunk"])
def test_what_is_no_exception_passes(
    kind: type[BaseException], make: Callable[[BaseException], WSGIApplication], lines: Lines
) -> None:
    with pytest.raises(kind):
        list(Recorder(make(kind())).response)
    assert lines() == []


def test_a_good_answer_passes_as_it_is(send: Send, lines: Lines) -> None:
    app = answering(b"a", b"bc", headers=[("content-length", "3"), ("x-own", "1")])
    answer = send(ErrorBoundary(LintMiddleware(app)))
    assert (answer.status_code, answer.data, answer.headers["x-own"]) == (200, b"abc", "1")
    assert lines() == []


def test_an_empty_answer_passes(send: Send) -> None:
    assert send(ErrorBoundary(answering(headers=[("x-own", "1")]))).headers["x-own"] == "1"


def test_headers_go_out_with_the_first_chunk_and_no_chunk_is_held_back() -> None:
    body = Body(b"a", b"b")

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return body

    server = Recorder(app)
    assert server.heads == []
    chunks = iter(server.response)
    assert next(chunks) == b"a"
    assert (len(server.heads), len(body.parts)) == (1, 1)


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_close_is_handed_on_exactly_once(taken: int) -> None:
    body = Body(b"a", b"b", b"c")

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return body

    response = Recorder(app).response
    chunks = iter(response)
    for _ in range(taken):
        next(chunks)
    del chunks
    assert body.closed == 0
    response.close()
    response.close()
    assert body.closed == 1


def test_a_failed_body_is_closed_too() -> None:
    body = Body(ValueError())

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return body

    response = Recorder(app).response
    assert b"api_error" in b"".join(response)
    response.close()
    assert body.closed == 1


def test_a_body_that_cannot_be_closed_is_logged_and_harms_nothing(lines: Lines) -> None:
    class Stuck(Body):
        def close(self) -> None:
            raise OSError(SECRET)

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Stuck(b"a")

    response = Recorder(app).response
    assert list(response) == [b"a"]
    response.close()
    assert [line["error_type"] for line in lines()] == ["OSError"]


def test_an_application_may_replace_its_headers_as_long_as_they_have_not_gone_out(send: Send) -> None:
    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("content-length", "7")])
        try:
            int("no number")
        except ValueError:
            start_response("503 Sorry", [("content-length", "2")], sys.exc_info())
        return [b"no"]

    answer = send(ErrorBoundary(app))
    assert (answer.status_code, answer.data, answer.headers.getlist("content-length")) == (503, b"no", ["2"])


def test_bytes_given_to_the_write_callable_go_out_after_the_headers() -> None:
    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])(b"one")
        return [b"two"]

    server = Recorder(app)
    assert (server.heads, server.written) == ([("200 OK", [])], [b"one"])
    assert list(server.response) == [b"two"]
    assert len(server.heads) == 1
