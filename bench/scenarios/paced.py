"""CPU per event while streams come at the pace of models."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench import proc
from bench.figures import Measured
from bench.sample import small_request
from bench.summary import both_sides, ratios

if TYPE_CHECKING:
    from bench.context import Bench, Server
    from bench.processes import Tool

__all__ = ["RATE", "measure_paced", "observe"]

RATE = 50
STREAMS = 300
_FOREVER = 1_000_000
_KEPT_UP = 0.97
_AT_ONCE = 1.5
_SHORT_US = 3000
_LOOKS = 20


def measure_paced(bench: Bench) -> list[Measured]:
    """Measure nginx and packy in turns, after the load alone.

    Returns:
        `paced_cpu`: CPU time per event, packy's by nginx's of the same round.
    """
    with ExitStack() as stack:
        upstream, port = bench.upstream()
        stack.enter_context(upstream)
        bench.say("paced: the load alone")
        alone = observe(bench, upstream, port, [], STREAMS)
        nginx: Server = stack.enter_context(bench.nginx(port))
        packy: Server = stack.enter_context(bench.gateway(port))
        seen: dict[str, list[dict[str, Any]]] = {"nginx": [], "packy": []}
        for number in range(bench.rounds):
            for name, server in (("nginx", nginx), ("packy", packy)):
                bench.say(f"paced: {name}, round {number + 1} of {bench.rounds}")
                seen[name].append(observe(bench, upstream, server.port, server.workers, STREAMS))
    costs = {name: [one["cpu_us_per_event"] for one in each] for name, each in seen.items()}
    details = {"alone": alone, **seen}
    sound = all(one["events_at_once"] < _AT_ONCE for one in seen["packy"])
    return [Measured("paced_cpu", ratios(costs["packy"], costs["nginx"]), details, _note(alone, seen), sound=sound)]


def _note(alone: dict[str, Any], seen: dict[str, list[dict[str, Any]]]) -> str:
    """Give both sides, and say who fell behind, if anybody did."""
    slowest = {name: min(one["kept_up"] for one in each) for name, each in {"the load": [alone], **seen}.items()}
    behind = [f"{name} carried {part:.0%} of the events" for name, part in slowest.items() if part < _KEPT_UP]
    at_once = f"packy handed on {max(one['events_at_once'] for one in seen['packy']):.1f} events at once"
    return "; ".join([both_sides(seen, "cpu_us_per_event", "us"), at_once, *behind])


def observe(bench: Bench, upstream: Tool, port: int, pids: list[int], streams: int) -> dict[str, Any]:
    """Open paced streams through a server and look at them for a while.

    Args:
        bench: the run.
        upstream: the paced upstream.
        port: of the server.
        pids: of the processes whose CPU time counts.
        streams: how many.

    Returns:
        Events, their delays from upstream to client, and the CPU time per event in microseconds.
    """
    with bench.hold(upstream, port, small_request(f"bench:{RATE}:{_FOREVER}"), streams) as client:
        _settle(client)
        client.ask("begin")
        began = proc.cpu_seconds(pids)
        time.sleep(bench.window)
        used = proc.cpu_seconds(pids) - began
        report = client.ask("report")
        client.ask("begin")
    bench.drained(upstream)
    report.pop("first_us")
    return {
        **report,
        "streams": streams,
        # Above 1 the server is behind: what piles up is cheaper to hand on, so its CPU time looks better than it is.
        "events_at_once": report["events"] / max(report["pieces"], 1),
        "kept_up": report["events"] / (streams * RATE * report["seconds"]),
        "cpu_seconds": used,
        "cpu_us_per_event": used * 1e6 / max(report["events"], 1),
    }


def _settle(client: Tool) -> None:
    """Let the backlog of the opening drain: wait while delays still fall."""
    last = float("inf")
    for _ in range(_LOOKS):
        client.ask("begin")
        time.sleep(0.25)
        delay = client.ask("report")["delay_us"].get("50", last)
        if delay < _SHORT_US or delay > last:
            return
        last = delay
