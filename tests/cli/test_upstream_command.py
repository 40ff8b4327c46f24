"""`packy upstream`: the demo upstream alone."""

from __future__ import annotations

import re
import signal
import socket
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.cli.conftest import Packy, Running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_stopped(
    start: Callable[..., AbstractContextManager[Running]], left_over: Callable[[], list[str]], number: signal.Signals
) -> None:
    with start("upstream", "--rate", "500") as upstream:
        url = upstream.until(lambda text: re.search(r"demo upstream at (\S+)\n", text))[1]
        answer = requests.post(
            f"{url}/responses",
            json={"model": "gpt-5", "input": "Hi.", "store": False, "stream": True},
            headers={"authorization": "Bearer any"},
            timeout=10,
        )

        assert "event: response.completed\n" in answer.text
        assert upstream.end(number) == 0
        assert left_over() == []


def test_a_port_in_use_is_an_error_without_a_traceback(packy: Packy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = packy("upstream", "--port", port)

    assert result.returncode == 1
    assert port in result.stderr
    assert "Traceback" not in result.stderr
