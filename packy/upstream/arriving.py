"""Answers whose body is read as it arrives, straight from the socket, over the connections that requests keeps.

`http.client` reads through a buffer that loses what it holds when a wait is broken off, and makes several calls for
each chunk. Here a wait may end without a byte and go on later, which is what lets a silent upstream be waited for while
its caller gets signs of life; and one piece of a stream costs one `recv`.

packy.upstream.pools has requests make its connections such that their answers are these.
"""

from __future__ import annotations

import http.client
import ssl
import time
import zlib
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import gevent
from urllib3.exceptions import DecodeError, ProtocolError

from packy.upstream.chunked import ChunkedDecoder

if TYPE_CHECKING:
    import socket
    from io import BufferedReader


__all__ = ["ArrivingResponse"]

_READ: Final = 65536
_HEAD: Final = 2048
_NO_HEADERS: Final = http.client.HTTPMessage()
_NOTHING_YET: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# Whoever sends as much at once may never let a wait happen, in which the worker's other requests have their turn.
_A_LOT: Final = 16384
_INTERIM: Final = (100, 200)
_MOST_INTERIM: Final = 100
# gzip or zlib, whichever the header says.
_ANY_ZLIB: Final = 47


class _SmallReader:
    """Makes the file that a head is read from; its buffer stays as long as the answer does."""

    __slots__ = ("_socket",)

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def makefile(self, mode: Literal["rb"]) -> BufferedReader:
        """Do as the socket does, with a buffer that will do for most heads."""
        return cast("BufferedReader", self._socket.makefile(mode, _HEAD))


class ArrivingResponse(http.client.HTTPResponse):
    """An answer that can be read piece by piece; either with `receive` or with http.client's methods, not both.

    Args:
        sock: the connection.
        args, kwargs: http.client's own.

    Attributes:
        complete: the body is over, and the connection can carry the next request.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - http.client's own
        super().__init__(cast("socket.socket", _SmallReader(sock)), *args, **kwargs)
        self.complete = False
        self._socket = sock
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self._chunks: ChunkedDecoder | None = None
        self._inflate: Any = None
        self._compressed = b""
        self._begun = False
        self._hurried = False

    def receive(self, seconds: float) -> bytes | None:
        """Wait for the next bytes of the body.

        Args:
            seconds: how long to wait.

        Returns:
            What has arrived, at most 64 KiB; None if nothing has; empty at the end.

        Raises:
            OSError: the connection broke.
            IncompleteRead: it ended before the body did.
            HTTPError: of urllib3: the body is not what its headers say.
        """
        if self._compressed:
            gevent.sleep(0)
            if body := self._decompress(b""):
                return body
        data = self._from_buffer() if not self._begun else b""
        deadline = 0.0
        while not self.complete:
            if not data:
                if self._hurried:
                    gevent.sleep(0)
                now = time.monotonic()
                deadline = deadline or now + seconds
                if now >= deadline:
                    return None
                self._socket.settimeout(deadline - now)
                try:
                    data = self._socket.recv(_READ)
                except TimeoutError as error:
                    _bear(error)
                    return None
                self._hurried = len(data) >= _A_LOT
            if not data:
                self._end_of_connection()
                break
            if (body := self._unframe(data)) and (body := self._decompress(body) if self._inflate else body):
                return body
            # The marks of a chunk, or the beginning of something compressed: wait on.
            data = b""
        return b""

    @property
    def socket(self) -> socket.socket:
        """The connection. Without a timeout of its own while `receive_now` is used."""
        return self._socket

    @property
    def more(self) -> bool:
        """Whether there may be more to receive although the connection itself has nothing to read: at least the end."""
        return self.complete or bool(self._compressed) or (self._tls is not None and self._tls.pending() > 0)

    def receive_now(self) -> bytes | None:
        """Give what has arrived of the body; as `receive`, but without any wait, on a socket that does not block.

        None also where what has arrived says nothing: whoever asks again lets others have their turn in between.
        """
        if self._compressed and (body := self._decompress(b"")):
            return body
        data = self._from_buffer() if not self._begun else b""
        if not (data or self.complete):
            try:
                data = self._socket.recv(_READ)
            except _NOTHING_YET:
                return None
        if not (data or self.complete):
            self._end_of_connection()
        body = self._unframe(data) if data else b""
        if body and self._inflate:
            body = self._decompress(body)
        return body or (b"" if self.complete else None)

    def _read_status(self) -> tuple[str, int, str]:
        """Read the status line, past all that is interim; http.client knows 100 alone, and takes any number of it."""
        for _ in range(_MOST_INTERIM):
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # typeshed leaves it out
            if not _INTERIM[0] <= found[1] < _INTERIM[1] or found[1] == http.client.SWITCHING_PROTOCOLS:
                return found
            http.client.parse_headers(self.fp)
        raise http.client.BadStatusLine("nothing but interim answers")

    def finish(self) -> None:
        """Let go of the answer once it is complete, so that its connection takes the next request."""
        self.close()

    def _from_buffer(self) -> bytes:
        """Give what came together with the headers."""
        self._begun = True
        if self.chunked:
            self._chunks = ChunkedDecoder()
        elif self.headers.get("transfer-encoding"):
            raise ProtocolError("a transfer coding that HTTP/1.1 does not have for everybody")
        coding = (self.headers.get("content-encoding") or "identity").strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._inflate = zlib.decompressobj(_ANY_ZLIB)
        elif coding != "identity":
            raise DecodeError("a compression that packy did not ask for")
        fp, self.headers = self.fp, _NO_HEADERS
        self.msg = self.headers
        try:
            self._socket.settimeout(0)
            return (fp.read1(_READ) or b"") if self.length != 0 else b""
        except OSError:
            return b""  # nothing there yet: TLS says so by an error
        finally:
            self.complete = self.length == 0
            # What the head was read with would stay for as long as the answer does. Only a connection that its owner
            # has closed already needs it to be open.
            if not self.will_close:
                self.fp = cast("BufferedReader", None)
                fp.close()

    def _unframe(self, data: bytes) -> bytes:
        if self._chunks is not None:
            body = self._chunks.feed(data)
            self.complete = self._chunks.ended
            self.will_close |= self._chunks.surplus
            return body
        if self.length is not None:
            self.will_close |= len(data) > self.length
            data = data[: self.length]
            self.length -= len(data)
            self.complete = self.length == 0
        return data

    def _end_of_connection(self) -> None:
        if self._chunks is not None or self.length:
            raise http.client.IncompleteRead(b"")
        self.complete = True

    def _decompress(self, data: bytes) -> bytes:
        try:
            body: bytes = self._inflate.decompress(self._compressed + data, _READ)
        except zlib.error:
            raise DecodeError("not what its content-encoding says") from None
        self._compressed = self._inflate.unconsumed_tail
        return body


def _bear(error: TimeoutError) -> None:
    """Bear that a wait is over, but not the kernel's timeout, which has a number: nobody is there any more."""
    if error.errno:
        raise error
