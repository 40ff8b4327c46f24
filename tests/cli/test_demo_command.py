"""`packy demo`: what a newcomer runs first."""

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
    from pathlib import Path

    from tests.cli.conftest import Packy, Running


def test_once_shows_an_answer_and_leaves_nothing_running(
    packy: Packy, tmp_path: Path, left_over: Callable[[], list[str]]
) -> None:
    # None of the person's own settings counts, not even broken ones.
    (tmp_path / "config.yaml").write_text("packycode: [broken\n")
    settings = {"PACKYCODE_BASE_URL": "not a url", "PACKYCODE_API_KEY": "mine", "PACKY_WORKERS": "many"}

    result = packy("demo", "--once", **settings)

    assert result.returncode == 0, result.stderr
    assert "[thinking]" in result.stdout
    assert "Hello! This is packy's demo upstream, not a model." in result.stdout
    assert "[end_turn]" in result.stdout
    assert result.stderr == ""
    assert left_over() == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml"]


def test_a_port_in_use_is_told_with_another_one(packy: Packy, left_over: Callable[[], list[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = packy("demo", "--once", "--port", str(port))

    assert result.returncode == 1
    assert result.stderr == f"packy: port {port} is in use. Choose another one: ./run demo --port {port + 1}\n"
    assert left_over() == []


def test_it_serves_until_it_is_stopped(
    start: Callable[..., AbstractContextManager[Running]], left_over: Callable[[], list[str]]
) -> None:
    with start("demo", "--port", "0") as demo:
        url = demo.until(lambda text: re.search(r"export ANTHROPIC_BASE_URL=(\S+)\n(?s:.*)Ctrl-C stops", text))[1]
        assert requests.head(url, timeout=5).ok

        assert demo.end(signal.SIGINT) == 0
        assert left_over() == []
        assert demo.text.endswith("packy: demo stopped.\n")


@pytest.mark.parametrize("processes", [2, 3])
def test_it_can_be_stopped_while_it_starts(
    start: Callable[..., AbstractContextManager[Running]], left_over: Callable[[], list[str]], processes: int
) -> None:
    with start("demo", "--port", "0") as demo:
        demo.until(lambda _: len(left_over()) >= processes)

        assert demo.end(signal.SIGTERM) == 0
        assert left_over() == []
