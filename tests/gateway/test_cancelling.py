"""A client that hangs up takes its upstream request with it, wherever that was, and leaves nothing behind."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import reasoning, rule, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo import DemoUpstream
    from tests.support.gateway import Gateway

    Json = dict[str, Any]
    Connect = Callable[..., socket.socket]
    Ask = Callable[..., Json]

LONG = "word " * 2000
STREAMING = rule(text(LONG), rate=50)
SILENT = rule(reasoning("Hm."), text(LONG), hang_after_events=8)
NO_HEADERS = rule(text(LONG), hang_before_headers=True)
NO_EVENT = rule(text(LONG), delay_first_event=60)

MOMENTS = [
    pytest.param(STREAMING, True, id="while it streams"),
    pytest.param(SILENT, True, id="while the upstream is silent in mid-stream"),
    pytest.param(NO_HEADERS, True, id="before the upstream has answered"),
    pytest.param(NO_EVENT, True, id="before the first event"),
    pytest.param(STREAMING, False, id="while a whole message is gathered"),
    pytest.param(NO_HEADERS, False, id="while a whole message is waited for"),
]


def close(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    """Close as a killed process or a vanished machine does, with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("hang_up", [close, reset])
@pytest.mark.parametrize(("fault", "stream"), MOMENTS)
def test_hanging_up_closes_the_upstream_within_a_second(
    gateway: Gateway,
    upstream: DemoUpstream,
    connect: Connect,
    question: Ask,
    fault: Json,
    *,
    stream: bool,
    hang_up: Callable[[socket.socket], None],
) -> None:
    upstream.script(fault)
    before = len(gateway.requests())
    connection = connect(question(stream=stream))
    assert upstream.wait(lambda u: u.in_flight == 1)
    if stream and fault in (STREAMING, SILENT):
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")

    closed = time.time()
    hang_up(connection)

    assert upstream.wait(lambda u: u.cancelled)
    assert upstream.cancelled[0]["at"] - closed < 1
    gateway.until(lambda _: len(gateway.requests()) > before)
    record = gateway.requests()[-1]
    assert record["cancelled"] is True
    assert "error_type" not in record


def test_fifty_that_hang_up_leave_no_file_open(
    gateway: Gateway, upstream: DemoUpstream, connect: Connect, question: Ask, open_files: Callable[[Gateway], int]
) -> None:
    def hang_up_on(fault: Json, count: int, *, stream: bool) -> None:
        upstream.script(fault)
        connections = [connect(question(stream=stream)) for _ in range(count)]
        assert upstream.wait(lambda u: u.in_flight == count)
        for connection in connections:
            connection.close()
        assert upstream.wait(lambda u: u.in_flight == 0)

    hang_up_on(STREAMING, 2, stream=True)
    before = open_files(gateway)

    for fault, stream in ((STREAMING, True), (SILENT, True), (NO_HEADERS, True), (STREAMING, False), (NO_EVENT, False)):
        hang_up_on(fault, 10, stream=stream)

    gateway.until(lambda _: open_files(gateway) <= before)


def test_upstream_connections_are_used_again(post: Any, upstream: DemoUpstream, question: Ask) -> None:
    post(question())
    opened = upstream.stats["total_connections"]

    for stream in (True, False) * 5:
        assert post(question(stream=stream)).status_code == 200

    assert upstream.stats["total_connections"] == opened


def test_a_client_that_closes_only_its_own_direction_is_told_how_it_ended(
    upstream: DemoUpstream, connect: Connect, question: Ask
) -> None:
    upstream.script(STREAMING)
    connection = connect(question(stream=True))
    assert connection.recv(65536)

    connection.shutdown(socket.SHUT_WR)

    assert b"event: error\n" in read_all(connection)
    assert upstream.wait(lambda u: u.cancelled)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("early", [True, False], ids=["at once", "while it is served"])
def test_a_second_request_behind_the_first_is_served(
    upstream: DemoUpstream,
    connect: Connect,
    octets: Callable[[Json], bytes],
    question: Ask,
    *,
    stream: bool,
    early: bool,
) -> None:
    upstream.script(rule(text("The first."), times=1, delay_first_event=0.1), rule(text("The second."), chunk=0))
    first, second = question(stream=stream), question()

    connection = connect(*([first, second] if early else [first]))
    assert upstream.wait(lambda u: u.in_flight == 1)
    if not early:
        connection.sendall(octets(second))
    read = b""
    while b"The second." not in read:
        piece = connection.recv(65536)
        assert piece, read
        read += piece

    assert read.count(b"HTTP/1.1 200 OK") == 2
    assert upstream.cancelled == []


def test_hanging_up_behind_a_second_request_is_noticed_by_the_failing_write(
    upstream: DemoUpstream, connect: Connect, octets: Callable[[Json], bytes], question: Ask
) -> None:
    upstream.script(STREAMING)
    connection = connect(question(stream=True))
    assert upstream.wait(lambda u: u.in_flight == 1)

    connection.sendall(octets(question()))
    connection.close()

    assert upstream.wait(lambda u: u.cancelled, 1)


def test_a_client_that_hangs_up_before_its_request_is_whole_costs_nothing(
    gateway: Gateway, upstream: DemoUpstream, connect: Connect, octets: Callable[[Json], bytes], question: Ask
) -> None:
    whole = octets(question())
    for length in (1, 20, len(whole) // 2, len(whole) - 1):
        connection = connect()
        connection.sendall(whole[:length])
        connection.close()

    assert connect(question()).recv(65536).startswith(b"HTTP/1.1 200")
    assert len(upstream.requests) == 1
    assert gateway.lines("uncaught") == []
