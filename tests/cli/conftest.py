"""Fixtures: the `packy` command as a person runs it, in a folder and an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import psutil
import pytest

from tests.support.gateway import clean_environment

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

PACKY = str(Path(sys.executable).with_name("packy"))
# Marks each process that a test starts, and those that they start in turn.
MARK = "PYTEST_STARTED_BY"


class Packy(Protocol):
    """Runs `packy`, or another command, to its end."""

    def __call__(
        self, *args: str, command: Sequence[str] = (PACKY,), **environ: str
    ) -> subprocess.CompletedProcess[str]: ...


class Running:
    """A command that runs on."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def text(self) -> str:
        """What it has written to stdout and stderr."""
        return self._output.read_text()

    def until(self, holds: Callable[[str], Any], seconds: float = 30) -> Any:
        """Wait until a condition on its output holds; give what the condition gave."""
        deadline = time.monotonic() + seconds
        while not (found := holds(self.text)):
            assert self.process.poll() is None, f"it has ended:\n{self.text}"
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.text}"
            time.sleep(0.02)
        return found

    def end(self, number: signal.Signals) -> int:
        """Send a signal; give the exit status."""
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment without settings, and with a mark of this test."""
    return {**clean_environment(tmp_path), MARK: uuid4().hex}


@pytest.fixture
def packy(environment: dict[str, str], tmp_path: Path) -> Packy:
    def run(*args: str, command: Sequence[str] = (PACKY,), **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *args],
            cwd=tmp_path,
            env={**environment, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Callable[..., AbstractContextManager[Running]]:
    """Start `packy` and let it run; it is killed at the end if it has not ended by then."""

    @contextmanager
    def running(*args: str, **environ: str) -> Iterator[Running]:
        output = tmp_path / f"{args[0]}.output"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [PACKY, *args], cwd=tmp_path, env={**environment, **environ}, stdout=file, stderr=file
            )
        try:
            yield Running(process, output)
        finally:
            process.kill()
            process.wait()

    return running


@pytest.fixture
def left_over(environment: dict[str, str]) -> Callable[[], list[str]]:
    """Command lines of the processes started by this test that still run."""

    def look() -> list[str]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == environment[MARK] and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
        return found

    return look
