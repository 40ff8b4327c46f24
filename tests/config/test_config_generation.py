"""A number that all workers share."""

from __future__ import annotations

import os
import signal
import threading
import time

from packy.config.generation import Generation
from packy.shared import SharedMemory


def _in_children(count: int, work: object) -> None:
    children = []
    for _ in range(count):
        pid = os.fork()
        if not pid:
            try:
                work()  # type: ignore[operator]
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


def test_every_process_counts_the_same_number() -> None:
    generation = Generation()
    _in_children(4, lambda: [generation.bump() for _ in range(500)])
    assert generation.value == 2000


def test_threads_of_one_process_count_the_same_number() -> None:
    generation = Generation()
    threads = [threading.Thread(target=lambda: [generation.bump() for _ in range(500)]) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert generation.value == 2000


def test_two_generations_know_nothing_of_each_other() -> None:
    first, second = Generation(), Generation()
    first.bump()
    assert (first.value, second.value) == (1, 0)


def test_a_process_that_is_killed_lets_go_of_the_lock() -> None:
    memory = SharedMemory(8)
    pid = os.fork()
    if not pid:
        with memory.locked() as view:
            view[0] = 1
            time.sleep(60)
        os._exit(0)
    deadline = time.monotonic() + 10
    while not memory.view[0] and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with memory.locked() as view:
        assert view[0] == 1
