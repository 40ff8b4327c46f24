"""A provider that goes wrong in every way: octets as they are told, one way for each path, over plain sockets."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import orjson

from packy.demo.events import Answer, frame
from tests.support.canary import mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    Json = dict[str, Any]
    Play = Callable[[socket.socket], bool]

PATIENCE = 60.0
# Whatever an upstream says holds a canary, for those who look what becomes of it: `tests/security/test_canary.py`.
OK = f"HTTP/1.1 200 OK\r\nx-request-id: {mark('requestid')}\r\nx-said: {mark('header')}\r\n".encode()
SSE = OK + b"content-type: text/event-stream\r\n"
CLOSING = SSE + b"connection: close\r\n\r\n"
CHUNKED = SSE + b"transfer-encoding: chunked\r\n\r\n"


def events(*steps: Json, chunk: int = 32) -> list[bytes]:
    """Give the events of an answer as the demo upstream makes them."""
    request = {
        "model": "gpt-5",
        "input": "Hi.",
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"summary": "auto"},
    }
    answer = Answer(request, [dict(step) for step in steps], prompt=(9, 0), chunk=chunk, account="demo")
    return [frame(event) for event in answer.events() if not isinstance(event, float)]


def event(kind: str, **fields: object) -> bytes:
    """Give any event."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def sized(body: bytes, head: bytes = SSE) -> bytes:
    """Give an answer with its length."""
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def chunked(*pieces: bytes) -> bytes:
    """Give pieces in the chunked coding, without the last chunk."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def http_error(status: int, body: Json | bytes = b"", *headers: str) -> bytes:
    """Give an HTTP answer with a JSON body."""
    octets = body if isinstance(body, bytes) else orjson.dumps(body)
    own = (f"x-request-id: {mark('requestid')}", f"x-said: {mark('errorheader')}")
    lines = [f"HTTP/1.1 {status} {mark('reason')}", "content-type: application/json", *own, *headers]
    return sized(octets, "\r\n".join([*lines, ""]).encode())


def close(connection: socket.socket) -> bool:
    """Close as programs do."""
    connection.shutdown(socket.SHUT_WR)
    return False


def reset(connection: socket.socket) -> bool:
    """Close as a program that is killed does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hold(connection: socket.socket) -> bool:
    """Say nothing more until the other side has gone."""
    connection.settimeout(PATIENCE)
    while connection.recv(65536):
        pass
    return False


def keep(_: socket.socket) -> bool:
    """Take the next request."""
    return True


def say(*pieces: bytes, then: Play = close, every: float = 0) -> Play:
    """Send pieces, so many seconds apart, and end in some way."""

    def play(connection: socket.socket) -> bool:
        for piece in pieces:
            connection.sendall(piece)
            if every:
                time.sleep(every)
        return then(connection)

    return play


def pour(head: bytes, piece: bytes, pause: float = 0) -> Play:
    """Send something again and again until nobody takes it any more."""

    def play(connection: socket.socket) -> bool:
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            if pause:
                time.sleep(pause)

    return play


def only_once(octets: bytes) -> Play:
    """Answer a connection's first request, and close when the second has come: a server that had just given up."""
    seen = set[socket.socket]()

    def play(connection: socket.socket) -> bool:
        if connection in seen:
            return False
        seen.add(connection)
        connection.sendall(octets)
        return True

    return play


def read_request(connection: socket.socket) -> tuple[str, bytes]:
    """Read a request; give the first part of its path and its body, empty at the end of the connection."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        piece = connection.recv(65536)
        if not piece:
            return "", b""
        octets += piece
    head, _, body = octets.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b" ")[1].split(b"/")[1].decode(), body


class FaultyUpstream:
    """Answers a request to `/NAME/v1/responses` in the way of that name.

    Args:
        choose: the name and the request's body → what to do.

    Attributes:
        port: where it listens.
        open: connections that are open.
        in_flight: requests that are being answered.
    """

    def __init__(self, choose: Callable[[str, bytes], Play]) -> None:
        self._choose = choose
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self.open = 0
        self.in_flight = 0

    def url(self, name: str) -> str:
        """Give the base URL of a way."""
        return f"http://127.0.0.1:{self.port}/{name}/v1"

    def accept(self) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        self._count(opened=1)
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (request := read_request(connection))[0] and self._answer(connection, *request):
                pass
        self._count(opened=-1)

    def _answer(self, connection: socket.socket, name: str, body: bytes) -> bool:
        self._count(begun=1)
        try:
            return self._choose(name, body)(connection)
        finally:
            self._count(begun=-1)

    def _count(self, opened: int = 0, begun: int = 0) -> None:
        with self._lock:
            self.open += opened
            self.in_flight += begun


@contextmanager
def faulty_upstream(choose: Callable[[str, bytes], Play]) -> Iterator[FaultyUpstream]:
    """Run one."""
    upstream = FaultyUpstream(choose)
    thread = threading.Thread(target=upstream.accept, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.stop()
        thread.join(5)


def joined(pieces: Iterable[bytes]) -> bytes:
    """Join pieces."""
    return b"".join(pieces)
