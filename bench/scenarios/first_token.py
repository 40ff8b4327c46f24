"""How much later the first token comes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench.figures import Measured
from bench.processes import BenchError
from bench.sample import conversation
from bench.summary import both_sides, percentile

if TYPE_CHECKING:
    from bench.context import Bench, Server

__all__ = ["measure_first_token"]

_RATE = 50
_BODY = 70_000
# Five deltas of 50 a second: an answer is over before the connections run out.
_COMMAND = "bench:50:5"
_WARM_UP = 25


def measure_first_token(bench: Bench) -> list[Measured]:
    """Send requests of 70 KB, 50 a second and evenly, through nginx and packy in turns.

    Returns:
        `ttft_p50`, `ttft_p99`: the percentiles with packy less those with nginx of the same round, in milliseconds.
    """
    body = conversation(_BODY, _COMMAND)
    seen: dict[str, list[dict[str, Any]]] = {"nginx": [], "packy": []}
    with ExitStack() as stack:
        upstream, port = bench.upstream()
        stack.enter_context(upstream)
        bench.say("first token: the load alone")
        alone = _observe(bench, port, body)
        nginx: Server = stack.enter_context(bench.nginx(port))
        packy: Server = stack.enter_context(bench.gateway(port))
        for number in range(bench.rounds):
            for name, server in (("nginx", nginx), ("packy", packy)):
                bench.say(f"first token: {name}, round {number + 1} of {bench.rounds}")
                seen[name].append(_observe(bench, server.port, body))
    details = {"alone": alone, **seen}
    return [
        Measured(
            f"ttft_{p}",
            [mine[p] - other[p] for mine, other in zip(seen["packy"], seen["nginx"], strict=True)],
            details if p == "p50" else {},
            both_sides(seen, p, "ms"),
        )
        for p in ("p50", "p99")
    ]


def _observe(bench: Bench, port: int, body: bytes) -> dict[str, Any]:
    """Give percentiles of the time to the first delta, in milliseconds."""
    requests = _WARM_UP + int(_RATE * bench.window)
    with bench.client("rate", port, body, _RATE, requests) as client:
        report = client.ask()
    if report["failed"] or report["done"] < requests:
        raise BenchError(f"{requests - report['done']} of {requests} answers were not whole")
    times = sorted(time / 1000 for time in report["first_us"][_WARM_UP:])
    return {"requests": len(times), **{f"p{p}": percentile(times, p) for p in (50, 90, 99, 100)}}
