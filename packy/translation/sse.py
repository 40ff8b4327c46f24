r"""Server-sent events from bytes that may be split anywhere.

Lines end in `\n`, `\r\n` or `\r` and in nothing else (HTML standard, "Server-sent events"): U+2028 is text. Lines
are found in bytes, so a character cut in two by the network is whole again before anything decodes it.
"""

from __future__ import annotations

__all__ = ["EventTooLarge", "SseDecoder"]

_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """One event grew past the limit: the upstream is broken or hostile."""


class SseDecoder:
    """Bytes in, the data of whole events out.

    Args:
        max_event: bytes that one event may hold.

    Attributes:
        between_events: whether all that has been fed was whole events.
    """

    __slots__ = (
        "_data", "_data_size", "_first", "_max_event", "_name", "_partial", "_partial_size", "_skip_lf",
        "between_events",
    )  # fmt: skip

    def __init__(self, max_event: int = 32 * 1024 * 1024) -> None:
        self._max_event = max_event
        self._partial: list[bytes] = []
        self._partial_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._name = b""
        self._skip_lf = False
        self._first = True
        self.between_events = True

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Take the next bytes.

        Args:
            chunk: any number of bytes, cut anywhere.

        Returns:
            `(event name, data)` of every event that is now whole; the name is empty where none was given.

        Raises:
            EventTooLarge: an event outgrew `max_event`.
        """
        # A line that ended in \r may turn out to have ended in \r\n: the \n then belongs to it.
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\n" not in chunk and b"\r" not in chunk:
            self._keep(chunk)
            self._look_where()
            return []
        chunk = self._joined(chunk)
        self._skip_lf = chunk.endswith(b"\r")
        # bytes.splitlines() splits on exactly the three line ends that count here.
        lines = chunk.splitlines()
        if chunk[-1] not in b"\r\n":
            self._keep(lines.pop())
        events = self._events(lines)
        self._look_where()
        return events

    def _look_where(self) -> None:
        self.between_events = not (self._partial or self._data or self._name or self._skip_lf)

    def close(self) -> list[tuple[bytes, bytes]]:
        """Take the end of the stream.

        Returns:
            The event that lacked only its closing blank line, if there is one.
        """
        return self._events([self._joined(b""), b""])

    def _joined(self, chunk: bytes) -> bytes:
        if self._partial:
            chunk = b"".join([*self._partial, chunk])
            self._partial.clear()
            self._partial_size = 0
        if self._first:
            self._first = False
            chunk = chunk.removeprefix(_BOM)
        return chunk

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._partial_size += len(piece)
            if self._partial_size > self._max_event:
                raise EventTooLarge(f"an event is over {self._max_event} bytes")
            self._partial.append(piece)

    def _events(self, lines: list[bytes]) -> list[tuple[bytes, bytes]]:
        events = []
        data, size = self._data, self._data_size
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
                size += len(line)
            elif not line:
                if data:
                    events.append((self._name, data[0] if len(data) == 1 else b"\n".join(data)))
                    data.clear()
                    size = 0
                self._name = b""
            elif line.startswith(b"event:"):
                self._name = line[6:].strip()
        self._data_size = size
        if size > self._max_event:
            raise EventTooLarge(f"an event is over {self._max_event} bytes")
        return events
