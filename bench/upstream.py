"""The paced upstream: a Responses API in one process and one epoll loop, as cheap as Python makes it.

`python -m bench.upstream` prints its port, then answers each POST with a chunked event stream. The request says how:
`bench:RATE:DELTAS` anywhere in its body stands for so many text deltas, the first at once and the others at RATE a
second; each delta carries the time at which it was sent. Streams are spread over the millisecond slots of their
period, as independent models would be, so that they do not all speak at once.

Over stdin: `count` is answered with `{"active": N}`, the number of open streams. It ends when stdin is closed.
"""

from __future__ import annotations

import os
import re
import select
import socket
import sys
import time
from contextlib import suppress
from heapq import heappop, heappush

import orjson

from bench import sample

__all__ = ["Upstream", "main"]

_COMMAND = re.compile(rb"bench:([0-9.]+):([0-9]+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
_READ = 262_144
_SLOT = 0.001
_OPENING = sample.opening()
_MARK = b"\x00STAMP\x00".decode()
# One delta, cut where its text and its sequence number stand.
_BEFORE, _BETWEEN, _AFTER = re.split(rb"(?:\\u0000STAMP\\u0000|8271828)", sample.delta(8271828, _MARK))


class _Caller:
    """One connection of a client.

    Attributes:
        period: seconds between two deltas of the stream that is open; 0 while there is none.
        left: deltas that are still to come.
        number: sequence number of the next event.
    """

    __slots__ = ("incoming", "left", "number", "outgoing", "period", "socket", "text")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.incoming = b""
        self.outgoing = b""
        self.period = 0.0
        self.left = 0
        self.number = 0
        self.text: list[bytes] = []


class Upstream:
    """The server.

    Attributes:
        port: where it listens, on 127.0.0.1.
        active: streams that are open.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.settimeout(0)
        self.port: int = self._listener.getsockname()[1]
        self._poll = select.epoll()
        self._poll.register(self._listener.fileno(), select.EPOLLIN)
        self._callers: dict[int, _Caller] = {}
        self._due: list[tuple[float, int, _Caller]] = []
        self._order = 0
        self._begun = 0
        self.active = 0

    def run(self, control: int) -> None:
        """Serve until `control`, a descriptor for reading, is at its end."""
        self._poll.register(control, select.EPOLLIN)
        while True:
            for descriptor, event in self._poll.poll(self._pause()):
                if descriptor == control:
                    if not self._control(control):
                        return
                elif descriptor == self._listener.fileno():
                    self._accept()
                elif caller := self._callers.get(descriptor):
                    self._serve(caller, event)
            self._send_due()

    def _control(self, control: int) -> bool:
        words = os.read(control, 4096)
        for word in words.split():
            if word == b"count":
                sys.stdout.write(orjson.dumps({"active": self.active}).decode() + "\n")
                sys.stdout.flush()
        return bool(words)

    def _pause(self) -> float:
        if not self._due:
            return -1
        return max(0.0, self._due[0][0] - time.monotonic())

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(0)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._callers[connection.fileno()] = _Caller(connection)
                self._poll.register(connection.fileno(), select.EPOLLIN)

    def _serve(self, caller: _Caller, event: int) -> None:
        try:
            if event & select.EPOLLOUT:
                self._flush(caller)
            if event & ~select.EPOLLOUT:
                data = caller.socket.recv(_READ)
                if not data:
                    self._drop(caller)
                    return
                caller.incoming += data
                self._begin(caller)
        except BlockingIOError:
            return
        except OSError:
            self._drop(caller)

    def _begin(self, caller: _Caller) -> None:
        """Start a stream once the request is whole."""
        end = caller.incoming.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(caller.incoming, 0, end + 2)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(caller.incoming) < whole:
            return
        command = _COMMAND.search(caller.incoming, end)
        rate, deltas = (float(command[1]), int(command[2])) if command else (0.0, 1)
        caller.incoming = caller.incoming[whole:]
        caller.period, caller.left, caller.number, caller.text = 1 / rate if rate else 1e-9, deltas, 4, []
        self.active += 1
        self._write(caller, _HEAD + _chunk(_OPENING + self._delta(caller)))
        self._plan(caller, self._first_time(caller.period) if caller.left else 0.0)

    def _first_time(self, period: float) -> float:
        """Spread the streams: each goes on in a slot of its own of the period."""
        slots = max(1, int(min(period, 1.0) / _SLOT))
        now = time.monotonic()
        self._begun += 1
        # A stride that visits the slots evenly however many streams come.
        return now + period - (now % period if period < 1 else 0) + (self._begun * 7 % slots) * _SLOT

    def _plan(self, caller: _Caller, when: float) -> None:
        self._order += 1
        heappush(self._due, (when, self._order, caller))

    def _delta(self, caller: _Caller) -> bytes:
        stamp = b"@%016d" % (time.monotonic_ns() // 1000)
        caller.text.append(stamp)
        caller.left -= 1
        event = b"%b%b%b%d%b" % (_BEFORE, stamp, _BETWEEN, caller.number, _AFTER)
        caller.number += 1
        return event

    def _send_due(self) -> None:
        due, now = self._due, time.monotonic()
        sent: list[tuple[float, _Caller]] = []
        while due and due[0][0] <= now:
            when, _, caller = heappop(due)
            if not caller.period:
                continue
            if caller.left:
                event = self._delta(caller)
                self._write(caller, b"%x\r\n%b\r\n" % (len(event), event))
                sent.append((when + caller.period, caller))
            else:
                self._end(caller)
        for when, caller in sent:
            if caller.period:
                self._plan(caller, when if caller.left else now)

    def _end(self, caller: _Caller) -> None:
        last = sample.closing(caller.number, b"".join(caller.text).decode())
        caller.period, caller.text = 0.0, []
        self.active -= 1
        self._write(caller, _chunk(last) + b"0\r\n\r\n")

    def _write(self, caller: _Caller, data: bytes) -> None:
        if caller.outgoing:
            caller.outgoing += data
            return
        try:
            sent = caller.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(caller)
            return
        if sent < len(data):
            caller.outgoing = data[sent:]
            self._poll.modify(caller.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _flush(self, caller: _Caller) -> None:
        caller.outgoing = caller.outgoing[caller.socket.send(caller.outgoing) :]
        if not caller.outgoing:
            self._poll.modify(caller.socket.fileno(), select.EPOLLIN)

    def _drop(self, caller: _Caller) -> None:
        if caller.period:
            self.active -= 1
            caller.period = 0.0
        if caller.socket.fileno() >= 0:
            self._callers.pop(caller.socket.fileno(), None)
            caller.socket.close()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def main() -> None:
    """Serve until stdin is closed."""
    upstream = Upstream()
    sys.stdout.write(orjson.dumps({"port": upstream.port}).decode() + "\n")
    sys.stdout.flush()
    upstream.run(sys.stdin.fileno())


if __name__ == "__main__":
    main()
