"""One worker, three hundred streams at fifty events a second each: all whole, none stalled.

`pytest -s` shows the figures measured; how fast is fast enough is the benchmark's question.
"""

from __future__ import annotations

import re
import selectors
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING, Any, cast

import psutil
import requests

from packy.demo import rule, text
from tests.support.connection import connect
from tests.support.gateway import Gateway, clean_environment, config_for

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

STREAMS = 300
RATE = 50
SECONDS = 3
LONGEST_GAP = 10.0
PIECE = "abcd"
TEXT = PIECE * (RATE * SECONDS)


@dataclass
class Stream:
    """What one client reads: octets, and when they came."""

    octets: bytearray = field(default_factory=bytearray)
    moments: list[float] = field(default_factory=list)

    @property
    def events(self) -> bytes:
        """The body, without HTTP's head and chunk framing."""
        framed = bytes(self.octets).partition(b"\r\n\r\n")[2]
        body = b""
        while framed:
            size, _, framed = framed.partition(b"\r\n")
            body, framed = body + framed[: int(size, 16)], framed[int(size, 16) + 2 :]
        return body

    @property
    def gaps(self) -> list[float]:
        return [after - before for before, after in zip(self.moments, self.moments[1:], strict=False)]


@contextmanager
def paced_upstream(folder: Path) -> Iterator[str]:
    """Run the demo upstream in a process of its own, as the gateway's worker is."""
    command = [sys.executable, "-c", "from packy.cli import main; main()", "upstream", "--rate", str(RATE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment(folder), text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().split()[-1]
            script = {"rules": [rule(text(TEXT), chunk=len(PIECE))]}
            requests.put(f"{url.removesuffix('/v1')}/__demo__/script", json=script, timeout=10).raise_for_status()
            yield url
        finally:
            process.terminate()


def read_all(url: str, request: bytes, seconds: float) -> list[Stream]:
    """Open all streams, read them to their ends in one plain loop."""
    streams = []
    with selectors.DefaultSelector() as selector:
        for _ in range(STREAMS):
            connection = connect(url)
            connection.sendall(request)
            connection.setblocking(False)  # noqa: FBT003 - the socket's own signature
            streams.append(Stream())
            selector.register(connection, selectors.EVENT_READ, streams[-1])
        deadline = time.monotonic() + seconds
        while selector.get_map():
            assert time.monotonic() < deadline, "the streams did not end in time"
            for key, _ in selector.select(1):
                connection = cast("socket.socket", key.fileobj)
                stream: Stream = key.data
                stream.octets += connection.recv(65536)
                stream.moments.append(time.monotonic())
                if stream.octets.endswith(b"\r\n0\r\n\r\n"):
                    selector.unregister(connection)
                    connection.close()
    return streams


def test_one_worker_holds_three_hundred_streams(
    tmp_path: Path, read_stream: Callable[[bytes], list[dict[str, Any]]], question: Callable[..., dict[str, Any]]
) -> None:
    with paced_upstream(tmp_path) as upstream_url, Gateway(tmp_path, config_for(upstream_url)) as gateway:
        request = requests.Request(
            "POST", f"{gateway.url}/v1/messages", json=question(stream=True), headers=gateway.headers
        ).prepare()
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        body = request.body
        assert isinstance(body, bytes)
        (worker,) = map(psutil.Process, gateway.worker_pids())
        before, began = worker.cpu_times(), time.monotonic()

        streams = read_all(gateway.url, f"POST /v1/messages HTTP/1.1\r\nhost: x\r\n{head}\r\n".encode() + body, 60)

        took, after = time.monotonic() - began, worker.cpu_times()
        gateway.until(lambda _: len(gateway.requests()) == STREAMS)
        ended = gateway.requests()

    for stream in streams:
        events = read_stream(stream.events)
        said = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
        assert "".join(said) == TEXT
        assert max(stream.gaps) < LONGEST_GAP
    assert {line["stop_reason"] for line in ended} == {"end_turn"}

    cpu = after.user + after.system - before.user - before.system
    events_count = sum(len(re.findall(rb"^event: ", stream.events, re.MULTILINE)) for stream in streams)
    gaps = quantiles([gap for stream in streams for gap in stream.gaps], n=100)
    longest = max(max(stream.gaps) for stream in streams)
    print(  # noqa: T201 - for `pytest -s`
        f"\n{STREAMS} streams, {events_count} events in {took:.1f} s: worker's CPU {cpu:.1f} s "
        f"({cpu / events_count * 1e6:.0f} µs an event), gaps p50 {gaps[49] * 1e3:.0f} ms, "
        f"p99 {gaps[98] * 1e3:.0f} ms, longest {longest * 1e3:.0f} ms"
    )
