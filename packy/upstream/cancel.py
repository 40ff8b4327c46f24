"""The client hangs up, or the worker has to go: whatever a request is waiting for is interrupted at once.

While an upstream is silent nothing is written to the client, so no failing write tells that it has gone. A watcher on
the client's socket does: it sees the end of the stream and throws `ClientGone` into the request's greenlet.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import gevent
from gevent import monkey

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ClientGone", "ClientWatch", "ShuttingDown"]

_READABLE = 1
_Socket: type[socket.socket] = monkey.get_original("socket", "socket")


class ClientGone(BaseException):
    """The client has closed its connection. Raised wherever its request happens to wait."""


class ShuttingDown(BaseException):
    """The worker ends and cannot wait any longer. Raised like ClientGone."""


class ClientWatch:
    """Watches a client's socket for as long as its request runs in the current greenlet.

    `with watch:` marks a wait that may be interrupted; what happens at any other moment interrupts the next one.
    A client that sends its next request early (pipelining) cannot be watched any further; for that request the failing
    write has to do.

    Args:
        client: the client's socket, as in gunicorn's `environ["gunicorn.socket"]`; None watches nothing.
    """

    __slots__ = ("_fd", "_greenlet", "_pending", "_waiting", "_watcher")

    def __init__(self, client: socket.socket | None) -> None:
        self._fd = client.fileno() if client is not None else -1
        self._greenlet = gevent.getcurrent()
        self._waiting = False
        self._pending: BaseException | None = None
        self._watcher = None
        if self._fd >= 0:
            self._watcher = gevent.get_hub().loop.io(self._fd, _READABLE)
            self._watcher.start(self._readable)

    def stop(self) -> None:
        """End the watch; more than once does no harm."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
            watcher.close()

    def __enter__(self) -> None:
        if self._pending is not None:
            raise self._pending
        self._waiting = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._waiting = False

    def interrupt(self, reason: BaseException) -> None:
        """Raise something in the request, as soon as it waits; to be called from another greenlet or the hub.

        Args:
            reason: `ClientGone` or `ShuttingDown`; the first one counts.
        """
        if self._pending is None:
            self._pending = reason
            if self._waiting:
                self._greenlet.throw(reason)

    def _readable(self) -> None:
        """Run in the hub: tell the end of the stream from early bytes."""
        # A plain socket on the same descriptor: gevent's own would wait, which the hub must not.
        probe = _Socket(fileno=self._fd)
        try:
            gone = not probe.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        finally:
            probe.detach()
        self.stop()
        if gone:
            self.interrupt(ClientGone())
