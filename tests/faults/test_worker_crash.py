"""A worker that is killed: another takes its place, and those of the others notice nothing."""

from __future__ import annotations

import os
import re
import signal
from contextlib import ExitStack
from http.client import IncompleteRead
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from packy.demo import DemoUpstream, rule, text
from tests.faults.caller import Caller, encode, finish
from tests.support.connection import PATIENCE
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.client import HTTPResponse
    from pathlib import Path

STREAMS = 12
WORDS = "word " * 100
MANAGEMENT_KEY = "test-management-key"


@pytest.fixture(scope="module")
def upstream_process() -> Iterator[DemoUpstream]:
    with DemoUpstream(models=["*"]) as running:
        yield running


@pytest.fixture
def pair(upstream: DemoUpstream, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with two workers."""
    extra = f"remote-management: {{secret-key: {MANAGEMENT_KEY}}}\n"
    with Gateway(tmp_path, config_for(upstream.url, extra), workers=2) as running:
        yield running


def replaced(gateway: Gateway, dead: int) -> None:
    """Wait until there are two workers again."""
    gateway.until(lambda text: text.count("Booting worker") == 3, PATIENCE)
    gateway.until(lambda _: len(pids := gateway.worker_pids()) == 2 and dead not in pids, PATIENCE)


def in_flight(gateway: Gateway) -> float:
    """How many requests all workers together say they answer."""
    answer = requests.get(f"{gateway.url}/metrics", headers={"X-Management-Key": MANAGEMENT_KEY}, timeout=PATIENCE)
    assert answer.status_code == 200
    return sum(map(float, re.findall(r"^packy_requests_in_flight(?:{.*})? (\S+)$", answer.text, re.MULTILINE)))


def ports(pid: int) -> set[int]:
    """Give the remote ports of a process's connections."""
    return {each.raddr.port for each in psutil.Process(pid).net_connections("tcp") if each.status != psutil.CONN_LISTEN}


def test_only_the_streams_of_the_dead_worker_break_off(
    pair: Gateway, upstream: DemoUpstream, tmp_path: Path, read_stream: Callable[[bytes], list[dict[str, Any]]]
) -> None:
    upstream.script(rule(text(WORDS), rate=30))
    config = (tmp_path / "config.yaml").read_bytes()
    with ExitStack() as connections:
        callers = [connections.enter_context(Caller(pair)) for _ in range(STREAMS)]
        streams: list[tuple[Caller, HTTPResponse]] = [
            (caller, caller.send(encode(pair, stream=True)).begin()) for caller in callers
        ]
        assert in_flight(pair) == STREAMS
        dead = max(pair.worker_pids(), key=lambda pid: len(ports(pid)))
        broken = ports(dead)
        os.kill(dead, signal.SIGKILL)
        for caller, stream in streams:
            if caller.socket.getsockname()[1] in broken:
                with pytest.raises((IncompleteRead, ConnectionResetError)):
                    finish(stream)
            else:
                assert read_stream(finish(stream).body)[-1]["type"] == "message_stop"
        replaced(pair, dead)
        with Caller(pair) as caller:
            upstream.script(rule(text("Hello.")))
            assert caller.send(encode(pair)).read().status == 200
    pair.until(lambda _: in_flight(pair) == 0, PATIENCE)
    assert upstream.wait(lambda u: not u.in_flight, PATIENCE)
    assert (tmp_path / "config.yaml").read_bytes() == config
    assert not list(tmp_path.glob("config.yaml?*")), "no half-written copy is left behind"


def test_the_new_worker_serves_the_configuration_of_now(pair: Gateway, upstream: DemoUpstream, tmp_path: Path) -> None:
    upstream.script(rule(text("Hello.")), models=["*"])
    edited = config_for(upstream.url).replace("enabled: true", "enabled: true, defaults: {model: gpt-edited}")
    (tmp_path / "config.yaml").write_text(edited)
    pair.until(lambda _: len(pair.lines("config_reloaded")) == 2, PATIENCE)
    for pid in pair.worker_pids():
        os.kill(pid, signal.SIGKILL)
    pair.until(lambda text: text.count("Booting worker") == 4, PATIENCE)
    for _ in range(8):
        with Caller(pair) as caller:
            assert caller.send(encode(pair, model="opus")).read().status == 200
        assert upstream.requests[-1].json["model"] == "gpt-edited"
