"""No more requests at once than the limits allow, and every one that ends makes room, however it ends."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gevent
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import create_environ

from middleware import ConcurrencyLimit, ErrorBoundary
from packy.config import ConfigSchema, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIMITS = {"max-concurrent": 2}


class Untouchable(io.BytesIO):
    """A body that must not be read."""

    def read(self, *_: object) -> bytes:
        pytest.fail("the body was read")


class Body:
    """A response body that counts how often it is closed."""

    def __init__(self, error: type[BaseException] | None = None, closing: type[BaseException] | None = None) -> None:
        self.closed = 0
        self._error, self._closing = error, closing

    def __iter__(self) -> Iterator[bytes]:
        yield b"begun"
        if self._error:
            raise self._error

    def close(self) -> None:
        self.closed += 1
        if self._closing:
            raise self._closing


def streaming(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("content-length", "5"), ("content-type", "text/plain")])
    return Body()


def pinned(limits: dict[str, Any]) -> Snapshot:
    loaded = ConfigSchema().load({"limits": limits})
    assert isinstance(loaded, Snapshot)
    return loaded


class Caller:
    """Sends requests to an application, and keeps what they got open."""

    def __init__(self, app: WSGIApplication, limits: dict[str, Any]) -> None:
        self.app = app
        self.limits = limits
        self.status, self.headers = "", dict[str, str]()

    def ask(self, client: str = "", *, method: str = "POST", path: str = "/v1/messages") -> Any:
        overrides = {"packy.snapshot": pinned(self.limits), "packy.client": client, "wsgi.input": Untouchable()}
        environ = create_environ(path, method=method, environ_overrides=overrides)

        def start(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
            self.status, self.headers = status, dict(headers)
            return lambda _data: None

        self.status = ""
        return self.app(environ, start)


@pytest.fixture
def call() -> Caller:
    return Caller(ConcurrencyLimit(streaming), LIMITS)


@pytest.mark.parametrize(
    ("limits", "client", "others", "key", "number"),
    [
        pytest.param({"max-concurrent": 2}, "a", ["b", "c"], "limits.max-concurrent ", 2, id="all"),
        pytest.param({"max-concurrent-per-client": 3}, "a", ["a"] * 3, "limits.max-concurrent-per-client ", 3,
                     id="one client's"),
        pytest.param({"max-concurrent-per-client": 1}, "", [""], "limits.max-concurrent-per-client ", 1,
                     id="where there are no keys, all are one client"),
    ],
)  # fmt: skip
def test_what_is_over_a_limit_is_refused_unread_with_the_limit_and_its_key(
    limits: dict[str, Any], client: str, others: list[str], key: str, number: int
) -> None:
    call = Caller(LintMiddleware(ConcurrencyLimit(streaming)), limits)
    opened = [call.ask(each) for each in others]
    assert call.status == "200 OK"

    refused = call.ask(client)
    body = b"".join(refused)
    assert call.status == "429 Too Many Requests"
    assert call.headers["retry-after"] == "1"
    assert call.headers["content-length"] == str(len(body))
    error = orjson.loads(body)["error"]
    assert error["type"] == "rate_limit_error"
    assert key in error["message"]
    assert f" {number} requests at once" in error["message"]
    for each in (refused, *opened):
        list(each)
        each.close()


def test_a_refusal_takes_no_place(call: Caller) -> None:
    first, _second = call.ask(), call.ask()
    for _ in range(3):
        assert b"".join(call.ask())
        assert call.status.startswith("429")
    first.close()
    call.ask()
    assert call.status == "200 OK"


def test_one_clients_limit_leaves_the_others_alone() -> None:
    call = Caller(ConcurrencyLimit(streaming), {"max-concurrent-per-client": 1})
    statuses = []
    for client in ("a", "a", "b", "b", "c"):
        call.ask(client)
        statuses.append(call.status[:3])
    assert statuses == ["200", "429", "200", "429", "200"]


def test_without_a_limit_of_its_own_a_client_may_have_all() -> None:
    call = Caller(ConcurrencyLimit(streaming), {"max-concurrent": 50})
    for _ in range(50):
        call.ask("a")
        assert call.status == "200 OK"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages/count_tokens"), ("GET", "/v1/messages"), ("HEAD", "/"), ("GET", "/healthz"),
        ("PUT", "/v0/management/packycode"), ("GET", "/v1/models"),
    ],
)  # fmt: skip
def test_other_requests_neither_count_nor_are_refused(method: str, path: str, call: Caller) -> None:
    for _ in range(5):
        call.ask(method=method, path=path)
        assert call.status == "200 OK"
    for _ in range(2):
        call.ask()
        assert call.status == "200 OK"
    call.ask(method=method, path=path)
    assert call.status == "200 OK"


def test_the_limit_is_that_of_the_requests_own_snapshot(call: Caller) -> None:
    call.ask()
    call.limits = {"max-concurrent": 1}
    call.ask()
    assert call.status.startswith("429")
    call.limits = {"max-concurrent": 3}
    call.ask()
    assert call.status == "200 OK"


def failing(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise ValueError


def killed(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise gevent.GreenletExit


def silent(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    return Body()


def bare(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"no close"]


def begun_with(**errors: type[BaseException]) -> WSGIApplication:
    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Body(**errors)

    return app


def serve(call: Caller, chunks: int | None) -> None:
    """Do as gunicorn does: iterate, as far as the client takes it, and close in any case."""
    with suppress(ValueError, gevent.GreenletExit, SystemExit):
        response = call.ask()
        iterator = iter(response)
        try:
            if chunks is None:
                list(iterator)
            for _ in range(chunks or 0):
                next(iterator)
        finally:
            if close := getattr(response, "close", None):
                close()


@pytest.mark.parametrize("boundary", [True, False], ids=["in the boundary", "alone"])
@pytest.mark.parametrize("chunks", [None, 0, 1], ids=["whole", "gone at once", "gone in the middle"])
@pytest.mark.parametrize(
    "app",
    [
        pytest.param(streaming, id="well"),
        pytest.param(bare, id="without close"),
        pytest.param(failing, id="failing at once"),
        pytest.param(killed, id="killed at once"),
        pytest.param(silent, id="never calling start_response"),
        pytest.param(begun_with(error=ValueError), id="failing in the middle"),
        pytest.param(begun_with(error=gevent.GreenletExit), id="killed in the middle"),
        pytest.param(begun_with(error=SystemExit), id="timed out in the middle"),
        pytest.param(begun_with(closing=ValueError), id="failing while it closes"),
        pytest.param(begun_with(closing=gevent.GreenletExit), id="killed while it closes"),
    ],
)
@pytest.mark.usefixtures("lines")
def test_however_a_request_ends_its_place_is_free_again(
    app: WSGIApplication,
    chunks: int | None,
    boundary: bool,  # noqa: FBT001 - a table
) -> None:
    limit = ConcurrencyLimit(app)
    call = Caller(ErrorBoundary(limit) if boundary else limit, LIMITS)
    for _ in range(3):
        serve(call, chunks)
        assert limit.in_flight == 0


def test_a_response_is_closed_and_its_place_freed_exactly_once() -> None:
    bodies: list[Body] = []

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        bodies.append(Body())
        return bodies[-1]

    limit = ConcurrencyLimit(app)
    call = Caller(limit, LIMITS)
    first, _second = call.ask("a"), call.ask("a")
    assert limit.in_flight == 2
    for _ in range(3):
        first.close()
        assert limit.in_flight == 1
    assert [body.closed for body in bodies] == [1, 0]


@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_it_lets_in_exactly_as_many_as_the_limits_have_room_for(steps: list[tuple[str, bool]]) -> None:
    limit = ConcurrencyLimit(streaming)
    call = Caller(limit, {"max-concurrent": 4, "max-concurrent-per-client": 2})
    opened: dict[str, list[Any]] = {"a": [], "b": [], "c": []}
    for client, arrives in steps:
        count = sum(map(len, opened.values()))
        if arrives:
            response = call.ask(client)
            fits = count < 4 and len(opened[client]) < 2
            assert call.status.startswith("200" if fits else "429")
            if fits:
                opened[client].append(response)
        elif opened[client]:
            opened[client].pop().close()
        assert limit.in_flight == sum(map(len, opened.values()))
