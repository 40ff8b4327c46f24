"""CPU per event while whole answers arrive as fast as they are taken."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench import proc
from bench.figures import Measured
from bench.processes import BenchError
from bench.sample import recorded_stream, small_request
from bench.summary import both_sides, ratios

if TYPE_CHECKING:
    from bench.context import Bench, Server

__all__ = ["measure_burst", "observe"]

_DELTAS = 2000
_CONCURRENCY = 4
_TRIAL = 8


def measure_burst(bench: Bench) -> list[Measured]:
    """Measure nginx and packy in turns, after the load alone.

    Returns:
        `burst_cpu`: CPU time per event, packy's by nginx's of the same round.
    """
    stream, events = recorded_stream(_DELTAS)
    with ExitStack() as stack:
        upstream = stack.enter_context(bench.nginx(None, stream))
        bench.say("burst: the load alone")
        alone = observe(bench, upstream.port, [], events)
        nginx: Server = stack.enter_context(bench.nginx(upstream.port))
        packy: Server = stack.enter_context(bench.gateway(upstream.port))
        seen: dict[str, list[dict[str, Any]]] = {"nginx": [], "packy": []}
        for number in range(bench.rounds):
            for name, server in (("nginx", nginx), ("packy", packy)):
                bench.say(f"burst: {name}, round {number + 1} of {bench.rounds}")
                seen[name].append(observe(bench, server.port, server.workers, events))
    costs = {name: [one["cpu_us_per_event"] for one in each] for name, each in seen.items()}
    return [
        Measured(
            "burst_cpu",
            ratios(costs["packy"], costs["nginx"]),
            {"alone": alone, **seen},
            both_sides(seen, "cpu_us_per_event", "us"),
        )
    ]


def observe(bench: Bench, port: int, pids: list[int], events: int) -> dict[str, Any]:
    """Do as many requests as fill the window.

    Args:
        bench: the run.
        port: of the server.
        pids: of its workers, whose CPU time counts; none where only the load is looked at.
        events: in each answer.

    Returns:
        What was done, in how many seconds, and `cpu_us_per_event`.

    Raises:
        BenchError: an answer was not whole.
    """
    with bench.client("closed", port, small_request("bench"), _CONCURRENCY) as client:
        trial = client.ask(f"go {_TRIAL}")
        requests = max(_TRIAL, min(20_000, int(_TRIAL / trial["seconds"] * bench.window)))
        began = proc.cpu_seconds(pids)
        report = client.ask(f"go {requests}")
        used = proc.cpu_seconds(pids) - began
    if report["failed"] or report["done"] < requests:
        raise BenchError(f"{requests - report['done']} of {requests} answers were not whole")
    total = report["done"] * events
    return {
        "requests": report["done"],
        "seconds": report["seconds"],
        "bytes": report["bytes"],
        "events": total,
        "events_per_second": total / report["seconds"],
        "cpu_seconds": used,
        "cpu_us_per_event": used * 1e6 / total,
    }
