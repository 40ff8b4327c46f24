"""The load client: many callers in one process and one epoll loop.

`python -m bench.client hold PORT REQUEST N RAMP` opens N streams, RAMP a second, and keeps them open.
`python -m bench.client rate PORT REQUEST R COUNT` sends COUNT requests, R a second, whether answers come or not.
`python -m bench.client closed PORT REQUEST C` keeps C requests under way.

REQUEST is a file with a whole HTTP request as bytes. Commands come over stdin, a line each, and are answered with a
line of JSON: `begin` forgets what has been counted, `report` gives it, `go N` (closed) does N requests and reports.
It ends when stdin is closed; `rate` reports at its end by itself.
"""

from __future__ import annotations

import os
import re
import select
import socket
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from bench.sample import STAMP_DIGITS
from bench.summary import percentile

__all__ = ["Load", "main"]

_STAMP = re.compile(rb"@([0-9]{%d})" % STAMP_DIGITS)
_READ = 262_144
_OK = b"HTTP/1.1 200"
_LAST_CHUNK = b"0\r\n\r\n"
_ENDINGS = (b"event: message_stop", b"event: response.completed")
_LONGEST_WAIT = 60.0


class _Caller:
    """One connection.

    Attributes:
        asked: when its request was sent, in microseconds; 0 while it is idle.
        waiting: nothing of the content of the answer has come.
    """

    __slots__ = ("asked", "last", "outgoing", "socket", "started", "tail", "waiting", "whole")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.outgoing = b""
        self.tail = b""
        self.last = b""
        self.asked = 0
        self.started = self.waiting = self.whole = False


class Load:
    """The callers, and what they have seen.

    Args:
        port: of the server under test, on 127.0.0.1.
        request: a whole HTTP request.

    Attributes:
        events: time stamps seen.
        pieces: reads that brought any.
        delays: microseconds from the sending of each of them to its arrival.
        first: microseconds from each request to the first of them.
        done: answers that came to their proper end.
        failed: answers that did not.
    """

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._poll = select.epoll()
        self._callers: dict[int, _Caller] = {}
        self._idle: list[_Caller] = []
        self._control = sys.stdin.fileno()
        self._poll.register(self._control, select.EPOLLIN)
        self.reset()

    def reset(self) -> None:
        """Forget what has been counted."""
        self.events = self.pieces = self.done = self.failed = self.size = 0
        self.delays: list[int] = []
        self.first: list[int] = []
        self.began = time.monotonic()

    def ask(self) -> None:
        """Send the request over an idle connection, or a new one."""
        caller = self._idle.pop() if self._idle else self._connect()
        caller.asked = time.monotonic_ns() // 1000
        caller.started = caller.whole = False
        caller.waiting = True
        caller.tail = caller.last = b""
        caller.outgoing = self._request
        self._push(caller)

    def _connect(self) -> _Caller:
        caller = _Caller(self._port)
        self._callers[caller.socket.fileno()] = caller
        self._poll.register(caller.socket.fileno(), select.EPOLLIN)
        return caller

    def step(self, seconds: float) -> bytes | None:
        """Wait for something to happen, at most so long, and take it in.

        Returns:
            What came over stdin: None for nothing, empty at its end.
        """
        control = None
        for descriptor, event in self._poll.poll(max(seconds, 0)):
            if descriptor == self._control:
                control = os.read(descriptor, 4096)
            elif caller := self._callers.get(descriptor):
                if event & select.EPOLLOUT:
                    self._push(caller)
                if event & ~select.EPOLLOUT:
                    self._take(caller)
        return control

    def _push(self, caller: _Caller) -> None:
        before = caller.outgoing
        try:
            caller.outgoing = before[caller.socket.send(before) :]
        except BlockingIOError:
            pass
        except OSError:
            self._fail(caller)
            return
        if caller.outgoing:
            self._poll.modify(caller.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
        elif len(before) < len(self._request):
            self._poll.modify(caller.socket.fileno(), select.EPOLLIN)

    def _take(self, caller: _Caller) -> None:
        try:
            data = caller.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            if caller.asked:
                self._fail(caller)
            else:
                self._close(caller)
            return
        if not caller.started and not data.startswith(_OK):
            self._fail(caller)
            return
        caller.started = True
        self.size += len(data)
        self._read(caller, caller.tail + data)

    def _read(self, caller: _Caller, data: bytes) -> None:
        """Find time stamps and the end of the answer."""
        now = time.monotonic_ns() // 1000
        # The closing events repeat the text with all its stamps.
        stamps = {stamp for stamp in _STAMP.findall(data) if stamp > caller.last}
        if stamps:
            caller.last = max(stamps)
            self.events += len(stamps)
            self.pieces += 1
            self.delays += [now - int(stamp) for stamp in stamps]
            if caller.waiting:
                caller.waiting = False
                self.first.append(now - caller.asked)
        elif caller.waiting and (b"_delta" in data or b".delta" in data):
            caller.waiting = False
        caller.whole = caller.whole or any(ending in data for ending in _ENDINGS)
        if caller.whole and data.endswith(_LAST_CHUNK):
            self.done += 1
            caller.asked = 0
            self._idle.append(caller)
            return
        # What may go on in the next piece: part of a stamp, of an ending, of the last chunk.
        cut = data.rfind(b"@", -STAMP_DIGITS)
        caller.tail = data[cut:] if cut >= 0 else data[-24:] if b"@" not in data[-24:] else b""

    def _fail(self, caller: _Caller) -> None:
        self.failed += 1
        self._close(caller)

    def _close(self, caller: _Caller) -> None:
        if caller.socket.fileno() >= 0:
            self._callers.pop(caller.socket.fileno(), None)
            caller.socket.close()
        if caller in self._idle:
            self._idle.remove(caller)

    def report(self) -> dict[str, Any]:
        """Sum up what has been counted."""
        delays = sorted(self.delays)
        return {
            "seconds": time.monotonic() - self.began,
            "events": self.events,
            "pieces": self.pieces,
            "bytes": self.size,
            "done": self.done,
            "failed": self.failed,
            "open": sum(1 for caller in self._callers.values() if caller.asked),
            "with_content": sum(1 for caller in self._callers.values() if caller.asked and not caller.waiting),
            "delay_us": {str(p): percentile(delays, p) for p in (50, 90, 99, 100)} if delays else {},
            "first_us": self.first,
        }


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(document).decode() + "\n")
    sys.stdout.flush()


def _hold(load: Load, streams: int, ramp: float) -> None:
    began, opened = time.monotonic(), 0
    while True:
        while opened < streams and time.monotonic() >= began + opened / ramp:
            load.ask()
            opened += 1
        words = load.step(began + opened / ramp - time.monotonic() if opened < streams else _LONGEST_WAIT)
        if words == b"":
            return
        for word in (words or b"").split():
            if word == b"begin":
                load.reset()
                _say({})
            else:
                _say(load.report())


def _rate(load: Load, rate: float, requests: int) -> None:
    began, sent = time.monotonic(), 0
    while load.done + load.failed < requests and time.monotonic() < began + requests / rate + _LONGEST_WAIT:
        now = time.monotonic()
        while sent < requests and now >= began + sent / rate:
            load.ask()
            sent += 1
        if load.step(min(began + sent / rate - now, 1.0) if sent < requests else 1.0) == b"":
            return
    _say(load.report())


def _closed(load: Load, concurrency: int) -> None:
    while words := load.step(_LONGEST_WAIT) or b"":
        requests = int(words.split()[1])
        load.reset()
        sent = 0
        while (over := load.done + load.failed) < requests and time.monotonic() < load.began + _LONGEST_WAIT:
            while sent < requests and sent - over < concurrency:
                load.ask()
                sent += 1
            if load.step(1.0) == b"":
                return
        _say(load.report())


def main(mode: str, port: str, request: str, *numbers: str) -> None:
    """Run one of the modes; see the module."""
    load = Load(int(port), Path(request).read_bytes())
    match mode:
        case "hold":
            _hold(load, int(numbers[0]), float(numbers[1]))
        case "rate":
            _rate(load, float(numbers[0]), int(numbers[1]))
        case _:
            _closed(load, int(numbers[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
