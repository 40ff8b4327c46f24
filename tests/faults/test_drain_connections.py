"""The worker's connections, on real sockets: which of them may be ended, and who is still let in."""

from __future__ import annotations

import socket as plain
from contextlib import ExitStack
from typing import TYPE_CHECKING

import gevent
import pytest
from gevent.socket import socket, socketpair

from packy.server.connections import Acceptor, ClientSocket

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20


@pytest.fixture
def ends() -> Iterator[tuple[ClientSocket, socket]]:
    """The server's end of a connection, and the client's."""
    served, client = socketpair()
    with ClientSocket(served) as server, client:
        server.settimeout(PATIENCE)
        yield server, client


def test_an_idle_connection_ends(ends: tuple[ClientSocket, socket]) -> None:
    server, _ = ends
    server.await_request()
    server.end_if_idle(0)
    assert server.recv(9) == b""


def test_a_connection_that_was_idle_for_less_long_goes_on(ends: tuple[ClientSocket, socket]) -> None:
    server, client = ends
    server.await_request()
    server.end_if_idle(3600)
    client.sendall(b"POST")
    assert server.recv(9) == b"POST"


def test_bytes_that_nobody_has_read_yet_are_a_request(ends: tuple[ClientSocket, socket]) -> None:
    server, client = ends
    server.await_request()
    client.sendall(b"PO")
    server.end_if_idle(0)
    assert server.recv(9) == b"PO"
    server.end_if_idle(0)
    client.sendall(b"ST")
    assert server.recv(9) == b"ST"


def test_bytes_that_were_read_with_the_request_before_are_a_request(ends: tuple[ClientSocket, socket]) -> None:
    server, client = ends
    server.read_ahead = True
    server.await_request()
    server.end_if_idle(0)
    client.sendall(b"ST")
    assert server.recv(9) == b"ST"


def test_a_client_that_never_reads_counts_as_gone() -> None:
    served, client = socketpair()
    with ClientSocket(served, unread_seconds=0.1) as server, client:
        server.sendall(b"read in good time")
        with pytest.raises(BrokenPipeError), gevent.Timeout(PATIENCE):
            server.sendall(bytes(1 << 24))


def test_whoever_the_kernel_has_let_in_is_served_before_the_door_closes() -> None:
    served: list[bytes] = []
    with ExitStack() as clients:
        listener = socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        address = listener.getsockname()
        acceptor = Acceptor(listener, lambda _, client, __: served.append(client.recv(9)), 8, max_accept=1)
        for _ in range(3):
            client = clients.enter_context(plain.create_connection(address, timeout=PATIENCE))
            client.sendall(b"hello")
        acceptor.start()
        acceptor.finish()
        assert acceptor.getsockname() == address
        with pytest.raises(ConnectionRefusedError):
            plain.create_connection(address, timeout=PATIENCE)
        gevent.wait(tuple(acceptor.connections), timeout=PATIENCE)
    assert served == [b"hello"] * 3
