"""The demo upstream as an HTTP server: a Responses API on loopback, and its control routes under `/__demo__/`.

`POST {any prefix}/responses` and `GET {any prefix}/models` are the API. Beside them:

- `PUT /__demo__/script` takes a script (see `packy.demo.script`), `GET` shows it with the hits of each rule
- `GET /__demo__/requests` shows the last requests and what was answered, `GET /__demo__/stats` the counters
- `POST /__demo__/reset` forgets requests, counters, prompt cache and script
"""

from __future__ import annotations

import ipaddress
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import gevent
from gevent import socket as cooperative
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from packy.demo.application import SOCKET, UNFRAME, Upstream
from packy.demo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["make_server", "serve"]

_BACKLOG: Final = 4096  # connections that may wait to be accepted: a benchmark opens thousands at once


class _Handler(WSGIHandler):
    """Hands the connection to the application, which times, watches and breaks it; logs nothing."""

    def handle(self) -> None:
        self.socket.setsockopt(cooperative.IPPROTO_TCP, cooperative.TCP_NODELAY, 1)
        with cast("Upstream", self.server.application).capture.connection():
            super().handle()

    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), SOCKET: self.socket, UNFRAME: self._unframe}

    def _unframe(self) -> None:
        self.request_version = "HTTP/1.0"  # for which pywsgi sends neither chunks nor length

    def _sendall(self, data: bytes) -> None:
        # An event nearly always fits into the socket's buffer: one call, where sendall() asks for its size before.
        sent = self.socket.send(data)
        if sent < len(data):
            self.socket.sendall(memoryview(data)[sent:])
        self.response_length += len(data)

    def log_request(self) -> None:
        pass

    def log_error(self, msg: str, *args: object) -> None:
        """Drop pywsgi's notes on bad requests: they quote them."""

    def handle_error(self, t: type[BaseException] | None, v: BaseException | None, tb: TracebackType | None) -> None:
        """Name an error in this server by type and place; its text could hold what a client sent."""
        self.close_connection = True
        if t is None or isinstance(v, gevent.GreenletExit):
            return
        while tb is not None and tb.tb_next is not None:
            tb = tb.tb_next
        place = f"{tb.tb_frame.f_code.co_filename}:{tb.tb_lineno}" if tb else "?"
        cast("Upstream", self.server.application).capture.errors.append(f"{t.__name__} at {place}")
        sys.stderr.write(f"packy upstream: {t.__name__} at {place}\n")
        if not self.response_length:
            self.socket.sendall(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


def make_server(upstream: Upstream, host: str = "127.0.0.1", port: int = 0) -> WSGIServer:
    """Make a server on this thread's gevent hub; it accepts connections once `start()` is called.

    Args:
        upstream: the application.
        host: a loopback address; this server answers anyone who can reach it.
        port: TCP port; 0 picks a free one, shown afterwards by `server_port`.

    Raises:
        ValueError: for any other address.
        OSError: where the port cannot be had.
    """
    if not ipaddress.IPv4Address(host).is_loopback:
        raise ValueError(f"the demo upstream listens on loopback only, not on {host}: use 127.0.0.1")
    with socket.create_server((host, port), backlog=_BACKLOG) as bound:
        listener = cooperative.socket(fileno=bound.detach())
    return WSGIServer(listener, upstream, spawn=Pool(), log=None, error_log=None, handler_class=_Handler)


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    rate: float = 0.0,
    ready_callback: Callable[[str], None] | None = None,
) -> None:
    """Run an upstream in this process until SIGINT or SIGTERM.

    Args:
        host: a loopback address.
        port: TCP port; 0 picks a free one.
        rate: events per second of each stream; 0 sends them as fast as they are read.
        ready_callback: called with the base URL (`http://127.0.0.1:PORT/v1`) once connections are accepted.

    Raises:
        ValueError: for an address other than loopback.
        OSError: where the port cannot be had.
    """
    server = make_server(Upstream(Settings(rate=rate)), host, port)
    server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, server.stop, 0)
    if ready_callback is not None:
        ready_callback(f"http://{host}:{server.server_port}/v1")
    server.serve_forever()
