from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from bench.context import Bench
from bench.processes import ROOT, BenchError, Child, Cores, until
from bench.sample import conversation, recorded_stream, small_request
from bench.scenarios.paced import observe
from bench.servers import nginx_program

if TYPE_CHECKING:
    from pathlib import Path

needs_nginx = pytest.mark.skipif(nginx_program() is None, reason="nginx is not installed")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, Cores(), quick=True, say=lambda _text: None)


def test_the_client_sees_each_delta_of_the_paced_upstream_and_its_delay(bench: Bench) -> None:
    upstream, port = bench.upstream()
    with upstream, bench.client("rate", port, conversation(70_000, "bench:100:4"), 40, 8) as client:
        report = client.ask()
    assert (report["done"], report["failed"], report["events"]) == (8, 0, 32)
    assert len(report["first_us"]) == 8
    assert 0 < report["delay_us"]["50"] <= report["delay_us"]["100"]


def test_streams_are_held_open_until_their_client_ends(bench: Bench) -> None:
    upstream, port = bench.upstream()
    with upstream:
        with bench.hold(upstream, port, small_request("bench:20:1000000"), 5) as client:
            client.ask("begin")
            report = until(lambda: (seen := client.ask("report"))["events"] >= 10 and seen, "deltas go on coming")
            assert (report["open"], report["failed"]) == (5, 0)
        bench.drained(upstream)
        assert upstream.ask("count") == {"active": 0}


def test_the_load_alone_can_be_observed_like_a_server(bench: Bench) -> None:
    upstream, port = bench.upstream()
    with upstream:
        seen = observe(bench, upstream, port, [upstream.pid], 4)
    assert seen["events"] > 0
    assert seen["streams"] == 4
    assert seen["cpu_us_per_event"] >= 0


def test_an_answer_that_is_no_stream_is_a_failure(bench: Bench) -> None:
    with bench.gateway(9) as packy, bench.client("rate", packy.port, b"{}", 20, 2) as client:
        report = client.ask()
    assert (report["done"], report["failed"]) == (0, 2)


@needs_nginx
def test_nginx_serves_a_recorded_stream_in_chunks_and_hands_it_on(bench: Bench) -> None:
    stream, _ = recorded_stream(300)
    with (
        bench.nginx(None, stream) as upstream,
        bench.nginx(upstream.port) as proxy,
        bench.client("closed", proxy.port, small_request("bench"), 2) as client,
    ):
        report = client.ask("go 6")
    assert (report["done"], report["failed"]) == (6, 0)
    assert report["bytes"] > 6 * len(stream)


def test_a_load_process_that_ends_is_told(bench: Bench) -> None:
    with bench.client("rate", 1, b"", 1, 1) as client, pytest.raises(BenchError, match="ended"):
        client.ask()


def test_a_server_that_does_not_start_says_why(bench: Bench, tmp_path: Path) -> None:
    settings = tmp_path / "broken.py"
    settings.write_text("raise SystemExit('this is broken')\n")
    with pytest.raises(BenchError, match="this is broken"):
        bench.gateway(9, settings=settings)


def test_what_was_started_ends_with_its_children(tmp_path: Path, bench: Bench) -> None:
    family = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    with Child([sys.executable, "-c", family], tmp_path / "log", bench.cores.load) as child:
        process = psutil.Process(child.pid)
        until(process.children, "it has a child")
        everyone = [process, *process.children()]
    _, alive = psutil.wait_procs(everyone, 20)
    assert not alive


@needs_nginx
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_a_run_that_is_interrupted_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "bench", "--quick", "--only", "paced"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "packy, round" in line or "nginx, round" in line:
                break
        started = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(number)
        deadline = time.monotonic() + 60
        run.stderr.read()
        assert run.wait(max(1, deadline - time.monotonic())) == 1
    assert started
    _, alive = psutil.wait_procs(started, 20)
    assert not alive
    assert not list(tmp_path.iterdir())
