"""What it costs to know what happened: the log line, the metrics and the ledger."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING

from bench.figures import Measured
from bench.processes import ROOT
from bench.sample import recorded_stream
from bench.scenarios.burst import observe

if TYPE_CHECKING:
    from bench.context import Bench

__all__ = ["measure_telemetry"]

_SHORT, _LONG = 10, 2000
# The same settings, but that nobody makes a record of a request, nor counts those in flight.
_WITHOUT = """
from pathlib import Path
exec(compile(Path({conf!r}).read_text(), {conf!r}, "exec"))
from middleware import access_log
from packy.telemetry.metrics import Metrics
access_log._LoggedResponse._log = Metrics.count_in_flight = lambda *_: None
"""


def measure_telemetry(bench: Bench) -> list[Measured]:
    """Let packy answer with and without its telemetry, in turns, shortly and at length.

    Returns:
        `telemetry_request`: CPU time of a request's telemetry, in microseconds; `telemetry_event`: what of that and of
        anything else falls to each event of a long answer, in nanoseconds.
    """
    settings = bench.path("without_telemetry.py")
    settings.write_text(_WITHOUT.format(conf=str(ROOT / "gunicorn.conf.py")))
    costs: dict[int, list[tuple[float, float]]] = {_SHORT: [], _LONG: []}
    counts: dict[int, int] = {}
    for deltas, pairs in costs.items():
        stream, events = recorded_stream(deltas)
        counts[deltas] = events
        with ExitStack() as stack:
            upstream = stack.enter_context(bench.nginx(None, stream))
            without = stack.enter_context(bench.gateway(upstream.port, settings=settings))
            packy = stack.enter_context(bench.gateway(upstream.port))
            for number in range(bench.rounds):
                bench.say(f"telemetry: answers of {deltas} deltas, round {number + 1} of {bench.rounds}")
                one, other = (
                    observe(bench, server.port, server.workers, events)["cpu_us_per_event"]
                    for server in (packy, without)
                )
                pairs.append((one, other))
    with_all, bare = (median(pair[side] for pair in costs[_LONG]) for side in (0, 1))
    note = f"an event of a long answer costs {with_all:.2f} us with it, {bare:.2f} us without"
    return [
        Measured(
            "telemetry_request", [(one - other) * counts[_SHORT] for one, other in costs[_SHORT]], {"us": costs[_SHORT]}
        ),
        Measured("telemetry_event", [(one - other) * 1000 for one, other in costs[_LONG]], {"us": costs[_LONG]}, note),
    ]
