"""The short way of a stream: from the provider's socket to the caller's, in the event loop itself.

The plain way costs a greenlet's switch there and back, a watcher and a timer for each piece, and a walk through every
layer of the server. Here the loop calls when there is something to read, and what it becomes is written at once; the
request's greenlet sleeps until the end. Timers look at the clock only when they run out.

A caller that reads slowly stops the reading: nothing more is taken from the provider until it has taken what it was
sent. So a stream never holds more than one piece.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.event import Event

from packy.translation import StreamWriter
from packy.upstream.cancel import ClientGone
from packy.upstream.failures import RAISED

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from packy.translation import Failure, ResponseTranslator
    from packy.upstream.cancel import ClientWatch
    from packy.upstream.connection import Connection

__all__ = ["Caller", "Pacing", "Pump"]

_READ: Final = 1
_WRITE: Final = 2
_NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# For the rest of a piece, when the worker has to go.
_FAREWELL_SECONDS: Final = 1.0
_SHORTEST: Final = 0.001


@dataclass(slots=True)
class Caller:
    """The caller's connection, once the server has sent the headers of the answer.

    Attributes:
        socket: as in gunicorn's `environ["gunicorn.socket"]`.
        chunked: whether the body is in chunks, as in HTTP/1.1.
        sent: bytes of the body that have gone there directly.
    """

    socket: socket.socket
    chunked: bool
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Pacing:
    """When what is due: seconds of silence until a sign of life and until the end; monotonic times of the latest.

    Attributes:
        ping: seconds of silence after which the caller gets a sign of life.
        idle: seconds of silence after which the answer is given up.
        patience: when the next byte has to be there.
        deadline: when the whole answer has to be there.
    """

    ping: float
    idle: float
    patience: float
    deadline: float


class Pump:
    """Carries the rest of one answer.

    Args:
        connection: the provider's answer.
        translator: with a `StreamWriter`, of which everything has been taken.
        caller: where it goes.
        pacing: how long to wait for what.
        too_late: gives the failure of an answer that was not there in time; called with the monotonic time.

    Attributes:
        waited: seconds in which there was nothing to do.
    """

    __slots__ = (
        "_alive_at", "_body", "_busy", "_caller", "_chunked", "_connection", "_error", "_from", "_heard_at", "_loop",
        "_over", "_pacing", "_sent", "_timer", "_to", "_too_late", "_translator", "_unsent", "_writer", "waited",
    )  # fmt: skip

    def __init__(
        self,
        connection: Connection,
        translator: ResponseTranslator,
        caller: Caller,
        pacing: Pacing,
        too_late: Callable[[float], Failure],
    ) -> None:
        assert isinstance(translator.writer, StreamWriter)  # noqa: S101 - see above, told to the type checker
        self.waited = 0.0
        self._connection = connection
        self._body = connection.body
        self._translator = translator
        self._writer = translator.writer
        self._caller = caller
        self._pacing = pacing
        self._too_late = too_late
        self._chunked = caller.chunked
        self._sent = 0
        self._unsent = b""
        self._error: BaseException | None = None
        self._over = Event()
        self._loop = gevent.get_hub().loop
        self._from: Any = None
        self._to: Any = None
        self._timer: Any = None
        # When something came last, 0 before; and when the caller last had a sign of life that was none of the answer.
        self._heard_at = 0.0
        self._alive_at = time.monotonic()
        self._busy = 0.0

    def run(self, watch: ClientWatch) -> None:
        """Carry it to its end, so that the translator has ended and the caller has it all.

        Args:
            watch: the watch on the caller.

        Raises:
            ClientGone, ShuttingDown: see packy.upstream.cancel; the caller then has whole pieces only.
        """
        source, sink = self._body.socket, self._caller.socket
        began, patience = time.monotonic(), sink.gettimeout()
        source.settimeout(0)
        sink.settimeout(0)
        self._from = self._loop.io(source.fileno(), _READ)
        self._to = self._loop.io(sink.fileno(), _WRITE)
        try:
            self._readable()
            if not self._over.is_set():
                if not self._unsent:
                    self._from.start(self._readable)
                self._set_timer()
                with watch:
                    self._over.wait()
            if self._error is not None:
                raise self._error
        finally:
            self._over.set()
            for watcher in (self._from, self._to, self._timer):
                if watcher is not None:
                    watcher.stop()
                    watcher.close()
            sink.settimeout(patience)
            self._caller.sent += self._sent
            self.waited = time.monotonic() - began - self._busy
            if self._unsent and self._error is None:
                self._say_the_rest()

    def _readable(self) -> None:
        """Run by the loop: something has arrived, or the provider has closed the connection."""
        if self._over.is_set():
            return
        try:
            if self._carry() and self._body.more:
                # What is left may be very much, compressed: everybody else has a turn before it.
                self._loop.run_callback(self._readable)
        except (Exception, ClientGone) as error:  # noqa: BLE001 - raised in the greenlet, which knows what to do
            self._end(error)

    def _carry(self) -> bool:
        """Carry what has arrived; tell whether there may be more to carry at once."""
        translator = self._translator
        try:
            data = self._body.receive_now()
        except RAISED as error:
            data = b""
            translator.fail(self._connection.broken(error))
        if data is None:
            return False
        self._heard_at = now = time.monotonic()
        if data:
            translator.feed(data)
        else:
            translator.end()
        if piece := self._writer.take():
            self._send(piece)
        self._busy += time.monotonic() - now
        if translator.ended and not self._unsent:
            self._end()
        return not translator.ended and not self._unsent

    def _send(self, piece: bytes) -> None:
        self._sent += len(piece)
        if self._chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        self._unsent += piece
        self._flush()
        if self._unsent:
            self._from.stop()
            self._to.start(self._writable)

    def _flush(self) -> None:
        try:
            self._unsent = self._unsent[self._caller.socket.send(self._unsent) :]
        except _NOT_NOW:
            pass
        except OSError:
            raise ClientGone from None

    def _writable(self) -> None:
        """Run by the loop: the caller takes more."""
        try:
            self._flush()
        except ClientGone as error:
            self._end(error)
            return
        if self._unsent:
            return
        self._to.stop()
        # While it was the caller who kept us waiting, nobody has waited for the provider.
        self._heard_at = time.monotonic()
        if self._translator.ended:
            self._end()
        else:
            self._from.start(self._readable)
            if self._body.more:
                self._readable()

    def _set_timer(self) -> None:
        now = time.monotonic()
        # While the caller does not read, nothing is due from the provider.
        due = now + self._pacing.ping if self._unsent else min(self._patience, self._sign_due)
        self._timer = self._loop.timer(max(min(due, self._pacing.deadline) - now, _SHORTEST))
        self._timer.start(self._tick)

    @property
    def _patience(self) -> float:
        """When the next byte has to be there."""
        return self._heard_at + self._pacing.idle if self._heard_at else self._pacing.patience

    @property
    def _sign_due(self) -> float:
        return max(self._heard_at, self._alive_at) + self._pacing.ping

    def _tick(self) -> None:
        """Run by the loop: something was due when the timer was set."""
        self._timer.close()
        if self._over.is_set():
            return
        now = time.monotonic()
        if self._unsent and now >= self._pacing.deadline:
            self._end(ClientGone())  # it has had all the time there is, and reads no more
            return
        try:
            if now >= self._pacing.deadline or (now >= self._patience and not self._unsent):
                self._translator.fail(self._too_late(now))
            elif now >= self._sign_due:
                self._alive_at = now
                if not self._unsent:
                    self._writer.keep_alive()
            if piece := self._writer.take():
                self._send(piece)
        except ClientGone as error:
            self._end(error)
            return
        if self._translator.ended and not self._unsent:
            self._end()
        else:
            self._set_timer()

    def _end(self, error: BaseException | None = None) -> None:
        self._error = error
        self._from.stop()
        self._to.stop()
        self._over.set()

    def _say_the_rest(self) -> None:
        """Let the caller have the rest of a piece: what the server says next must not stand in the middle of it."""
        try:
            self._caller.socket.settimeout(_FAREWELL_SECONDS)
            self._caller.socket.sendall(self._unsent)
            self._caller.socket.settimeout(None)
        except OSError:
            raise ClientGone from None
