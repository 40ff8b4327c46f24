"""The real Claude Code client for tests: installed by npm into the checkout, run in a home and a folder of its own."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from packy.launch import claude_environment
from tests.support.gateway import CLIENT_KEY, ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Json = dict[str, Any]

VERSION = "2.1.197"
"""The version whose behaviour the tests state; PACKY_TEST_CLAUDE_CODE_VERSION names another one to try."""

MODEL = "gpt-5"

_PACKAGE = "@anthropic-ai/claude-code"
_PROGRAM = "node_modules/.bin/claude"
_INSTALL_SECONDS = 600
# A client or a proxy around the tests must not reach into them.
_FOREIGN = re.compile(r"CLAUDECODE|(https?|all|no)_proxy", re.IGNORECASE)


def install(say: Callable[[str], None]) -> Path:
    """Give the path of the client's program; install it unless that version is there.

    Args:
        say: shows one line to whoever runs the tests.
    """
    version = os.environ.get("PACKY_TEST_CLAUDE_CODE_VERSION") or VERSION
    shelf = ROOT / ".client"
    folder = shelf / version
    shelf.mkdir(exist_ok=True)
    with _locked(shelf / ".lock"):
        if not (folder / _PROGRAM).exists():
            npm = shutil.which("npm")
            if npm is None:
                pytest.skip(
                    "THE CLAUDE CODE TESTS DID NOT RUN: npm is not on PATH. "
                    "Install Node.js 18 or newer, which brings npm (https://nodejs.org), and run the tests again."
                )
            say(f"installing {_PACKAGE}@{version} with npm into {folder.relative_to(ROOT)}, once (about 240 MB)")
            _install(npm, version, folder)
    return folder / _PROGRAM


def _install(npm: str, version: str, folder: Path) -> None:
    """Install beside the folder, and move it there once the program has been seen to run."""
    with TemporaryDirectory(prefix="installing-", dir=folder.parent) as scratch:
        command = [npm, "install", "--prefix", scratch, "--no-audit", "--no-fund", f"{_PACKAGE}@{version}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        assert done.returncode == 0, f"npm could not install {_PACKAGE}@{version}:\n{done.stderr}"
        command = [f"{scratch}/{_PROGRAM}", "--version"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        assert shown.stdout.startswith(f"{version} "), f"asked npm for {version}; the program says {shown.stdout!r}"
        folder.mkdir(exist_ok=True)
        shutil.move(f"{scratch}/node_modules", folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Run:
    """One finished run of the client.

    Attributes:
        status: its exit status.
        events: what it wrote to stdout, line by line.
        errors: what it wrote to stderr.
    """

    status: int
    events: list[Json] = field(repr=False)
    errors: str

    @property
    def result(self) -> Json:
        """Give the event that says how the run ended."""
        assert self.events, f"exit status {self.status} and no output: {self.errors}"
        assert self.events[-1]["type"] == "result"
        return self.events[-1]

    @property
    def answer(self) -> str:
        """Give what the client presents as the model's answer, or as the error."""
        return str(self.result["result"])

    @property
    def succeeded(self) -> bool:
        """Whether it calls itself a success."""
        return self.status == 0 and not self.result["is_error"]

    def blocks(self, kind: str) -> list[Json]:
        """Give the content blocks of one type, of all its messages in order."""
        messages = [event["message"] for event in self.events if event["type"] in ("assistant", "user")]
        return [block for message in messages for block in message["content"] if block["type"] == kind]


class ClaudeCode:
    """A client on its own, as on a machine where nothing else was ever done with it.

    Args:
        program: from `install`.
        folder: empty folder for its home and its git repository.
        base_url: the gateway's.
        canary: a word that `ask` puts at the end of every prompt.

    Attributes:
        home: its HOME.
        folder: where it works: an empty git repository.
        environ: its environment variables.
        canary: as given.
    """

    def __init__(self, program: Path, folder: Path, base_url: str, canary: str) -> None:
        self.home = folder / "home"
        self.folder = folder / "repository"
        self.home.mkdir(parents=True)
        self.environ = {
            **{name: value for name, value in clean_environment(self.home).items() if not _FOREIGN.fullmatch(name)},
            **claude_environment(base_url, CLIENT_KEY, MODEL),
            "IS_SANDBOX": "1",  # lets root run it with --dangerously-skip-permissions
            "ENABLE_TOOL_SEARCH": "false",  # newer versions would hide most tools behind a search
        }
        self._program = program
        self.canary = canary
        subprocess.run(["git", "init", "--quiet", str(self.folder)], check=True, env=self.environ)

    def command(self, *arguments: str) -> list[str]:
        """Give the command line that starts it with every tool allowed."""
        return [str(self._program), "--dangerously-skip-permissions", *arguments]

    def ask(self, prompt: str, *options: str, seconds: float = 60) -> Run:
        """Give it one prompt, with the canary at its end, and wait for the answer.

        Args:
            prompt: what the user types.
            options: further options of its command line.
            seconds: how long it may take.
        """
        return self.run(f"{prompt} {self.canary}", *options, seconds=seconds)

    def run(self, prompt: str, *options: str, seconds: float = 60) -> Run:
        """Give it one prompt as it stands, such as a slash command; see `ask`."""
        command = self.command("-p", prompt, "--output-format", "stream-json", "--verbose", *options)
        status, output, errors = finish(command, self.folder, self.environ, seconds)
        return Run(status, [orjson.loads(line) for line in output.splitlines()], errors)


def finish(command: list[str], folder: Path, environ: dict[str, str], seconds: float) -> tuple[int, str, str]:
    """Run a program to its end, without any input.

    Args:
        command: program and arguments.
        folder: its working directory.
        environ: its environment variables.
        seconds: after which it and all that it started are killed.

    Returns:
        Its exit status, and what it wrote to stdout and stderr.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            pytest.fail(f"not done within {seconds} s; stdout so far:\n{output[-4000:]}\nstderr:\n{errors}")
    return process.returncode, output, errors
