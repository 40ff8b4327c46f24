from __future__ import annotations

import io
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import create_environ

from middleware import LimitedInput, LingeringClose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Body:
    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a", b"b"])

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's and the client's end of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=10)
        server, _ = listener.accept()
    with server, client:
        yield server, client


def respond(server: socket.socket | None, declared: int, **limits: float) -> Any:
    """Give the response to a request of whose declared body nothing has been read."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["packy.body"] = LimitedInput(io.BytesIO(), 100, declared)
        start_response("200 OK", [])
        return Body()

    environ = create_environ(environ_overrides={"gunicorn.socket": server} if server else {})
    return LingeringClose(app, **limits)(environ, lambda *_: lambda _data: None)


def test_a_connection_whose_body_was_read_stays_as_it_is(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    respond(server, 0).close()
    server.sendall(b"next")
    client.sendall(b"next")
    assert (client.recv(9), server.recv(9)) == (b"next", b"next")


def test_the_client_can_send_on_and_read_its_answer_before_the_connection_ends(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    server, client = ends
    size = 32 << 20
    ending = threading.Thread(target=respond(server, size).close)
    server.sendall(b"answer")
    ending.start()
    client.sendall(bytes(size))
    client.shutdown(socket.SHUT_WR)
    assert (client.recv(99), client.recv(99)) == (b"answer", b"")
    ending.join(10)
    assert not ending.is_alive()
    assert server.recv(1) == b""


@pytest.mark.parametrize("limits", [{"idle_seconds": 0.2}, {"seconds": 0.2}], ids=["silence", "time"])
def test_it_waits_no_longer_than_its_limits(
    limits: dict[str, float], ends: tuple[socket.socket, socket.socket]
) -> None:
    began = time.monotonic()
    respond(ends[0], 5, **limits).close()
    assert 0.2 <= time.monotonic() - began < 2
    assert ends[0].recv(1) == b""


def test_a_client_that_never_ends_is_cut(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    stopped = threading.Event()

    def babble() -> None:
        try:
            while not stopped.is_set():
                client.sendall(b"x" * 100)
        except OSError:
            stopped.set()

    babbling = threading.Thread(target=babble)
    babbling.start()
    respond(server, 5, seconds=0.3).close()
    server.close()
    assert stopped.wait(5)
    babbling.join(5)


def test_a_client_that_is_gone_is_no_matter(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    client.close()
    respond(server, 5).close()


def test_without_gunicorns_socket_it_does_nothing() -> None:
    response = respond(None, 5)
    assert list(response) == [b"a", b"b"]
    response.close()


def test_the_inner_response_is_closed_first_and_exactly_once(ends: tuple[socket.socket, socket.socket]) -> None:
    order: list[str] = []

    class Body(io.BytesIO):
        def close(self) -> None:
            order.append("closed" if ends[0].fileno() >= 0 and ends[0].gettimeout() is None else "too late")

    def app(environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        environ["packy.body"] = LimitedInput(io.BytesIO(), 100, 5)
        return Body()

    ends[0].settimeout(None)
    response: Any = LingeringClose(app, idle_seconds=0.05)(
        create_environ(environ_overrides={"gunicorn.socket": ends[0]}), lambda *_: lambda _data: None
    )
    response.close()
    assert order == ["closed"]
    assert ends[0].gettimeout() is not None
