"""The processes of a measurement: started on the cores they are meant for, ended by their ids whatever happens."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import orjson

from bench import proc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["ROOT", "BenchError", "Child", "Cores", "Tool", "until"]

ROOT = Path(__file__).resolve().parent.parent
_PATIENCE = 90.0

Found = TypeVar("Found")


class BenchError(Exception):
    """A measurement cannot be made; the text says why."""


class Cores:
    """Which cores the processes run on: one is for what is measured, the others are for the load.

    Attributes:
        measured: the core of nginx or packy.
        load: those of upstream and clients.
    """

    def __init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0))
        self.measured = {cores[0]}
        self.load = set(cores[1:]) or self.measured

    @staticmethod
    @contextmanager
    def on(cores: set[int]) -> Iterator[None]:
        """Let what is started within run on these cores."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


class Child:
    """A process of ours; a context manager that ends it.

    Args:
        command: program and arguments.
        log: file for its stderr, and for its stdout unless that is piped.
        cores: where it may run.
        piped: talk to it over stdin and stdout.
        cwd: its working directory.
        env: its environment.

    Attributes:
        ending: the signal that ends it.
    """

    ending = signal.SIGTERM

    def __init__(  # noqa: PLR0913 - what a process has
        self,
        command: Sequence[str],
        log: Path,
        cores: set[int],
        *,
        piped: bool = False,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        self._log = log
        # Should this process be killed, the kernel ends that one.
        setpriv = shutil.which("setpriv")
        guarded = [setpriv, "--pdeathsig", "TERM", *command] if setpriv else list(command)
        pipe = subprocess.PIPE if piped else None
        with log.open("ab") as output, Cores.on(cores):
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                guarded,
                cwd=cwd,
                env=env,
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or output,
                stderr=output,
                # Ctrl-C is for us alone: we end the others in order.
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Give its process id."""
        return self.process.pid

    @property
    def log(self) -> str:
        """Give what it has written so far."""
        return self._log.read_text("utf-8", "replace")

    @property
    def running(self) -> bool:
        """Tell whether it is."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End it, and its children with it."""
        descendants = proc.children(self.pid) if self.running else []
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if self.running:
            self.process.send_signal(self.ending)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        for pid in descendants:
            if (Path("/proc") / str(pid)).exists():
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)


class Tool(Child):
    """One of our own load processes, which answers commands with lines of JSON.

    Args:
        arguments: `bench.upstream` or `bench.client`, and its arguments.
        log: file for its stderr.
        cores: where it may run.
    """

    def __init__(self, arguments: Sequence[str], log: Path, cores: set[int]) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        super().__init__([sys.executable, "-P", "-m", *arguments], log, cores, piped=True, env=env)

    def tell(self, command: str) -> None:
        """Send a command, and go on."""
        target = self.process.stdin
        assert target is not None  # noqa: S101 - it is piped
        try:
            target.write(f"{command}\n".encode())
            target.flush()
        except OSError:
            raise BenchError(f"the load process ended: {self.log[-2000:]}") from None

    def ask(self, command: str = "", seconds: float = _PATIENCE) -> dict[str, Any]:
        """Send a command, and wait for its answer.

        Args:
            command: nothing waits for what it says by itself.
            seconds: to wait at most.

        Raises:
            BenchError: it has ended, or does not answer.
        """
        source = self.process.stdout
        assert source is not None  # noqa: S101 - it is piped
        if command:
            self.tell(command)
        if not select.select([source], [], [], seconds)[0]:
            raise BenchError(f"the load process did not answer within {seconds:.0f} s")
        line = source.readline()
        if not line:
            raise BenchError(f"the load process ended: {self.log[-2000:]}")
        document: dict[str, Any] = orjson.loads(line)
        return document


def until(holds: Callable[[], Found], what: str, seconds: float = 30.0, pause: float = 0.01) -> Found:
    """Wait until something holds.

    Args:
        holds: asked again and again until it gives something true.
        what: it is, for the error.
        seconds: to wait at most.
        pause: seconds between two looks.

    Returns:
        What `holds` gave.

    Raises:
        BenchError: it does not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
    return found
