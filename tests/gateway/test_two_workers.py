"""Two workers share the requests; when one dies, its streams end and nothing else does."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from packy.demo import rule, text
from tests.support.connection import connect
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from packy.demo import DemoUpstream

    Ask = Callable[..., dict[str, Any]]

STREAMS = 16
END = b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def pair(upstream_process: DemoUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with two workers, both of which have served."""
    folder = tmp_path_factory.mktemp("pair")
    with Gateway(folder, config_for(upstream_process.url), workers=2) as running:

        def all_have_served(_: str) -> bool:
            requests.head(running.url, timeout=10)
            return len({line["pid"] for line in running.lines("request")}) == 2

        running.until(all_have_served)
        yield running


@pytest.fixture
def streams(pair: Gateway, upstream: DemoUpstream, octets: Callable[..., bytes], question: Ask) -> Iterator[Any]:
    """Slow streams through both workers, grouped by the worker that serves them."""
    upstream.script(rule(text("word " * 100), rate=60))
    opened = [connect(pair.url) for _ in range(STREAMS)]
    for connection in opened:
        connection.sendall(octets(question(stream=True)))
    assert upstream.wait(lambda u: u.in_flight == STREAMS, 20)
    by_port = {connection.getsockname()[1]: connection for connection in opened}
    yield {
        pid: [
            by_port[held.raddr.port]
            for held in psutil.Process(pid).net_connections("tcp")
            if held.status == psutil.CONN_ESTABLISHED and held.raddr.port in by_port
        ]
        for pid in pair.worker_pids()
    }
    for connection in opened:
        connection.close()


def read_all(connection: socket.socket) -> bytes:
    """Read until the answer is whole, or the other side has gone."""
    answer = b""
    while not answer.endswith(END):
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            break
        if not piece:
            break
        answer += piece
    return answer


def test_requests_spread_over_the_workers(streams: dict[int, list[socket.socket]]) -> None:
    assert len(streams) == 2
    assert sum(map(len, streams.values())) == STREAMS
    assert all(streams.values()), "each worker has some"


def test_a_killed_worker_is_replaced_and_the_other_ones_streams_go_on(
    pair: Gateway, upstream: DemoUpstream, streams: dict[int, list[socket.socket]], question: Ask
) -> None:
    (killed, cut), (living, whole) = streams.items()
    booted = pair.text.count("Booting worker")

    os.kill(killed, signal.SIGKILL)

    assert not any(read_all(connection).endswith(END) for connection in cut)
    assert all(b"event: message_stop" in read_all(connection) for connection in whole)
    assert upstream.wait(lambda u: u.in_flight == 0), "the upstream's halves of the cut ones are closed as well"
    pair.until(lambda text: text.count("Booting worker") == booted + 1)
    pids = pair.worker_pids()
    assert len(pids) == 2
    assert living in pids
    upstream.reset()
    assert requests.post(f"{pair.url}/v1/messages", json=question(), headers=pair.headers, timeout=10).ok
    assert "Traceback" not in pair.text
