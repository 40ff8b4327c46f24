"""Connections that a provider has given up without a word: the caller does not notice, however many there are."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import requests

from tests.faults.fault import ANSWER
from tests.faults.faulty_upstream import faulty_upstream, reset, sized
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    import socket
    from pathlib import Path

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
