"""A gateway that has to go: what is under way ends well, or is told; what is idle holds nothing up."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson
import psutil
import pytest

from packy.demo import rule, text
from tests.faults.caller import Caller, encode, finish
from tests.support.connection import PATIENCE, connect
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from packy.demo import DemoUpstream

    Start = Callable[..., Gateway]
    ReadStream = Callable[[bytes], list[dict[str, Any]]]

# The gateway is still expected to end long before the tests lose patience.
LONG = 120
SHORT = 3
WORDS = "word " * 100


@pytest.fixture
def start(upstream: DemoUpstream, tmp_path: Path) -> Iterator[Start]:
    """Start gateways with a graceful timeout; all end with the test."""
    with ExitStack() as gateways:

        def enter(grace: int, **options: Any) -> Gateway:
            environ = {"PACKY_GRACEFUL_TIMEOUT": str(grace)}
            return gateways.enter_context(Gateway(tmp_path, config_for(upstream.url), environ=environ, **options))

        yield enter


def draining(gateway: Gateway) -> None:
    """Wait until its workers accept no more connections."""

    def refuses(_: str) -> bool:
        # A handshake completed before the listener closed is no proof that it is still there.
        try:
            connect(gateway.url).close()
        except ConnectionRefusedError:
            return True
        return False

    gateway.until(refuses, PATIENCE)


def ended(gateway: Gateway) -> int:
    return gateway.process.wait(PATIENCE)


def test_a_stream_that_can_end_in_time_is_whole(start: Start, upstream: DemoUpstream, read_stream: ReadStream) -> None:
    upstream.script(rule(text(WORDS), rate=100))
    gateway = start(LONG)
    with Caller(gateway) as caller:
        stream = caller.send(encode(gateway, stream=True)).begin()
        gateway.signal(signal.SIGTERM)
        draining(gateway)
        events = read_stream(finish(stream).body)
    assert events[-1]["type"] == "message_stop"
    assert "".join(each["delta"]["text"] for each in events if each["type"] == "content_block_delta") == WORDS
    assert ended(gateway) == 0


def test_a_stream_that_runs_on_ends_with_an_error_event(
    start: Start, upstream: DemoUpstream, read_stream: ReadStream
) -> None:
    upstream.script(rule(text(WORDS * 100), rate=20))
    gateway = start(SHORT)
    with Caller(gateway) as caller:
        stream = caller.send(encode(gateway, stream=True)).begin()
        gateway.signal(signal.SIGTERM)
        events = read_stream(finish(stream).body)
        assert caller.ended()
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "overloaded_error"
    assert ended(gateway) == 0
    (line,) = gateway.requests()
    assert line["failure"] == "shutting_down"
    assert upstream.wait(lambda u: not u.in_flight, PATIENCE), "the upstream must not go on for nobody"
    assert gateway.lines("uncaught") == []


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "message"])
def test_who_still_waits_for_a_first_byte_is_told_to_come_again(
    start: Start,
    upstream: DemoUpstream,
    streaming: bool,  # noqa: FBT001 - a case of the table
) -> None:
    upstream.script(rule(text(WORDS), hang_before_headers=True))
    gateway = start(SHORT)
    with Caller(gateway) as caller:
        caller.send(encode(gateway, stream=streaming))
        assert upstream.wait(lambda u: u.in_flight == 1, PATIENCE)
        gateway.signal(signal.SIGTERM)
        answer = caller.read()
        assert caller.ended()
    assert answer.status == 529
    assert answer.headers["retry-after"] == "1"
    assert answer.closes
    assert orjson.loads(answer.body)["error"]["type"] == "overloaded_error"
    assert ended(gateway) == 0


def test_idle_connections_hold_nothing_up(start: Start) -> None:
    gateway = start(LONG)
    with Caller(gateway) as used, Caller(gateway) as unused:
        assert used.send(encode(gateway)).read().status == 200
        gateway.signal(signal.SIGTERM)
        assert used.ended()
        assert unused.ended()
        assert ended(gateway) == 0


def test_a_request_that_has_begun_to_arrive_is_answered(start: Start) -> None:
    gateway = start(LONG)
    request = encode(gateway)
    cuts = [1, 20, request.index(b"\r\n\r\n") + 2, len(request) - 1]
    with ExitStack() as connections:
        callers = [connections.enter_context(Caller(gateway)) for _ in cuts]
        for caller, cut in zip(callers, cuts, strict=True):
            assert caller.send(encode(gateway)).read().status == 200
            caller.send(request[:cut])
        # Idle for less long than any of them would be.
        with Caller(gateway) as idle:
            gateway.signal(signal.SIGTERM)
            assert idle.ended(), "the worker has closed what is idle"
        for caller, cut in zip(callers, cuts, strict=True):
            answer = caller.send(request[cut:]).read()
            assert (answer.status, answer.closes) == (200, True)
            assert caller.ended()
        assert ended(gateway) == 0


def test_half_a_request_sent_behind_another_is_answered(start: Start, upstream: DemoUpstream) -> None:
    upstream.script(rule(text("Hello.")))
    gateway = start(LONG)
    request = encode(gateway)
    with Caller(gateway) as caller, ExitStack() as later:
        caller.send(request + request[:30])
        assert caller.read().status == 200
        idle = later.enter_context(Caller(gateway))
        gateway.signal(signal.SIGTERM)
        assert idle.ended(), "the worker has closed what is idle"
        answer = caller.send(request[30:]).read()
        assert (answer.status, answer.closes) == (200, True)
        assert ended(gateway) == 0


def test_what_lies_in_the_kernels_queues_is_answered(start: Start) -> None:
    gateway = start(LONG)
    request = encode(gateway)
    (pid,) = gateway.worker_pids()
    with Caller(gateway) as idle:
        assert idle.send(request).read().status == 200
        # The worker sees neither the signal nor what is sent, until it sees all of it at once.
        os.kill(pid, signal.SIGSTOP)
        try:
            idle.send(request)
            with Caller(gateway) as waiting:
                waiting.send(request)
                gateway.signal(signal.SIGTERM)
                gateway.until(lambda text: "Handling signal: term" in text)
                os.kill(pid, signal.SIGCONT)
                for caller in (idle, waiting):
                    answer = caller.read()
                    assert (answer.status, answer.closes) == (200, True)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert ended(gateway) == 0


@pytest.mark.parametrize(
    "numbers",
    [[signal.SIGTERM, signal.SIGTERM], [signal.SIGTERM, signal.SIGINT], [signal.SIGINT], [signal.SIGQUIT]],
    ids=lambda numbers: "-".join(number.name for number in numbers),
)
def test_who_is_in_a_hurry_ends_it_at_once(
    start: Start, upstream: DemoUpstream, read_stream: ReadStream, numbers: list[signal.Signals]
) -> None:
    upstream.script(rule(text(WORDS * 100), rate=20))
    gateway = start(LONG)
    with Caller(gateway) as caller:
        stream = caller.send(encode(gateway, stream=True)).begin()
        gateway.signal(numbers[0])
        if numbers[1:]:
            draining(gateway)
            gateway.signal(numbers[1])
        events = read_stream(finish(stream).body)
    assert events[-1]["type"] == "error"
    assert ended(gateway) == 0


def test_a_rolling_restart_hands_on_new_connections(
    start: Start, upstream: DemoUpstream, read_stream: ReadStream
) -> None:
    upstream.script(rule(text(WORDS), rate=60, times=1), rule(text("Hello.")))
    gateway = start(LONG)
    (before,) = gateway.worker_pids()
    with Caller(gateway) as caller:
        stream = caller.send(encode(gateway, stream=True)).begin()
        gateway.signal(signal.SIGHUP)
        gateway.until(lambda text: text.count("Booting worker") == 2)
        gateway.until(lambda _: _accepts_nothing(before))
        with Caller(gateway) as other:
            assert other.send(encode(gateway)).read().status == 200
        assert read_stream(finish(stream).body)[-1]["type"] == "message_stop"
    gateway.until(lambda _: not psutil.pid_exists(before))
    assert sorted({line["pid"] for line in gateway.requests()}) == sorted([before, *gateway.worker_pids()])


def test_a_configuration_that_is_wrong_does_not_end_a_rolling_restart(start: Start, tmp_path: Path) -> None:
    gateway = start(LONG)
    before = gateway.worker_pids()
    (tmp_path / "config.yaml").write_text("packycode: {enabled: perhaps}\n")
    gateway.signal(signal.SIGHUP)
    gateway.until(lambda text: "the configuration in force stays" in text)
    gateway.until(lambda _: set(gateway.worker_pids()).isdisjoint(before))
    with Caller(gateway) as caller:
        assert caller.send(encode(gateway)).read().status == 200


def test_without_a_main_process_a_worker_ends_as_gently(
    start: Start, upstream: DemoUpstream, read_stream: ReadStream
) -> None:
    upstream.script(rule(text(WORDS), rate=50))
    gateway = start(LONG)
    worker = psutil.Process(gateway.worker_pids()[0])
    with Caller(gateway) as caller:
        stream = caller.send(encode(gateway, stream=True)).begin()
        gateway.process.kill()
        assert read_stream(finish(stream).body)[-1]["type"] == "message_stop"
    worker.wait(PATIENCE)


def test_the_kernel_watches_over_silent_clients(start: Start) -> None:
    gateway = start(SHORT)
    with Caller(gateway) as caller:
        assert caller.send(encode(gateway)).read().status == 200
        server, client = caller.socket.getpeername()[1], caller.socket.getsockname()[1]
        with open("/proc/net/tcp", encoding="ascii") as table:  # noqa: PTH123 - no file to have a path to
            rows = [line.split() for line in table][1:]
        (timer,) = [row[5] for row in rows if row[1].endswith(f":{server:04X}") and row[2].endswith(f":{client:04X}")]
    assert timer.startswith("02:"), "proc(5): a keepalive timer is pending"


def _accepts_nothing(pid: int) -> bool:
    try:
        return all(each.status != psutil.CONN_LISTEN for each in psutil.Process(pid).net_connections("tcp"))
    except psutil.NoSuchProcess:
        return True
