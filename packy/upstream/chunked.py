"""The chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), taken off as the bytes arrive. No sockets."""

from __future__ import annotations

import re

from urllib3.exceptions import ProtocolError

__all__ = ["ChunkedDecoder"]

# A size line may have extensions, and there may be trailers; neither means anything to us.
_LONGEST_LINE = 4096
_MOST_TRAILERS = 16384
_LONGEST_SIZE = 15
_DIGITS = b"0123456789abcdefABCDEF"
_WHOLE = re.compile(rb"([0-9a-fA-F]{1,%d})\r\n(.*)\r\n" % _LONGEST_SIZE, re.DOTALL)
_AFTER_CHUNK = -1
_TRAILERS = -2


class ChunkedDecoder:
    """Takes bytes, cut anywhere; gives the data within.

    Attributes:
        ended: the last chunk and its trailers are through.
        surplus: something came behind them, and was dropped: the connection carries what nobody asked for.
    """

    __slots__ = ("_held", "_left", "_trailers", "ended", "surplus")

    def __init__(self) -> None:
        self.ended = self.surplus = False
        # Bytes of the chunk that are still to come; 0 before a size line.
        self._left = 0
        # The beginning of a line whose end has not arrived.
        self._held = b""
        self._trailers = 0

    def feed(self, data: bytes) -> bytes:
        """Take bytes.

        Args:
            data: as they came.

        Returns:
            The data in them; empty if they hold none.

        Raises:
            ProtocolError: they are not chunked.
        """
        if not (self._left or self._held or self.ended) and (chunk := _only_chunk(data)):
            return chunk
        if self._held:
            data, self._held = self._held + data, b""
        pieces = []
        at, end = 0, len(data)
        while at < end:
            if self._left > 0:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left == 0:
                    self._left = _AFTER_CHUNK
                continue
            if self.ended:
                self.surplus = True
                break
            newline = data.find(b"\n", at)
            if (end if newline < 0 else newline) - at > _LONGEST_LINE:
                raise ProtocolError("a chunk's size line has no end")
            if newline < 0:
                self._held = data[at:]
                break
            self._take_line(data[at:newline].rstrip(b"\r"))
            at = newline + 1
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take_line(self, line: bytes) -> None:
        if self._left == _AFTER_CHUNK:
            if line:
                raise ProtocolError("a chunk is longer than its size")
            self._left = 0
        elif self._left == _TRAILERS:
            self._trailers += len(line)
            if self._trailers > _MOST_TRAILERS:
                raise ProtocolError("too many trailers")
            self.ended = not line
        else:
            size = line.partition(b";")[0].strip()
            # int() would take signs, underscores and spaces as well.
            if not size or len(size) > _LONGEST_SIZE or size.strip(_DIGITS):
                raise ProtocolError("a chunk's size is no number")
            self._left = int(size, 16) or _TRAILERS


def _only_chunk(data: bytes) -> bytes:
    """Give the data of the one whole chunk that has arrived, as is the rule where events come singly; else empty."""
    found = _WHOLE.fullmatch(data)
    if found is None or int(found[1], 16) != found.end(2) - found.start(2):
        return b""
    return found[2]
