"""Client connections that know whether a request is under way on them.

Only those on which nothing is can be closed without harm when a worker ends.
"""

from __future__ import annotations

import errno
import fcntl
import socket as plain
import termios
import time
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gevent.pool import Pool
from gevent.server import StreamServer
from gevent.socket import socket

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from _typeshed import ReadableBuffer as Buffer

__all__ = ["Acceptor", "ClientSocket"]

# Seconds of silence before the kernel asks whether the client's machine is still there, then between its questions, and
# how many may stay without an answer. A caller who waits for a whole message sends and gets nothing for minutes; with
# this, neither its machine's end nor a NAT's short memory goes unnoticed.
# macOS has another name for the first.
_KEEPALIVE = {
    getattr(plain, name): value
    for name, value in {"TCP_KEEPIDLE": 45, "TCP_KEEPALIVE": 45, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}.items()
    if hasattr(plain, name)
}
# A caller that leaves an answer unread for so long holds its place in the worker for nothing. Streams have bounds of
# their own: packy.upstream.pump.
_UNREAD_SECONDS = 300.0


class ClientSocket(socket):
    """The connection of one client.

    Args:
        accepted: as accepted; taken over.
        unread_seconds: how long the client may leave unread what the server sends, where the server sets no bound.

    Attributes:
        read_ahead: the server holds bytes of the next request already.
    """

    __slots__ = ("_idle_since", "_unread_seconds", "read_ahead")

    def __init__(self, accepted: socket, unread_seconds: float = _UNREAD_SECONDS) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        if self.family != plain.AF_UNIX:
            # Not left to what the listener hands down: that lacks the connections made before it was told.
            self.setsockopt(plain.SOL_SOCKET, plain.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE.items():
                self.setsockopt(plain.IPPROTO_TCP, option, value)
        self.read_ahead = False
        self._idle_since: float | None = None
        self._unread_seconds = unread_seconds

    def await_request(self) -> None:
        """Note that nothing is under way, until the first byte comes."""
        self._idle_since = None if self.read_ahead else time.monotonic()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive, and note that a request is under way."""
        data = super().recv(bufsize, flags)
        self._idle_since = None
        return data

    def sendall(self, data: Buffer, flags: int = 0, /) -> None:
        """Send all of it.

        Raises:
            BrokenPipeError: the client has not read it in time, and so counts as gone.
            OSError: it is gone.
        """
        bound = self.gettimeout()
        if bound is None:
            self.settimeout(self._unread_seconds)
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise BrokenPipeError(errno.EPIPE, "the client does not read") from None
        finally:
            self.settimeout(bound)

    def end_if_idle(self, seconds: float) -> None:
        """Let the server read the end of the stream, if nothing has been under way for so long.

        A request whose first bytes have arrived, read or not, is under way. Bytes that arrive together with this call
        are still read: an end of one's own making comes after what is in the queue.
        """
        if self._idle_since is None or time.monotonic() - self._idle_since < seconds:
            return
        queued = array("i", [0])
        with suppress(OSError):
            fcntl.ioctl(self.fileno(), termios.FIONREAD, queued)
            if not queued[0]:
                self.shutdown(plain.SHUT_RD)


class Acceptor(StreamServer):
    """Accepts the connections of one listening socket.

    Args:
        listener: the listening socket, of gevent.
        serve: called with this acceptor, the client's socket and its address, in a greenlet for each connection.
        connections: how many there may be at once; the others wait in the kernel's queue.
        max_accept: how many to accept at a time: 1 where other workers want some, too.
        tls: if any; the sockets are ssl's own then, not ClientSockets.

    Attributes:
        connections: their greenlets.
    """

    def __init__(
        self,
        listener: socket,
        serve: Callable[[Any, socket, Any], object],
        connections: int,
        *,
        max_accept: int,
        tls: SSLContext | None = None,
    ) -> None:
        self.connections = Pool(connections)
        options: dict[str, Any] = {"ssl_context": tls} if tls else {}
        super().__init__(
            listener, lambda client, address: serve(self, client, address), spawn=self.connections, **options
        )
        self.max_accept = max_accept

    def getsockname(self) -> object:
        """Give the address as the listening socket would, which may be closed by now."""
        return self.address

    def do_read(self) -> tuple[socket, Any] | None:  # type: ignore[override] # as it is called, and as it is at base
        """Accept a connection; None if nobody waits."""
        accepted: tuple[socket, Any] | None = super().do_read()
        return accepted and (ClientSocket(accepted[0]), accepted[1])

    def finish(self) -> None:
        """Accept whom the kernel has let in already, then no more."""
        with suppress(OSError):
            while not self.full() and (accepted := self.do_read()):
                self.do_handle(*accepted)
        self.close()
