"""How many paced streams one worker carries before its callers notice."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench.figures import Measured
from bench.processes import BenchError
from bench.scenarios.paced import observe

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.context import Bench, Server

__all__ = ["measure_capacity", "search"]

_ADDED_MS = 20.0
_FIRST = 150
_MOST = 1200
_STEP = 25


def measure_capacity(bench: Bench) -> list[Measured]:
    """Search for the largest number of streams (50 events/s each) whose p99 delay is not 20 ms over nginx's.

    The numbers double from 150 to at most 1200, then the span is halved until it is 25 wide; a quick run only doubles.

    Returns:
        `paced_streams`, with the delays of all numbers that were tried; 0 if even the first was too many.
    """
    tried: list[dict[str, Any]] = []
    with ExitStack() as stack:
        upstream, port = bench.upstream()
        stack.enter_context(upstream)
        nginx: Server = stack.enter_context(bench.nginx(port))
        packy: Server = stack.enter_context(bench.gateway(port))

        def holds(streams: int) -> bool:
            bench.say(f"capacity: {streams} streams")
            row: dict[str, Any] = {"streams": streams}
            tried.append(row)
            try:
                for name, server in (("nginx", nginx), ("packy", packy)):
                    row[name] = observe(bench, upstream, server.port, server.workers, streams)
            except BenchError as error:
                row["failed"] = str(error)
                return False
            row["added_ms"] = (row["packy"]["delay_us"]["99"] - row["nginx"]["delay_us"]["99"]) / 1000
            return bool(row["added_ms"] < _ADDED_MS)

        found = search(holds, 0 if bench.quick else 5)
    return [Measured("paced_streams", [found], {"tried": tried})]


def search(holds: Callable[[int], bool], halvings: int) -> int:
    """Find the largest number that still holds, give or take the width that is left; see `measure_capacity`."""
    low, high = 0, _FIRST
    while holds(high):
        low = high
        if high == _MOST:
            return _MOST
        high = min(2 * high, _MOST)
    for _ in range(halvings):
        middle = (low + high) // 2 // _STEP * _STEP
        if middle <= low or high - low <= _STEP:
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
