"""What it costs to translate a request, compared with reading and writing its JSON."""

from __future__ import annotations

import gc
import time
from statistics import median
from typing import TYPE_CHECKING

import orjson

from bench.figures import Measured
from bench.sample import conversation
from bench.summary import ratios
from packy.translation import Target, loads, translate_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.context import Bench

__all__ = ["measure_translation"]

# Bytes, and turns that they are made of at most.
_BODIES = {
    "translation_70k": (70_000, 500),
    "translation_1m": (1_000_000, 500),
    "translation_8m": (8_000_000, 500),
    "translation_turns": (8_000_000, 4_000),
}
_BYTES = 24_000_000  # translated of each size in one round
_PAUSE, _PAUSES = 0.02, 50
_TARGET = Target(model="gpt-5", effort="high", cache_key="12c492a9-599c-4882-b631-02c868a4e435")


def measure_translation(bench: Bench) -> list[Measured]:
    """Translate bodies of three sizes, in turns with orjson's round trip of the same bytes.

    Returns:
        `translation_…`: CPU time of decoding and translating by that of `orjson.dumps(orjson.loads(body))`, and
        `translation_growth`: that of 8 MB in turns of 2 KB by that of 1 MB in such turns, where 1 is growth like
        orjson's own (which takes twice as long for a byte of what no longer fits the processor's cache);
        `translation_pause`: the time of one translation of 70 KB after 20 ms of sleep, by that of one after another.
        A worker with 50 requests a second has such pauses, and so works at that speed.
    """
    figures: dict[str, Measured] = {}
    # As in the gateway: what is loaded is not looked through again at each collection.
    gc.collect()
    gc.freeze()
    for key, (size, turns) in _BODIES.items():
        bench.say(f"translation: {size:,} bytes, at most {turns} turns")
        body = conversation(size, turns=turns)
        times = max(1, _BYTES // size // (4 if bench.quick else 1))
        mine, plain = [], []
        for _ in range(3 if bench.quick else 5):
            plain.append(_cpu(_round_trip, body, times))
            mine.append(_cpu(_translate, body, times))
        details = {"bytes": len(body), "packy_ms": [t * 1e3 for t in mine], "orjson_ms": [t * 1e3 for t in plain]}
        figures[key] = Measured(key, ratios(mine, plain), details)
    gc.unfreeze()
    growth = figures["translation_turns"].value / figures["translation_1m"].value
    bench.say("translation: after a pause")
    pauses = [_after_pause(conversation(70_000)) for _ in range(bench.rounds)]
    return [*figures.values(), Measured("translation_growth", [growth]), Measured("translation_pause", pauses)]


def _round_trip(body: bytes) -> object:
    return orjson.dumps(orjson.loads(body))


def _translate(body: bytes) -> object:
    return translate_request(loads(body), _TARGET)


def _cpu(work: Callable[[bytes], object], body: bytes, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work(body)
    return (time.process_time() - began) / times


def _after_pause(body: bytes) -> float:
    """Tell how much longer one translation takes after a pause: what the caches of the processor have forgotten."""
    at_once, later = [], []
    for _ in range(_PAUSES):
        _translate(body)
        at_once.append(_cpu(_translate, body, 1))
        time.sleep(_PAUSE)
        later.append(_cpu(_translate, body, 1))
    return median(later) / median(at_once)
