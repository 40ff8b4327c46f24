"""How long it takes to count a long context."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

from bench.figures import Measured
from bench.processes import BenchError
from bench.sample import conversation
from bench.servers import respond

if TYPE_CHECKING:
    from bench.context import Bench

__all__ = ["measure_counting"]

_TOKENS = 200_000
_TRIAL = 900_000
_NEAR = 0.05


def measure_counting(bench: Bench) -> list[Measured]:
    """Ask for the tokens of a conversation of about 200,000, over HTTP.

    Returns:
        `count_tokens`: milliseconds of the whole request, scaled to 200,000 tokens exactly.
    """
    # Nothing goes upstream, so there is none.
    with bench.gateway(9) as packy:
        bench.say("counting: how many bytes make the tokens")
        size = int(_TRIAL * _TOKENS / _count(packy.port, conversation(_TRIAL))[0])
        body = conversation(size)
        values, tokens = [], 0
        for number in range(bench.rounds * 3):
            bench.say(f"counting: round {number + 1} of {bench.rounds * 3}")
            tokens, seconds = _count(packy.port, body)
            values.append(seconds * 1000 * _TOKENS / tokens)
    if abs(tokens - _TOKENS) > _NEAR * _TOKENS:
        raise BenchError(f"the conversation has {tokens} tokens instead of about {_TOKENS}")
    return [Measured("count_tokens", values, {"bytes": len(body), "tokens": tokens})]


def _count(port: int, body: bytes) -> tuple[int, float]:
    began = time.perf_counter()
    status, answer = respond(port, "POST", "/v1/messages/count_tokens", body)
    seconds = time.perf_counter() - began
    if status != 200:  # noqa: PLR2004 - HTTP
        raise BenchError(f"count_tokens was answered with {status}")
    return orjson.loads(answer)["input_tokens"], seconds
