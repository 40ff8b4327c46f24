"""The client as a person sees it: in a terminal, where it also asks for a title of the session."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from packy.demo import rule, text, when

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode

pytestmark = pytest.mark.e2e

_ROWS, _COLUMNS = 40, 120
# Escape sequences: what moves the cursor stands for a space, what colours a text for nothing.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m|\x1b\].*?(?:\x07|\x1b\\)|\x1b[()].")
_MOVE = re.compile(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b.|[\s\x00-\x1f]+")


class Terminal:
    """What a terminal has shown so far, and its keyboard.

    Args:
        descriptor: of the terminal's master side.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = b""

    @property
    def text(self) -> str:
        """Give everything that was ever shown, as words with one space between them."""
        shown = _COLOUR.sub("", self._shown.decode(errors="replace"))
        return re.sub(" +", " ", _MOVE.sub(" ", shown))

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def until(self, wanted: str, seconds: float = 30) -> None:
        """Read until a text has been shown."""
        deadline = time.monotonic() + seconds
        while wanted not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} was not shown within {seconds} s:\n{self.text[-3000:]}"
            if select.select([self._descriptor], [], [], min(left, 0.5))[0]:
                self._shown += os.read(self._descriptor, 65536)


@contextmanager
def _terminal(claude: ClaudeCode, *arguments: str) -> Iterator[Terminal]:
    """Start the client in a terminal, all its first questions answered beforehand."""
    trusted = {str(claude.folder): {"hasTrustDialogAccepted": True}}
    settings = {"hasCompletedOnboarding": True, "bypassPermissionsModeAccepted": True, "projects": trusted}
    (claude.home / ".claude.json").write_text(json.dumps(settings))
    (claude.home / ".claude").mkdir()
    (claude.home / ".claude" / "settings.json").write_text(json.dumps({"skipDangerousModePermissionPrompt": True}))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    process = subprocess.Popen(
        claude.command(*arguments),
        cwd=claude.folder,
        env={**claude.environ, "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(master)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        os.close(master)


def test_a_conversation_in_a_terminal_gets_an_answer_and_a_title(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    upstream.script(
        rule(text(json.dumps({"title": "Haiku about gateways"})), when=when(format="json_schema")),
        # In one piece: a screen that grows piece by piece is redrawn in pieces, and never shows the sentence as one.
        rule(text(f"Bytes cross {canary}."), chunk=1000),
    )

    with _terminal(claude, f"Write a haiku about gateways. {canary}") as terminal:
        terminal.until(f"Bytes cross {canary}.")
        assert upstream.wait(lambda it: it.hits == [1, 1])

    (title,) = [exchange.json for exchange in upstream.requests if exchange.rule == 0]
    assert title["text"]["format"]["schema"]["required"] == ["title"]
    assert not title.get("tools")


def test_looking_at_the_context_in_a_terminal_generates_nothing(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    with _terminal(claude) as terminal:
        terminal.until("/effort")  # stands below the prompt once it takes input
        terminal.type("/context")
        terminal.until("/context")
        terminal.type("\r")
        terminal.until("Autocompact buffer")

    assert upstream.requests == []
