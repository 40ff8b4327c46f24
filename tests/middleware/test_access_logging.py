from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import create_environ
from werkzeug.wrappers import Request, Response

from middleware import AccessLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.test import TestResponse

    Send = Callable[..., TestResponse]
    Lines = Callable[[], list[dict[str, Any]]]

SECRET = "canary-2c2c"
ALWAYS = {
    "timestamp", "level", "event", "pid",
    "request_id", "method", "route", "status", "duration_ms", "bytes_out", "client",
}  # fmt: skip


class HungUp(BaseException):
    """Raised into a request from outside, as packy.upstream's ClientGone is."""


class Body:
    """A response body that counts how often it is closed, and may fail at its end."""

    def __init__(self, *chunks: bytes, fails: BaseException | None = None) -> None:
        self.chunks = list(chunks)
        self.fails = fails
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.chunks:
            return self.chunks.pop(0)
        raise self.fails or StopIteration

    def close(self) -> None:
        self.closed += 1


def answering(body: Iterable[bytes], **record: object) -> AccessLog:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["packy.record"].update(record)
        start_response("200 OK", [("x-secret", SECRET)])
        return body

    return AccessLog(app)


def begin(app: AccessLog, **environ: Any) -> Any:
    return app(create_environ(**environ), lambda *_: lambda _data: None)


def test_a_request_is_one_line(send: Send, lines: Lines) -> None:
    @Request.application
    def app(request: Request) -> Response:
        request.environ["packy.client"] = "laptop"
        return Response(b"answer", status=201)

    send(
        AccessLog(LintMiddleware(app)), method="POST", data=SECRET, headers={"x-api-key": SECRET},
        query_string=SECRET, environ_overrides={"packy.request_id": "req_" + "0" * 24},
    )  # fmt: skip
    (line,) = lines()
    assert line.keys() == ALWAYS
    assert line["duration_ms"] > 0
    assert {**line, "timestamp": 0, "pid": 0, "duration_ms": 0} == {
        "timestamp": 0, "level": "info", "event": "request", "request_id": "req_" + "0" * 24, "method": "POST",
        "route": "/v1/messages", "status": 201, "duration_ms": 0, "bytes_out": 6, "client": "laptop", "pid": 0,
    }  # fmt: skip


def test_what_the_inner_layers_know_is_in_the_line(send: Send, lines: Lines) -> None:
    known: dict[str, object] = {
        "provider": "packycode", "model": "opus", "upstream_model": "gpt-5", "effort": "high", "stream": True,
        "stop_reason": "end_turn", "upstream_status": 200, "dropped": ["metadata"], "input_tokens": 5,
        "cached_tokens": 4, "output_tokens": 3, "reasoning_tokens": 2, "ttft_ms": 1.5,
    }  # fmt: skip
    send(answering([], **known))
    assert lines()[0].items() >= known.items()


def test_what_the_inner_layers_must_not_log_is_dropped_and_counted(send: Send, lines: Lines) -> None:
    send(answering([], prompt=SECRET, status=SECRET, model=f"{SECRET} {SECRET}"))
    (line,) = lines()
    assert SECRET not in repr(line)
    assert (line["dropped_fields"], line["status"], line["model"]) == (1, 200, "other")


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("", "/"),
        ("/v1/messages", "/v1/messages"),
        ("/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/v1/models", "/v1/models"),
        ("/healthz", "/healthz"),
        ("/v1/messages/", "other"),
        (f"/{SECRET}", "other"),
        ("/v1/messages\n", "other"),
    ],
)
def test_the_route_is_a_known_path_or_other(path: str, route: str, lines: Lines) -> None:
    begin(answering([]), environ_overrides={"PATH_INFO": path}).close()
    assert lines()[0]["route"] == route


@pytest.mark.parametrize(("method", "logged"), [("GET", "GET"), ("DELETE", "DELETE"), ("CANARY", "other")])
def test_the_method_is_a_known_one_or_other(method: str, logged: str, lines: Lines) -> None:
    begin(answering([]), method=method).close()
    assert lines()[0]["method"] == logged


def test_nothing_is_logged_before_the_response_is_closed(lines: Lines) -> None:
    response = begin(answering([b"a", b"b"]))
    assert list(response) == [b"a", b"b"]
    assert lines() == []
    response.close()
    assert [line["bytes_out"] for line in lines()] == [2]


def test_what_the_body_learns_when_it_is_closed_is_in_the_line(lines: Lines) -> None:
    environ = create_environ()

    class Late(Body):
        def close(self) -> None:
            environ["packy.record"]["output_tokens"] = 7

    response = answering(Late())(environ, lambda *_: lambda _data: None)
    assert list(response) == []
    response.close()  # type: ignore[attr-defined] # ours has it
    assert lines()[0]["output_tokens"] == 7


def test_chunks_pass_one_by_one_and_untouched(lines: Lines) -> None:
    chunks = [bytes(100), b"", bytes(3)]
    body = Body(*chunks)
    response = begin(answering(body))
    for left, (seen, chunk) in zip((2, 1, 0), zip(response, chunks, strict=False), strict=False):
        assert seen is chunk
        assert len(body.chunks) == left
    response.close()
    assert lines()[0]["bytes_out"] == 103


def test_close_is_handed_on_exactly_once_and_logged_once(lines: Lines) -> None:
    body = Body(b"a")
    response = begin(answering(body))
    assert list(response) == [b"a"]
    response.close()
    response.close()
    assert (body.closed, len(lines())) == (1, 1)


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_a_response_closed_before_its_end_was_cancelled(taken: int, lines: Lines) -> None:
    body = Body(b"a" * 10, b"b" * 10, b"c" * 10)
    response = begin(answering(body))
    chunks = iter(response)
    for _ in range(taken):
        next(chunks)
    del chunks
    response.close()
    (line,) = lines()
    assert (line["cancelled"], line["bytes_out"], line["status"]) == (True, 10 * taken, 200)
    assert body.closed == 1


def test_a_client_that_hangs_up_in_mid_stream_is_recorded_and_the_exception_passes(lines: Lines) -> None:
    body = Body(b"a", fails=HungUp())
    response = begin(answering(body))
    with pytest.raises(HungUp):
        list(response)
    response.close()
    (line,) = lines()
    assert (line["cancelled"], line["bytes_out"], line["status"]) == (True, 1, 200)
    assert "error_type" not in line


def test_a_client_that_hangs_up_before_the_answer_is_recorded_as_499_and_the_exception_passes(lines: Lines) -> None:
    def app(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        raise HungUp

    with pytest.raises(HungUp):
        begin(AccessLog(app))
    (line,) = lines()
    assert (line["cancelled"], line["status"], line["bytes_out"]) == (True, 499, 0)


def test_an_application_that_fails_is_recorded_and_the_exception_passes(lines: Lines) -> None:
    def app(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        raise ValueError(SECRET)

    with pytest.raises(ValueError, match=SECRET):
        begin(AccessLog(app))
    (line,) = lines()
    assert (line["status"], line["error_type"]) == (500, "api_error")
    assert "cancelled" not in line
    assert SECRET not in repr(line)


def test_a_stream_that_fails_is_recorded_and_the_exception_passes(lines: Lines) -> None:
    response = begin(answering(Body(b"a", fails=ValueError(SECRET))))
    with pytest.raises(ValueError, match=SECRET):
        list(response)
    response.close()
    (line,) = lines()
    assert (line["status"], line["error_type"], line["bytes_out"]) == (200, "api_error", 1)
    assert "cancelled" not in line


def test_a_body_that_cannot_be_closed_is_logged_all_the_same(lines: Lines) -> None:
    class Stuck(Body):
        def close(self) -> None:
            raise OSError(SECRET)

    response = begin(answering(Stuck()))
    with pytest.raises(OSError, match=SECRET):
        response.close()
    assert [line["event"] for line in lines()] == ["request"]


def test_bytes_given_to_the_write_callable_are_counted(lines: Lines) -> None:
    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])(b"four")
        return [b"and five"]

    response = begin(AccessLog(app))
    assert list(response) == [b"and five"]
    response.close()
    assert lines()[0]["bytes_out"] == 12
