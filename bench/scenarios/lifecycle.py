"""How long packy takes to be there, and to see a new configuration."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from bench.figures import Measured
from bench.processes import until
from bench.servers import config_for, respond

if TYPE_CHECKING:
    from bench.context import Bench
    from bench.servers import Gateway

__all__ = ["measure_lifecycle"]

_NOBODY = 9  # a port where no upstream is needed


def measure_lifecycle(bench: Bench) -> list[Measured]:
    """Start packy several times; write its configuration several times.

    Returns:
        `startup`, `startup_all`: seconds from the start of gunicorn until every worker watches the configuration and
        a request is answered; `reload`: milliseconds from the write of config.yaml until a request sees it.
    """
    # The first start reads the files into the kernel's cache.
    cold = 0 if bench.quick else 1
    rounds = bench.rounds + cold
    workers = len(bench.cores.measured | bench.cores.load)
    starts: dict[int, list[float]] = {1: [], workers: []}
    for number in range(rounds):
        for count, seconds in starts.items():
            bench.say(f"lifecycle: start with {count} worker(s), round {number + 1} of {rounds}")
            seconds.append(_start(bench, count))
    with bench.gateway(_NOBODY) as packy:
        reloads = []
        for number in range(bench.rounds * 2):
            bench.say(f"lifecycle: reload {number + 1} of {bench.rounds * 2}")
            reloads.append(_reload(packy, f"bench-alias-{number}"))
    return [
        Measured("startup", starts[1][cold:], {"first": starts[1][0]}),
        Measured("startup_all", starts[workers][cold:], {"workers": workers}),
        Measured("reload", reloads),
    ]


def _start(bench: Bench, workers: int) -> float:
    began = time.perf_counter()
    with bench.gateway(_NOBODY, workers=workers):
        return time.perf_counter() - began


def _reload(packy: Gateway, alias: str) -> float:
    """Give the milliseconds until a new alias is listed."""
    fresh = packy.config.with_suffix(".new")
    fresh.write_text(config_for(_NOBODY, f"aliases: {{{alias}: gpt-5}}\n"))
    began = time.perf_counter()
    os.replace(fresh, packy.config)  # noqa: PTH105 - the rename is what editors do
    until(lambda: alias.encode() in respond(packy.port, "GET", "/v1/models?limit=1000")[1], "the new alias is listed")
    return (time.perf_counter() - began) * 1000
