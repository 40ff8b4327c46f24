"""A real gateway for tests: gunicorn with gevent workers, as `packy serve` starts it, its log kept as parsed lines."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING, Any, Self

import orjson
import psutil

from packy.launch import gunicorn_command

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from signal import Signals

ROOT = Path(__file__).resolve().parents[2]
CLIENT_KEY = "test-client-key"
# A busy machine takes long to load it all.
_START = 90.0

_OWN_VARIABLES = ("XDG_", "PROMETHEUS_", "PACKY_", "PACKYCODE_", "CODEX_", "ANTHROPIC_", "CLAUDE_", "OPENAI_", "CI_")
# With one of these Claude Code's terminal stands still: it takes its screen for a build's log.
_BUILD_VARIABLES = {"CI", "CONTINUOUS_INTEGRATION"}


def clean_environment(home: Path) -> dict[str, str]:
    """Give an environment without any setting that packy, Codex or Claude Code would read."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(_OWN_VARIABLES) and key not in _BUILD_VARIABLES
    }
    return {**kept, "HOME": str(home)}


def config_for(upstream_url: str, extra: str = "") -> str:
    """Give a config.yaml with Packycode at an upstream, and one client key."""
    return (
        f"client-keys: [{{label: tests, key: {CLIENT_KEY}}}]\n"
        f"packycode: {{enabled: true, base-url: {upstream_url}, credentials: {{openai-api-key: sk-upstream-key}}}}\n"
        f"{extra}"
    )


class Gateway:
    """A running gateway.

    Args:
        folder: empty folder for its config.yaml and log; also its working directory and HOME.
        config: text of config.yaml; None for no file.
        workers: number of worker processes.
        environ: variables beside a clean environment.
        settings: folder of its gunicorn.conf.py.
        prefix: a command that runs the rest of its line otherwise than as this user does.
    """

    def __init__(
        self,
        folder: Path,
        config: str | None,
        *,
        workers: int = 1,
        environ: dict[str, str] | None = None,
        settings: Path = ROOT,
        prefix: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if config is not None:
            path = folder / "config.yaml"
            path.touch(0o600)
            path.write_text(config)
        self._output = folder / "gateway.log"
        variables = {**clean_environment(folder), "PACKY_PORT": "0", "PACKY_WORKERS": str(workers), **(environ or {})}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*prefix, *gunicorn_command(settings)], cwd=folder, env=variables, stdout=output, stderr=output
            )
        self._workers = workers
        self.url = ""

    def __enter__(self) -> Self:
        try:
            found = self.until(lambda text: re.search(r"Listening at: (http://[0-9.:]+)", text), _START)
            self.url = found[1]
            self.until(lambda text: text.count("Booting worker") >= self._workers, _START)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def signal(self, number: Signals) -> None:
        """Send a signal to its main process."""
        self.process.send_signal(number)

    def stop(self, number: Signals = SIGTERM) -> int:
        """End it; give its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    @property
    def headers(self) -> dict[str, str]:
        """Give the headers of a client that may come in."""
        return {"x-api-key": CLIENT_KEY, "anthropic-version": "2023-06-01"}

    @property
    def text(self) -> str:
        """Give all that it has written to stdout and stderr."""
        return self._output.read_bytes().decode("utf-8", "replace")

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """Give its log lines that are whole; those of one event only, if asked."""
        # The last line may still be being written.
        whole, _, _ = self.text.rpartition("\n")
        lines = [orjson.loads(line) for line in whole.split("\n") if line.startswith("{")]
        return [line for line in lines if event is None or line.get("event") == event]

    def requests(self, route: str = "/v1/messages") -> list[dict[str, Any]]:
        """Give the `request` lines of one route."""
        return [line for line in self.lines("request") if line["route"] == route]

    def worker_pids(self) -> list[int]:
        """Give the process ids of its workers."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def until(self, holds: Callable[[str], Any], seconds: float = 20) -> Any:
        """Wait until a condition on its output holds; give what the condition gave."""
        deadline = time.monotonic() + seconds
        while not (found := holds(self.text)):
            assert self.process.poll() is None, f"the gateway has ended:\n{self.text}"
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.text}"
            time.sleep(0.02)
        return found
