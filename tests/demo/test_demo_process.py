from __future__ import annotations

import ast
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from packy.demo import DemoUpstream, rule, serve, text

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Ask = Callable[..., requests.Response]


def test_it_comes_back_on_the_same_port(upstream: DemoUpstream, ask: Ask) -> None:
    port = upstream.port
    upstream.stop()
    with pytest.raises(requests.ConnectionError):
        ask()
    upstream.start()
    assert upstream.port == port
    assert ask().status_code == 200


def test_a_taken_port_is_an_error(upstream: DemoUpstream) -> None:
    with pytest.raises(OSError, match="in use"):
        DemoUpstream(port=upstream.port).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        serve(host=host)


def test_this_process_is_not_patched_and_no_thread_stays() -> None:
    assert socket.socket.__module__ == "socket"
    before = set(threading.enumerate())
    with DemoUpstream():
        (thread,) = set(threading.enumerate()) - before
        assert thread.name == "packy-demo-upstream"
    assert not thread.is_alive()
    assert set(threading.enumerate()) <= before


def test_in_a_patched_process_it_says_what_to_do_instead() -> None:
    code = "from gevent import monkey; monkey.patch_all(); from packy.demo import DemoUpstream; DemoUpstream().start()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert "run the upstream as one of its own, `packy upstream`" in result.stderr


def test_no_descriptor_stays() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(2):
        with DemoUpstream() as one:
            requests.get(f"{one.origin}/__demo__/stats", timeout=10)
    before = descriptors()
    for _ in range(5):
        with DemoUpstream() as one:
            requests.get(f"{one.origin}/__demo__/stats", timeout=10)
    assert descriptors() <= before


SERVE = "from packy.demo import serve; serve(rate=1000, ready_callback=lambda url: print(url, flush=True))"


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """An upstream as a process of its own, and its base URL."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_as_a_process_of_its_own_until_it_is_told_to_stop(
    number: signal.Signals, session: requests.Session, body: Json
) -> None:
    with running() as (process, url):
        answer = session.post(f"{url}/responses", json=body, timeout=10)
        assert b"response.completed" in answer.content
        origin = url.removesuffix("/v1")
        hanging = {"rules": [rule(text("x"), hang_before_headers=True)]}
        requests.put(f"{origin}/__demo__/script", json=hanging, timeout=10)
        process.send_signal(number)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_reasoning_issued_by_one_process_is_accepted_by_another(session: requests.Session, body: Json) -> None:
    request = {**body, "stream": False, "include": ["reasoning.encrypted_content"]}
    with running() as (_, one), running() as (_, other):
        said = session.post(f"{one}/responses", json=request, timeout=10).json()["output"]
        again = {**request, "input": [*said, {"role": "user", "content": "Go on."}]}
        assert session.post(f"{other}/responses", json=again, timeout=10).status_code == 200


def test_a_fault_of_its_own_is_named_without_quoting_the_request(
    upstream: DemoUpstream, ask: Ask, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(request: Json) -> list[Json]:
        raise KeyError(json.dumps(request))

    monkeypatch.setattr("packy.demo.persona.answer", broken)
    answer = ask(input="a secret")
    assert answer.status_code == 500
    (error,) = upstream.stats["errors"]
    assert error.startswith("KeyError at ")
    assert "a secret" not in capfd.readouterr().err
    upstream.reset()


def test_the_demo_needs_no_package_that_packy_does_not_have_at_run_time() -> None:
    code = "import sys, packy.demo; print(sorted(m for m in sys.modules if m in {'openai', 'anthropic', 'pydantic'}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert ast.literal_eval(result.stdout) == []
