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
    """Send requests of 70 KB, 50 a second and evenly, through nginx, packy and bare Flask views in turns.

    Returns:
        `ttft_p50`, `ttft_p99`: the percentiles with packy less those with nginx of the same round, in milliseconds;
        `ttft_proxy`, `ttft_flask`: the medians with the views of `bench.plain_proxy`, likewise.
    """
    body = conversation(_BODY, _COMMAND)
    seen: dict[str, list[dict[str, Any]]] = {"nginx": [], "packy": [], "proxy": [], "flask": []}
    with ExitStack() as stack:
        upstream, port = bench.upstream()
        stack.enter_context(upstream)
        bench.say("first token: the load alone")
        alone = _observe(bench, port, body)
        servers: dict[str, Server] = {
            "nginx": stack.enter_context(bench.nginx(port)),
            "packy": stack.enter_context(bench.gateway(port)),
            "proxy": stack.enter_context(bench.plain("proxy", port)),
            "flask": stack.enter_context(bench.plain("flask_alone", port)),
        }
        for number in range(bench.rounds):
            for name, server in servers.items():
                bench.say(f"first token: {name}, round {number + 1} of {bench.rounds}")
                seen[name].append(_observe(bench, server.port, body))
    return [
        Measured("ttft_p50", _added(seen, "packy", "p50"), {"alone": alone, **seen}, both_sides(seen, "p50", "ms")),
        Measured("ttft_p99", _added(seen, "packy", "p99"), note=both_sides(seen, "p99", "ms")),
        Measured("ttft_proxy", _added(seen, "proxy", "p50")),
        Measured("ttft_flask", _added(seen, "flask", "p50")),
    ]


def _added(seen: dict[str, list[dict[str, Any]]], name: str, key: str) -> list[float]:
    return [mine[key] - nginx[key] for mine, nginx in zip(seen[name], seen["nginx"], strict=True)]


def _observe(bench: Bench, port: int, body: bytes) -> dict[str, Any]:
    """Give percentiles of the time to the first delta, in milliseconds."""
    requests = _WARM_UP + int(_RATE * bench.window)
    with bench.client("rate", port, body, _RATE, requests) as client:
        report = client.ask()
    if report["failed"] or report["done"] < requests:
        raise BenchError(f"{requests - report['done']} of {requests} answers were not whole")
    times = sorted(time / 1000 for time in report["first_us"][_WARM_UP:])
    return {"requests": len(times), **{f"p{p}": percentile(times, p) for p in (50, 90, 99, 100)}}
