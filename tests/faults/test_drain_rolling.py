"""A rolling restart under load: every request that was sent is answered, whole."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from packy.demo import DemoUpstream, rule, text
from tests.faults.caller import Caller, encode
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORKERS = 2
RESTARTS = 3
CALLERS = 4
HELLO = "hello " * 20


class Load(threading.Thread):
    """One client that sends one streamed request after another, and keeps its connection as long as it may."""

    def __init__(self, gateway: Gateway, stop: threading.Event, *, keeps: bool) -> None:
        super().__init__(daemon=True)
        self.bodies: list[bytes] = []
        self.failures: list[str] = []
        self._gateway = gateway
        self._stop_asked = stop
        self._keeps = keeps

    def run(self) -> None:
        request = encode(self._gateway, stream=True)
        while not self._stop_asked.is_set():
            try:
                with Caller(self._gateway) as caller:
                    self._use(caller, request)
            except Exception as error:  # noqa: BLE001 - any failure at all is what the test is after
                self.failures.append(repr(error))

    def _use(self, caller: Caller, request: bytes) -> None:
        while not self._stop_asked.is_set():
            answer = caller.send(request).read()
            if answer.status != 200:
                self.failures.append(f"{answer.status}: {answer.body!r}")
            self.bodies.append(answer.body)
            if answer.closes or not self._keeps:
                return


def restart(gateway: Gateway) -> None:
    """Wait until all workers are others, and have been at work for a while."""
    before, answered = set(gateway.worker_pids()), len(gateway.requests())
    gateway.signal(signal.SIGHUP)
    gateway.until(lambda _: before.isdisjoint(now := gateway.worker_pids()) and len(now) == WORKERS, 60)
    gateway.until(lambda _: len(gateway.requests()) > answered + 5 * CALLERS, 60)


def test_a_rolling_restart_loses_no_request(
    tmp_path: Path, read_stream: Callable[[bytes], list[dict[str, Any]]]
) -> None:
    with DemoUpstream() as upstream, Gateway(tmp_path, config_for(upstream.url), workers=WORKERS) as gateway:
        upstream.script(rule(text(HELLO), rate=200))
        stop = threading.Event()
        loads = [Load(gateway, stop, keeps=bool(number % 2)) for number in range(CALLERS)]
        for load in loads:
            load.start()
        seen = set(gateway.worker_pids())
        for _ in range(RESTARTS):
            restart(gateway)
            seen |= set(gateway.worker_pids())
        stop.set()
        for load in loads:
            load.join(60)
            assert not load.is_alive()
        bodies = [body for load in loads for body in load.bodies]
        # A line is written after its answer.
        gateway.until(lambda _: len(gateway.requests()) == len(bodies))
        log = gateway.text

    assert [failure for load in loads for failure in load.failures] == []
    for body in bodies:
        events = read_stream(body)
        assert events[-1]["type"] == "message_stop"
        assert "".join(each["delta"]["text"] for each in events if each["type"] == "content_block_delta") == HELLO
    assert len(seen) == WORKERS * (RESTARTS + 1)
    assert "Worker graceful timeout" not in log
