from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import pause, rule, text

if TYPE_CHECKING:
    from packy.demo import DemoUpstream

Json = dict[str, Any]
Connect = Callable[..., AbstractContextManager[socket.socket]]

LONG = text("x" * 4000)

WAITING: dict[str, tuple[Json, Json, bytes]] = {
    # the rule, what is different in the request, what the client has seen when it leaves
    "between paced events": (rule(LONG, rate=5), {}, b"event: response.in_progress"),
    "in a pause": (rule(text("a"), pause(60), LONG), {}, b"event: response.output_item.done"),
    "before the headers": (rule(LONG, delay_headers=60), {}, b""),
    "before the first event": (rule(LONG, delay_first_event=60), {}, b"\r\n\r\n"),
    "in a hang": (rule(LONG, hang_after_events=1), {}, b"event: response.created"),
    "for an answer without a stream": (rule(LONG, rate=5), {"stream": False}, b""),
    "while it does not read": (rule(LONG, endless_line=True), {}, b"event: response.completed"),
}


@pytest.mark.parametrize("name", WAITING)
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_hangs_up_is_noticed_within_a_second(
    *, name: str, how: str, upstream: DemoUpstream, connect: Connect
) -> None:
    script, request, seen = WAITING[name]
    upstream.script(script)
    with connect(**request) as sock:
        found = b""
        while seen not in found:
            found += sock.recv(65536)
        assert upstream.wait(lambda u: u.in_flight == 1)
        assert upstream.cancelled == []
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        left = time.time()
    assert upstream.wait(lambda u: u.in_flight == u.open_connections == 0, seconds=1)
    (cancelled,) = upstream.cancelled
    assert cancelled["number"] == 1
    assert 0 <= cancelled["at"] - left < 1
    (exchange,) = upstream.requests
    assert exchange.cancelled
    assert exchange.finished == cancelled["at"]


def test_a_client_that_leaves_after_the_end_has_cancelled_nothing(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(text("Hello")))
    for _ in range(20):
        with connect() as sock:
            found = b""
            while b"event: response.completed" not in found:
                found += sock.recv(65536)
    assert upstream.wait(lambda u: u.open_connections == 0, seconds=1)
    assert upstream.cancelled == []
    assert upstream.stats["tokens"]["gpt-5"]["requests"] == 20


def test_a_request_sent_early_on_the_same_connection_is_no_hang_up(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(text("Hello"), rate=100))
    again = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nConnection: close\r\n\r\n"
    with connect() as sock:
        sock.sendall(again)
        answers = sock.makefile("rb").read()
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert upstream.cancelled == []


def test_an_upstream_that_stops_cancels_nothing(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(LONG, hang_after_events=1))
    with connect() as sock:
        sock.recv(65536)
        upstream.stop()
        while sock.recv(65536):
            pass
    assert upstream.cancelled == []
    assert upstream.in_flight == upstream.open_connections == 0
