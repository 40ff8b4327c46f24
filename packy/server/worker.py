"""The worker and its end.

A worker that has to go (SIGTERM, and SIGHUP once its successor is there) accepts no more connections, answers what has
begun to arrive, and closes each connection on which nothing is under way. What is still running shortly before
gunicorn would kill it is told so: streams end with an `error` event, other callers get a status. gunicorn's own gevent
worker waits for idle connections until the graceful timeout is over, then cuts all that is left.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import gevent
from gunicorn.sock import ssl_context
from gunicorn.workers.base import Worker
from gunicorn.workers.ggevent import GeventWorker

from packy.server.connections import Acceptor, ClientSocket
from packy.server.refusals import new_request_id, refusal, send_refusal
from packy.telemetry import logger, uncaught

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from gevent.socket import socket
    from gunicorn.http.message import Request

    Address = str | int | tuple[str, int]

__all__ = ["GatewayWorker"]

_HEARTBEAT = 1.0
_LOOK = 0.1
# A client that has just been answered, or has just connected, may be about to send: it gets so long.
_IDLE = 1.0
# Of the graceful timeout, what is kept for telling those who are still running, and for the worker's own end.
_FAREWELL = 3.0
_FAREWELL_SHARE = 1 / 3
_HURRIED = 1.0


class GatewayWorker(GeventWorker):
    """gunicorn's gevent worker, with an end as above; SIGQUIT and SIGINT tell those who are running at once.

    Name it as `worker_class = "packy.server.GatewayWorker"`.

    Attributes:
        end_requests: called in gevent's hub, again and again, once no request can be waited for any longer.
    """

    def init_process(self) -> None:
        """Set up the worker's process, and run in it."""
        self.end_requests: Callable[[], object] = lambda: None
        self._clients: dict[object, ClientSocket] = {}
        self._hurried = False
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application; while the worker ends, its answers say that the connection does, too."""
        super().load_wsgi()
        application = cast("WSGIApplication", self.wsgi)

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            # A method of gunicorn's response, which alone decides about the connection.
            response: Any = start_response.__self__  # type: ignore[attr-defined]
            response.version = "packy"  # what its Server header says
            environ["gunicorn.response"] = response

            def start(
                status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
            ) -> Callable[[bytes], object]:
                if not self.alive:
                    response.force_close()
                return start_response(status, headers, exc_info)

            return application(environ, start)

        self.wsgi = cast("Any", serve)

    def run(self) -> None:
        """Serve until the end."""
        tls = ssl_context(self.cfg) if self.cfg.is_ssl else None
        max_accept = 1 if self.cfg.workers > 1 else Acceptor.max_accept
        acceptors = []
        for listener in self.sockets:
            listener.setblocking(True)  # noqa: FBT003 - the socket's own signature
            acceptor = Acceptor(listener, self.handle, self.worker_connections, max_accept=max_accept, tls=tls)
            acceptor.start()
            acceptors.append(acceptor)
        while self.alive:
            self.notify()
            self._wait(_HEARTBEAT)
        self._drain(acceptors)

    def handle(self, listener: socket, client: socket, addr: Address) -> None:
        """Serve one connection."""
        greenlet = gevent.getcurrent()
        if isinstance(client, ClientSocket):
            self._clients[greenlet] = client
        try:
            super().handle(listener, client, addr)
        finally:
            self._clients.pop(greenlet, None)

    def timeout_ctx(self) -> None:
        """Bound the wait for a request, which begins now."""
        if client := self._clients.get(gevent.getcurrent()):
            client.await_request()
        return super().timeout_ctx()  # a context manager; its stub says None

    def handle_request(self, listener_name: Address, req: Request, sock: socket, addr: Address) -> bool:
        """Serve one request."""
        went_on = super().handle_request(listener_name, req, sock, addr)
        if isinstance(sock, ClientSocket):
            sock.read_ahead = bool(req.unreader.buf.getvalue())
        return went_on

    def handle_error(self, req: Request | None, client: socket, addr: Address, exc: BaseException) -> None:  # noqa: ARG002 - gunicorn's method
        """Answer what could not be read or served, on a connection that ends here."""
        if not isinstance(exc, Exception):
            return  # the worker ends: nobody is waiting for an answer
        error, request_id = refusal(exc), new_request_id()
        if error.type == "invalid_request_error":
            logger.warning("request_refused", request_id=request_id, status=error.status)
        else:
            uncaught("server", exc, request_id=request_id)
        with suppress(OSError):
            send_refusal(client, error, request_id)

    def handle_quit(self, _number: int, _frame: FrameType | None) -> None:
        """End soon; gunicorn's own worker would exit here, in the middle of its answers."""
        self._hurried = True
        self.alive = False

    def notify(self) -> None:
        """Give gunicorn's main process a sign of life; end if there is none any more."""
        Worker.notify(self)
        if self.alive and self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False

    def _wait(self, seconds: float) -> None:
        """Wait for a signal, so many seconds at most."""
        if select.select([self.PIPE[0]], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                os.read(self.PIPE[0], 4096)

    def _drain(self, acceptors: list[Acceptor]) -> None:
        """Wait for what is under way, then tell those who are left, then cut them off."""
        grace = float(self.cfg.graceful_timeout)
        farewell = min(_FAREWELL, grace * _FAREWELL_SHARE)
        # gunicorn's main process kills at `grace`, counting from about the same moment.
        end = time.monotonic() + grace
        told, cut = end - farewell, end - farewell * _FAREWELL_SHARE
        for acceptor in acceptors:
            acceptor.finish()
        while any(len(acceptor.connections) for acceptor in acceptors):
            now = time.monotonic()
            if self._hurried:
                told, cut = min(told, now), min(cut, now + _HURRIED)
            if now >= cut:
                self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
                for acceptor in acceptors:
                    acceptor.connections.kill(block=True, timeout=_LOOK)
                return
            if now >= told:
                gevent.get_hub().loop.run_callback(self.end_requests)
            for client in tuple(self._clients.values()):
                client.end_if_idle(0 if now >= told else _IDLE)
            self.notify()
            self._wait(_LOOK)
