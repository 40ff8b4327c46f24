"""Connections that a provider has given up without a word: the caller does not notice, however many there are."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.faults.fault import ANSWER
from tests.faults.faulty_upstream import faulty_upstream, keep, reset, say, sized
from tests.support.gateway import Gateway, config_for
from tests.support.small_request import small_request

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from tests.faults.faulty_upstream import Play

KEPT = 5


class Forgetful:
    """Answers so many requests side by side, each over a connection of its own; later ones there it only closes."""

    def __init__(self, *, resets: bool) -> None:
        self.stale = 0
        self._together = threading.Barrier(KEPT, timeout=60)
        self._known = list["socket.socket"]()
        self._resets = resets

    def __call__(self, connection: socket.socket) -> bool:
        if connection in self._known:
            self.stale += 1
            return reset(connection) if self._resets else False
        if len(self._known) < KEPT:
            self._together.wait()
            self._known.append(connection)
        connection.sendall(sized(ANSWER))
        return True


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_connections_that_have_gone_stale_cost_one_try_and_not_the_request(tmp_path: Path, *, resets: bool) -> None:
    provider = Forgetful(resets=resets)
    with ExitStack() as stack:
        upstream = stack.enter_context(faulty_upstream(lambda _name, _body: provider))
        gateway = stack.enter_context(Gateway(tmp_path, config_for(upstream.url("forgetful"))))

        def ask(_: int) -> int:
            question = {"model": "gpt-5", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi."}]}
            url = f"{gateway.url}/v1/messages"
            return requests.post(url, json=question, headers=gateway.headers, timeout=60).status_code

        with ThreadPoolExecutor(KEPT) as pool:
            assert set(pool.map(ask, range(KEPT))) == {200}
        gateway.until(lambda _: len(gateway.requests()) == KEPT)

        assert ask(0) == 200
        gateway.until(lambda _: len(gateway.requests()) == KEPT + 1)
        assert gateway.requests()[-1]["retries"] == 1

    assert provider.stale == 1


def test_the_kernel_watches_over_idle_providers(tmp_path: Path) -> None:
    """So that a NAT in between does not forget them, and those that are gone are not asked."""
    with ExitStack() as stack:
        upstream = stack.enter_context(faulty_upstream(lambda _name, _body: say(sized(ANSWER), then=keep)))
        gateway = stack.enter_context(Gateway(tmp_path, config_for(upstream.url("kept"))))

        assert ask(gateway).status_code == 200
        with open("/proc/net/tcp", encoding="ascii") as table:  # noqa: PTH123 - no file to have a path to
            rows = [line.split() for line in table][1:]

    (timer,) = [row[5] for row in rows if row[2].endswith(f":{upstream.port:04X}") and row[3] == "01"]
    assert timer.startswith("02:"), "proc(5): a keepalive timer is pending"


@pytest.mark.long
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_connection_whose_other_end_has_gone_without_a_word_costs_seconds(tmp_path: Path, *, stream: bool) -> None:
    """As after a laptop has slept: what is sent arrives nowhere, and nothing says so."""
    over = threading.Event()
    plays: list[Play] = [say(sized(ANSWER), then=lambda _: over.wait(120)), say(sized(ANSWER))]
    with ExitStack() as stack:
        upstream = stack.enter_context(faulty_upstream(lambda _name, _body: plays.pop(0)))
        stack.callback(over.set)
        gateway = stack.enter_context(Gateway(tmp_path, config_for(upstream.url("asleep"))))
        assert ask(gateway).status_code == 200
        began = time.monotonic()

        # More than the kernels take without the other end.
        answer = ask(gateway, messages=[{"role": "user", "content": "x" * (24 << 20)}], stream=stream)

        assert answer.status_code == 200
        assert time.monotonic() - began < 60
        gateway.until(lambda _: len(gateway.requests()) == 2)
        assert gateway.requests()[-1]["retries"] == 1
        assert "failure" not in gateway.requests()[-1]


def ask(gateway: Gateway, **fields: Any) -> requests.Response:
    url = f"{gateway.url}/v1/messages"
    return requests.post(url, json=small_request(**fields), headers=gateway.headers, timeout=120)
