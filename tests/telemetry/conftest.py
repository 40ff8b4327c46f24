"""A real gunicorn whose output is kept."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent


class Gunicorn:
    """gunicorn with one gevent worker and packy's logger; its output goes to a file."""

    def __init__(self, app: str, output: Path, *options: str) -> None:
        self.output = output
        command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-k", "gevent", "--no-control-socket"]
        command += ["--logger-class", "packy.telemetry.gunicorn_logger.GunicornLogger", "--log-level", "debug"]
        with output.open("wb") as file:
            # From a folder without a gunicorn.conf.py, which would be read unasked.
            self.process = subprocess.Popen([*command, *options, app], stdout=file, stderr=file, cwd=HERE)

    def text(self) -> str:
        return self.output.read_text()

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.text().splitlines()]

    def messages(self) -> str:
        return "\n".join(str(line.get("message", "")) for line in self.lines())

    def until(self, pattern: str, seconds: float = 20) -> re.Match[str]:
        """Wait for the output to match."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text())):
            assert time.monotonic() < deadline, f"no {pattern} in:\n{self.text()}"
            time.sleep(0.02)
        return found

    def port(self) -> int:
        return int(self.until(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(10)
        os.kill(self.process.pid, signal.SIGKILL)
        return self.process.wait(10)


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    started: list[Gunicorn] = []

    def start(app: str, *options: str) -> Gunicorn:
        started.append(Gunicorn(app, tmp_path / f"gunicorn-{len(started)}.log", *options))
        return started[-1]

    yield start
    for each in started:
        each.stop()
