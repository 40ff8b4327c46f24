"""A desk to run the `packy` command at: a folder, a home, an environment, and nothing of the machine's own.

All keys that are used at it contain CANARY, and no command may ever print that.
"""

from __future__ import annotations

import json
import os
from textwrap import dedent
from typing import TYPE_CHECKING

from click.testing import CliRunner

from packy.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from click.testing import Result

CANARY = "canary"
KEY = f"sk-{CANARY}-0123456789"
_FOREIGN = ("PACKY", "CODEX", "HTTP", "ALL_PROXY", "NO_PROXY")


class Desk:
    """Where commands run.

    Attributes:
        folder: the working folder.
        config: config.yaml in it.
        codex_home: `.codex` in the home folder, which does not exist at first.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "desk"
        self.folder.mkdir()
        self.config = self.folder / "config.yaml"
        self.codex_home = self.folder / "home" / ".codex"
        for name in [name for name in os.environ if name.upper().startswith(_FOREIGN)]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(self.codex_home.parent))
        monkeypatch.chdir(self.folder)

    def write(self, text: str) -> None:
        self.config.write_text(dedent(text))
        self.config.chmod(0o600)

    def codex(self, config: str | None = None, auth: object = None) -> None:
        self.codex_home.mkdir(parents=True, exist_ok=True)
        if config is not None:
            (self.codex_home / "config.toml").write_text(dedent(config))
        if auth is not None:
            (self.codex_home / "auth.json").write_text(json.dumps(auth))

    def packy(self, *args: str, stdin: str | bytes | None = None, **environ: str) -> Result:
        """Run a command; it may end as it likes, but not crash, nor show a key."""
        result = CliRunner().invoke(main, args, input=stdin, env=environ)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert CANARY not in result.output
        return result
