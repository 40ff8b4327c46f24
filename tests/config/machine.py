"""What the tests of the configuration share: a machine to start packy on, and rules with their repairs."""

from __future__ import annotations

import json
import re
from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

import pytest

from packy.config import ConfigError, load_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packy.config import Problem, Snapshot

KEY = "sk-0123456789"


class Machine:
    """A home folder, a config.yaml, an environment and the Codex CLI's files: all that load_snapshot looks at.

    Nothing of the machine that runs the tests is among it.
    """

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.home.mkdir()
        self.config = root / "config.yaml"
        self.config.touch(0o600)
        self.environ: dict[str, str] = {}

    def write(self, text: str | bytes) -> None:
        self.config.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())

    def codex(self, config: str | bytes | None = None, auth: object = None) -> None:
        folder = self.home / ".codex"
        folder.mkdir(exist_ok=True)
        if config is not None:
            (folder / "config.toml").write_bytes(config if isinstance(config, bytes) else dedent(config).encode())
        if auth is not None:
            (folder / "auth.json").write_text(auth if isinstance(auth, str) else json.dumps(auth))

    def load(self, text: str | bytes | None = None, environ: Mapping[str, str] | None = None) -> Snapshot:
        """Load config.yaml, which is empty at first."""
        if text is not None:
            self.write(text)
        self.environ.update(environ or {})
        return load_snapshot(self.config, self.environ, self.home)

    def problems(
        self, text: str | bytes | None = None, environ: Mapping[str, str] | None = None
    ) -> tuple[Problem, ...]:
        """Load what cannot be loaded."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, environ)
        assert caught.value.problems
        return caught.value.problems

    def problem(self, text: str | bytes | None = None, environ: Mapping[str, str] | None = None) -> Problem:
        """The same, where exactly one thing is wrong."""
        (problem,) = self.problems(text, environ)
        return problem


class Rule(NamedTuple):
    """A rule of config.yaml and what happens when it is broken.

    `words` and `fix` are in the problem and its repair; `repaired` is the file after it.
    """

    name: str
    file: str
    field: str
    words: str
    fix: str
    repaired: str


def check_rule(machine: Machine, rule: Rule) -> None:
    """Break a rule, read the problem, follow the repair. Where that says what to write, just that is written."""
    problem = machine.problem(rule.file)
    assert problem.field == rule.field
    assert rule.words in problem.problem
    assert rule.fix in problem.fix
    assert problem.source == str(machine.config)
    assert problem.line is not None
    assert problem.column is not None
    if problem.fix.startswith("write `"):
        assert any(snippet in rule.repaired for snippet in re.findall("`(.+?)`", problem.fix))
    machine.load(rule.repaired)
