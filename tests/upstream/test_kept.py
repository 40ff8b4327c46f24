"""Connections that are open already: asked again, and only where nothing speaks against it."""

from __future__ import annotations

import queue
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from packy.config import Provider, Secret, Timeouts
from packy.translation import UpstreamContext
from packy.upstream import UpstreamError
from packy.upstream.connection import Connector
from tests.support.loopback import accepting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packy.upstream.connection import Connection

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
ANSWER = HEAD + b"content-length: 10\r\n\r\ndata: 1\n\n\n"
PATIENCE = 10.0
TIMEOUTS = Timeouts(connect=5, first_byte=PATIENCE, idle=PATIENCE, total=60, ping=15)


class Upstream:
    """Answers request after request on each connection; `then` is done behind each answer."""

    def __init__(self) -> None:
        self.answers = [ANSWER] * 9
        self.requests: list[tuple[int, bytes, bytes]] = []
        self.connections: queue.Queue[socket.socket] = queue.Queue()
        self.read_bodies = True
        self.then: Callable[[socket.socket], bool] = lambda _: True
        self._count = 0

    def serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        number, self._count = self._count, self._count + 1
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                if not (data := connection.recv(65536)):
                    return
                received += data
            head, _, received = received.partition(b"\r\n\r\n")
            length = next(
                int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")
            )
            while self.read_bodies and len(received) < length:
                received += connection.recv(65536)
            self.requests.append((number, head, received[:length]))
            received = received[length:]
            connection.sendall(self.answers.pop(0))
            if not self.then(connection):
                return


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def ask(upstream: Upstream) -> Iterator[Callable[..., Connection]]:
    connector = Connector(4)
    with ExitStack() as stack:
        port = stack.enter_context(accepting(upstream.serve))

        def ask(payload: bytes = b"{}", key: str = "sk-up") -> Connection:
            base_url = f"http://127.0.0.1:{port}/v1"
            provider = Provider("up1", "packycode", "up", base_url, requires_auth=True, api_key=Secret(key))
            return connector.open(provider, payload, TIMEOUTS, UpstreamContext(provider="up"), "session")

        yield ask
        connector.session.close()


def whole(connection: Connection) -> bytes:
    """Read a body, and give its connection back."""
    pieces = []
    while piece := connection.read(PATIENCE):
        pieces.append(piece)
    connection.release()
    return b"".join(pieces)


def test_an_open_connection_is_asked_again_and_in_the_same_words(
    upstream: Upstream, ask: Callable[..., Connection]
) -> None:
    bodies = [b"{}", b'{"n":2}', b"x" * 1_000_000, b"{}"]

    for body in bodies:
        assert whole(ask(body)) == b"data: 1\n\n\n"

    assert [(number, body) for number, _, body in upstream.requests] == [(0, body) for body in bodies]
    first, *others = (
        {line for line in head.split(b"\r\n") if b"ength" not in line} for _, head, _ in upstream.requests
    )
    assert all(other == first for other in others)
    assert b"Authorization: Bearer sk-up" in first


def test_an_answer_that_was_not_read_to_its_end_takes_its_connection_along(
    upstream: Upstream, ask: Callable[..., Connection]
) -> None:
    for _ in range(2):
        whole(ask())
    ask().abort()
    whole(ask())

    assert [number for number, _, _ in upstream.requests] == [0, 0, 0, 1]


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 408 Too late\r\n\r\n"], ids=["its end", "what nobody asked for"])
def test_a_connection_on_which_something_has_come_meanwhile_is_left(
    upstream: Upstream, ask: Callable[..., Connection], said: bytes
) -> None:
    over: queue.Queue[None] = queue.Queue()

    def end(connection: socket.socket) -> bool:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        over.put(None)
        return False

    upstream.then = end
    for _ in range(3):
        assert whole(ask()) == b"data: 1\n\n\n"
        over.get(timeout=PATIENCE)

    assert [number for number, _, _ in upstream.requests] == [0, 1, 2]


def test_an_answer_before_the_end_of_the_request_is_heard(upstream: Upstream, ask: Callable[..., Connection]) -> None:
    whole(ask())
    upstream.read_bodies = False
    upstream.answers[0] = b"HTTP/1.1 413 Too large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    upstream.then = lambda _: False

    with pytest.raises(UpstreamError) as caught:
        ask(b"x" * 50_000_000)

    assert caught.value.failure.upstream_status == 413


def test_a_connection_that_breaks_is_the_upstreams_failure(upstream: Upstream, ask: Callable[..., Connection]) -> None:
    whole(ask())
    upstream.answers[0] = b"HTTP/1.1 2"
    upstream.then = lambda _: False

    with pytest.raises(UpstreamError) as caught:
        ask()

    assert caught.value.failure.code == "upstream_connection"


@pytest.mark.parametrize("key", ["sk\r\nX-Evil: 1", "sk\n1", "sk\r1", "sk\u2028"])
def test_a_key_that_no_header_can_hold_is_refused_with_and_without_an_open_connection(
    upstream: Upstream, ask: Callable[..., Connection], key: str
) -> None:
    for requests in (0, 1):
        with pytest.raises(UpstreamError) as caught:
            ask(key=key)
        assert caught.value.failure.code == "upstream_bad_url"
        assert len(upstream.requests) == requests
        whole(ask())
