"""Memory of a worker, and of the streams that it holds open."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench import proc
from bench.figures import Measured
from bench.processes import ROOT, BenchError
from bench.sample import small_request

if TYPE_CHECKING:
    from bench.context import Bench

__all__ = ["measure_memory"]

_STREAMS = 3000
_QUICK_STREAMS = 1000
_RAMP = 500.0
# One delta, and the next in a hundred seconds: a model that thinks.
_WAITING = small_request("bench:0.01:5")
_SHORT = small_request("bench:500:2")
_WARM_UP = 50
_MB = 1e6
_WITHOUT_VOCABULARY = """
from pathlib import Path
exec(compile(Path({conf!r}).read_text(), {conf!r}, "exec"))
tokens.load = lambda: None
"""


def measure_memory(bench: Bench) -> list[Measured]:
    """Look at an idle worker with and without the vocabulary, then open streams that say one word and wait.

    Returns:
        `worker_rss_bare`, `worker_rss`, `worker_pss` in MB; `stream_rss` in KB; `idle_streams`, which were all still
        open after some seconds; a quick run opens a third of the 3,000, and leaves this one out.
    """
    settings = bench.path("without_vocabulary.py")
    settings.write_text(_WITHOUT_VOCABULARY.format(conf=str(ROOT / "gunicorn.conf.py")))
    streams = _QUICK_STREAMS if bench.quick else _STREAMS
    with ExitStack() as stack:
        upstream, port = bench.upstream()
        stack.enter_context(upstream)
        bench.say("memory: an idle worker without the vocabulary")
        with bench.gateway(port, settings=settings) as bare:
            bare_memory = proc.memory(bare.workers[0])
        bench.say("memory: an idle worker")
        packy = stack.enter_context(bench.gateway(port))
        worker = packy.workers[0]
        idle = proc.memory(worker)
        with bench.client("rate", packy.port, _SHORT, 100, _WARM_UP) as client:
            client.ask()
        warm = proc.memory(worker)
        bench.say(f"memory: {streams} streams that wait")
        survived, full, why = 0, warm, ""
        try:
            with bench.hold(upstream, packy.port, _WAITING, streams, _RAMP) as client:
                time.sleep(bench.window)
                full = proc.memory(worker)
                survived = client.ask("report")["open"]
        except BenchError as error:
            why = f"{error}; {upstream.ask('count')['active']} streams had been opened"
    figures = [
        Measured("worker_rss_bare", [bare_memory["rss"] / _MB], {"memory": bare_memory}),
        Measured("worker_rss", [idle["rss"] / _MB], {"memory": idle}),
        Measured("worker_pss", [idle["pss"] / _MB]),
    ]
    if not bench.quick:
        figures.append(Measured("idle_streams", [survived], {"failed": why}, why))
    if survived:
        per_stream = (full["rss"] - warm["rss"]) / survived / 1024
        figures.append(Measured("stream_rss", [per_stream], {"warm": warm, "full": full}))
    return figures
