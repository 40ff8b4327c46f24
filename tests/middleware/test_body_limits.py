from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import create_environ

from middleware import BodyLimit, ErrorBoundary, LimitedInput
from packy.errors import InvalidRequest, RequestTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.test import TestResponse

    from packy.config import Snapshot

LIMIT = 1024


class Untouchable(io.BytesIO):
    """A body that must not be read."""

    def read(self, *_: object) -> bytes:
        pytest.fail("the body was read")


def sizes(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer the size of the body, read whole."""
    body = str(len(b"".join(iter(lambda: environ["wsgi.input"].read(300), b"")))).encode()
    start_response("200 OK", [("content-length", str(len(body)))])
    return [body]


@pytest.fixture
def post(snapshot: Callable[..., Snapshot], send: Callable[..., TestResponse]) -> Callable[..., TestResponse]:
    """POST a body through the limit to an application that answers its size."""
    pinned = snapshot({"limits": {"max-body": LIMIT}})

    def request(body: io.BytesIO, **environ: str) -> TestResponse:
        overrides: dict[str, Any] = {"packy.snapshot": pinned, "wsgi.input": body, **environ}
        app = ErrorBoundary(BodyLimit(LintMiddleware(sizes)))
        return send(app, method="POST", environ_overrides=overrides)

    return request


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "chunked"])
def test_a_body_up_to_the_limit_passes(size: int, chunked: bool, post: Callable[..., TestResponse]) -> None:  # noqa: FBT001 - a table
    framing = {"HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": str(size)}
    assert post(io.BytesIO(bytes(size)), **framing).text == str(size)


@pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 18, "9" * 19, "9" * 5000])
def test_a_declared_length_over_the_limit_is_refused_unread(length: str, post: Callable[..., TestResponse]) -> None:
    answer = post(Untouchable(), CONTENT_LENGTH=length)
    assert answer.status_code == 413
    error = orjson.loads(answer.data)["error"]
    assert error["type"] == "request_too_large"
    assert "limits.max-body" in error["message"]


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT * 10])
def test_a_chunked_body_over_the_limit_is_refused_where_it_passes_it(
    size: int, post: Callable[..., TestResponse]
) -> None:
    body = io.BytesIO(bytes(size))
    answer = post(body, HTTP_TRANSFER_ENCODING="chunked")
    assert answer.status_code == 413
    assert body.tell() == LIMIT + 1


@pytest.mark.parametrize("length", ["x", "-1", "+1", "1.0", "0x10", "1 ", "\u0661", "\u00b2"])
def test_a_length_that_is_no_number_is_refused_unread(length: str, post: Callable[..., TestResponse]) -> None:
    answer = post(Untouchable(), CONTENT_LENGTH=length)
    assert answer.status_code == 400
    assert orjson.loads(answer.data)["error"]["message"] == "the Content-Length header is not a number"


def test_a_body_shorter_than_declared_is_refused(post: Callable[..., TestResponse]) -> None:
    answer = post(io.BytesIO(bytes(10)), CONTENT_LENGTH="100")
    assert answer.status_code == 400
    assert "ended after 10 of 100 bytes" in orjson.loads(answer.data)["error"]["message"]


def test_a_body_longer_than_declared_is_counted_on_and_refused(post: Callable[..., TestResponse]) -> None:
    assert post(io.BytesIO(bytes(LIMIT + 1)), CONTENT_LENGTH="5").status_code == 413


@pytest.mark.parametrize("error", [ConnectionResetError("secret"), RuntimeError("secret")])
def test_a_body_that_the_server_cannot_read_is_refused_in_our_words(
    error: Exception, post: Callable[..., TestResponse]
) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise error

    answer = post(Broken(), CONTENT_LENGTH="5")
    assert answer.status_code == 400
    assert "secret" not in answer.text


def test_the_limit_is_that_of_the_requests_own_snapshot(
    snapshot: Callable[..., Snapshot], send: Callable[..., TestResponse]
) -> None:
    for limit, status in ((2000, 200), (1500, 413)):
        overrides = {"packy.snapshot": snapshot({"limits": {"max-body": limit}})}
        assert (
            send(BodyLimit(sizes), method="POST", data=bytes(1800), environ_overrides=overrides).status_code == status
        )


@given(
    body=st.binary(max_size=60),
    limit=st.integers(0, 50),
    steps=st.lists(st.tuples(st.sampled_from(["read", "readline"]), st.none() | st.integers(-1, 70)), max_size=8),
)
def test_however_it_is_read_it_gives_the_body_or_refuses_it_and_never_takes_more_than_a_byte_past_the_limit(
    body: bytes, limit: int, steps: list[tuple[str, int | None]]
) -> None:
    stream = io.BytesIO(body)
    limited = LimitedInput(stream, limit, None)
    seen = b""
    try:
        for method, size in [*steps, ("read", None)]:
            seen += getattr(limited, method)(size)
    except RequestTooLarge:
        assert len(body) > limit
        with pytest.raises(RequestTooLarge):
            limited.read(1)
    else:
        assert seen == body
        assert limited.finished
    assert stream.tell() <= limit + 1


def test_lines_are_those_of_the_body() -> None:
    body = b"one\ntwo\n\nthree"
    assert list(LimitedInput(io.BytesIO(body), 100, None)) == body.splitlines(keepends=True)
    assert LimitedInput(io.BytesIO(body), 100, None).readlines() == body.splitlines(keepends=True)
    assert LimitedInput(io.BytesIO(body), 100, None).readline(2) == b"on"


@pytest.mark.parametrize(
    ("declared", "reads", "finished"),
    [
        pytest.param(0, [], True, id="there is none"),
        pytest.param(5, [], False, id="not read"),
        pytest.param(5, [4], False, id="read in part"),
        pytest.param(5, [5], True, id="read to its declared end"),
        pytest.param(None, [5], False, id="read, its end not seen"),
        pytest.param(None, [5, 1], True, id="read until its end was seen"),
        pytest.param(None, [-1], True, id="read whole"),
    ],
)
def test_it_knows_whether_it_was_read_to_its_end(declared: int | None, reads: list[int], finished: bool) -> None:  # noqa: FBT001 - a table
    limited = LimitedInput(io.BytesIO(bytes(5)), 100, declared)
    for size in reads:
        limited.read(size)
    assert limited.finished is finished


def test_a_body_that_ended_early_is_not_finished() -> None:
    limited = LimitedInput(io.BytesIO(bytes(5)), 100, 6)
    with pytest.raises(InvalidRequest):
        limited.read()
    assert not limited.finished


def test_the_body_is_where_the_lingering_close_looks_for_it(snapshot: Callable[..., Snapshot]) -> None:
    environ = create_environ(environ_overrides={"packy.snapshot": snapshot()})
    BodyLimit(sizes)(environ, lambda *_: lambda _data: None)
    assert isinstance(environ["packy.body"], LimitedInput)
    assert environ["packy.body"] is environ["wsgi.input"]
