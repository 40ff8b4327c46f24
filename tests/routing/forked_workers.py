"""Forked processes that share cooldowns and learned parameters; run as a program, for a process without threads.

Writes one JSON object to stdout; see the two functions for what is in it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from packy.routing import Cooldowns, LearnedParameters
from packy.shared import SharedMemory

if TYPE_CHECKING:
    from collections.abc import Callable

CLAIMANTS, ROUNDS = 6, 200
WORKERS, KILLS = 4, 80
NAMES = ("include", "service_tier", "temperature", "top_p")
KEY = b"k" * 32
MODELS = ("gpt-5", "gpt-5-mini", "m" * 100)


def fork(work: Callable[[], None]) -> int:
    """Start a child that ends with status 0 if the work does, and with 1 if it raises."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def claim() -> dict[str, Any]:
    """Let many claim the same probe at once, over and over.

    Returns:
        `probes`: how many got it in each round; `statuses`: those of the children.
    """
    cooldowns = Cooldowns()
    answers, begin = SharedMemory(CLAIMANTS), SharedMemory(8).view.cast("d")
    barrier = multiprocessing.get_context("fork").Barrier(CLAIMANTS + 1, timeout=60)

    def claimant(number: int) -> None:
        for _ in range(ROUNDS):
            barrier.wait()
            while time.monotonic() < begin[0]:  # all at the very same moment, as far as there are processors
                pass
            answers.view[number] = cooldowns.admit("one", "gpt-5").state == "probe"
            barrier.wait()

    children = [fork(lambda number=number: claimant(number)) for number in range(CLAIMANTS)]  # type: ignore[misc]
    probes = []
    for _ in range(ROUNDS):
        cooldowns.succeeded("one", "gpt-5")
        cooldowns.failed("one", "gpt-5", base=30, retry_after=0)
        begin[0] = time.monotonic() + 0.002
        barrier.wait()
        barrier.wait()
        probes.append(sum(answers.view))
    return {"probes": probes, "statuses": [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]}


def kill() -> dict[str, Any]:
    """Kill workers at random moments while they change everything all the time, and start others.

    Returns:
        `statuses`: what the children ended with; `cooling`: seconds of what is listed in the end; `open`: whether all
        is open once all have succeeded, `active`: how many are cooling then; `learned`: what is known in the end,
        `seen`: whether another process sees what is learned after that.
    """
    cooldowns, learned = Cooldowns(buckets=1), LearnedParameters(NAMES)
    beats = SharedMemory(8)
    count = beats.view.cast("Q")
    providers = [f"provider-{number}" for number in range(4)]
    parent = os.getpid()

    def work() -> None:
        chance = random.Random(os.getpid())  # noqa: S311 - no secret
        while os.getppid() == parent:
            provider, model = chance.choice(providers), chance.choice(MODELS)
            cooldowns.failed(provider, model, base=0.001, retry_after=chance.choice((None, 0, 0.001)))
            if cooldowns.admit(provider, model).state == "probe":
                chance.choice((cooldowns.succeeded, cooldowns.abandoned))(provider, model)
            cooldowns.listed(provider)
            key = chance.choice((KEY, b"other"))
            learned.learn(provider, key, chance.choice(NAMES))
            if not learned.of(provider, key) <= set(NAMES):
                raise ValueError("learned what nobody taught")
            count[0] += 1

    chance = random.Random(7)  # noqa: S311 - no secret
    children = [fork(work) for _ in range(WORKERS)]
    statuses = []
    for _ in range(KILLS):
        before, deadline = count[0], time.monotonic() + 20
        while count[0] == before and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(chance.random() * 0.005)
        pid = children.pop(0)
        os.kill(pid, signal.SIGKILL)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        children.append(fork(work))
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    pairs = [(provider, model) for provider in providers for model in MODELS]
    cooling = [seconds for provider in providers for _, seconds in cooldowns.listed(provider)]
    for provider, model in pairs:
        cooldowns.failed(provider, model, base=30)
        cooldowns.succeeded(provider, model)
    learned.learn("provider-new", KEY, "top_p")
    seen = os.waitpid(fork(lambda: _check(learned.of("provider-new", KEY) == {"top_p"})), 0)[1] == 0
    return {
        "statuses": statuses,
        "cooling": cooling,
        "open": all(cooldowns.admit(*pair).state == "open" for pair in pairs),
        "active": cooldowns.active(),
        "learned": sorted({name for provider in providers for name in learned.of(provider, KEY)}),
        "seen": seen,
    }


def _check(holds: bool) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise ValueError("not seen")


if __name__ == "__main__":
    json.dump({"claim": claim, "kill": kill}[sys.argv[1]](), sys.stdout)
