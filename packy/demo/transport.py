"""How an answer travels: its pace, and everything that can go wrong on the way.

Works on a gevent hub; nothing here knows what the octets say.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import gevent
from gevent.event import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gevent import socket as cooperative

__all__ = ["ClientGone", "Cut", "Transport", "client_watched", "hang", "hang_up", "paced", "split", "travel"]

_FAIRNESS: Final = 64  # events after which an unpaced stream lets others run
_ENDLESS: Final = b"x" * 65536


class ClientGone(ConnectionResetError):
    """The client closed its connection before its answer was complete."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client hung up")


class Cut(ConnectionResetError):
    """This server closes the connection on purpose, in the middle of an answer."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "cut by script")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """Pace and faults of one rule.

    Attributes:
        rate: events per second (pieces per second of a `raw` body); None leaves it to the settings, 0 is unpaced.
        chunk: characters per delta; None leaves it to the settings.
        pieces: octets per write, so that an event arrives in parts; 0 writes each event at once.
        delay_headers: seconds before the status line.
        delay_first_event: seconds between the headers and the first event.
        hang_before_headers: never answer, but keep the connection.
        hang_after_events: fall silent for good after so many events (of a `raw` body: pieces).
        cut_after_events: end the answer after so many of them, in the way that `cut` says.
        cut_after_bytes: the same, after so many octets of the body.
        cut: `end` ends the body as if it were whole, `fin` closes the connection within it, `reset` resets it.
        content_type: in place of the right one.
        gzip: compress the body, though nobody asked for it.
        framing: `chunked`, or `close`: no length at all, the body ends with the connection.
        endless_line: after the events, a line that never ends.
        invalid_utf8: two octets that are no UTF-8, in the first event that has a delta.
    """

    rate: float | None = None
    chunk: int | None = None
    pieces: int = 0
    delay_headers: float = 0.0
    delay_first_event: float = 0.0
    hang_before_headers: bool = False
    hang_after_events: int | None = None
    cut_after_events: int | None = None
    cut_after_bytes: int | None = None
    cut: str = "fin"
    content_type: str | None = None
    gzip: bool = False
    framing: str = "chunked"
    endless_line: bool = False
    invalid_utf8: bool = False


def travel(frames: Iterator[bytes], transport: Transport, sock: cooperative.socket) -> Iterator[bytes]:
    """Turn events into writes, with the faults that the transport asks for and no work for those it does not."""
    if transport.hang_after_events is not None or transport.cut_after_events is not None:
        frames = _stopped(frames, transport, sock)
    if transport.invalid_utf8:
        frames = _spoilt(frames)
    if transport.endless_line:
        frames = _endless(frames)
    if transport.gzip:
        frames = _compressed(frames)
    if transport.pieces:
        frames = (piece for frame in frames for piece in split(frame, transport.pieces))
    if transport.cut_after_bytes is not None:
        frames = _truncated(frames, transport, sock)
    return frames


def paced(frames: Iterable[bytes | float], rate: float) -> Iterator[bytes]:
    """Let events out one by one, each at its time counted from the first, so that delays do not add up.

    Args:
        frames: events, and numbers for pauses in seconds, which shift what follows.
        rate: events per second; 0 does not wait at all.
    """
    start = time.monotonic()
    count = 0
    for frame in frames:
        if isinstance(frame, float):
            gevent.sleep(frame)
            start += frame
            continue
        if rate:
            early = start + count / rate - time.monotonic()
            if early > 0:
                gevent.sleep(early)
        elif count % _FAIRNESS == _FAIRNESS - 1:
            gevent.sleep(0)
        count += 1
        yield frame


def split(data: bytes, size: int) -> Iterator[bytes]:
    """Cut octets into parts of one size; 0 leaves them whole."""
    for start in range(0, len(data), size or len(data) or 1):
        yield data[start : start + (size or len(data))]


def hang() -> None:
    """Wait until the client leaves or the server stops."""
    Event().wait()


def hang_up(sock: cooperative.socket, how: str) -> None:
    """End an answer early.

    Args:
        sock: its connection.
        how: `end`, `fin` or `reset`, as in `Transport.cut`.

    Raises:
        Cut: unless the body is to end as if it were whole.
    """
    if how == "end":
        return
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Cut


@contextmanager
def client_watched(sock: cooperative.socket) -> Iterator[None]:
    """Raise `ClientGone` in this greenlet, wherever it waits, as soon as the client closes its side."""
    answering = gevent.getcurrent()

    over = False

    def watch() -> None:
        try:
            octets = sock.recv(1, socket.MSG_PEEK)
        except OSError:
            octets = b""
        if not (octets or over):  # octets would be the client's next request, which can wait
            gevent.kill(answering, ClientGone())

    watcher = gevent.spawn(watch)
    try:
        yield
    finally:
        over = True
        watcher.kill()


def _stopped(frames: Iterator[bytes], transport: Transport, sock: cooperative.socket) -> Iterator[bytes]:
    count = 0
    while True:
        if count == transport.hang_after_events:
            hang()
        if count == transport.cut_after_events:
            hang_up(sock, transport.cut)
            return
        frame = next(frames, None)
        if frame is None:
            return
        yield frame
        count += 1


def _truncated(frames: Iterator[bytes], transport: Transport, sock: cooperative.socket) -> Iterator[bytes]:
    left = transport.cut_after_bytes or 0
    for frame in frames:
        if len(frame) >= left:
            break
        left -= len(frame)
        yield frame
    else:
        return
    if left:
        yield frame[:left]
    hang_up(sock, transport.cut)


def _spoilt(frames: Iterator[bytes]) -> Iterator[bytes]:
    for frame in frames:
        spoilt = frame.replace(b'"delta":"', b'"delta":"\xff\xfe', 1)
        yield spoilt
        if spoilt != frame:
            break
    yield from frames


def _endless(frames: Iterator[bytes]) -> Iterator[bytes]:
    yield from frames
    yield b"data: "
    while True:
        yield _ENDLESS


def _compressed(frames: Iterator[bytes]) -> Iterator[bytes]:
    gzip = zlib.compressobj(wbits=31)
    for frame in frames:
        yield gzip.compress(frame) + gzip.flush(zlib.Z_SYNC_FLUSH)
    yield gzip.flush()
