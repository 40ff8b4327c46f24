"""The management API for tests: the whole application in this process, over a configuration file of its own."""

from __future__ import annotations

import os
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import orjson
import yaml
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import Client

from packy.config import SnapshotStore, load_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SECRET = "management-key-0123456789"
KEY = "sk-0123456789-0123456789-abcd"
URL = "https://a.example/v1"
PATH = "/v0/management"


def config(packycode: str = "", extra: str = "") -> str:
    """Give a config.yaml with a management key."""
    return f"# ours\nremote-management: {{secret-key: {SECRET}}}\n{dedent(packycode)}{dedent(extra)}"


ENABLED = f"""\
packycode:
  enabled: true  # on
  # the upstream
  base-url: {URL}
  credentials:
    openai-api-key: {KEY}
"""
WRITTEN = {"enabled": True, "base-url": URL, "credentials": {"openai-api-key": KEY}}


class Api:
    """The application over `folder/config.yaml`; nothing of this machine's own configuration counts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, environ: dict[str, str]) -> None:
        for name in list(os.environ):
            if name.startswith(("PACKY", "CODEX_")):
                monkeypatch.delenv(name)
        home = folder / "home"
        home.mkdir()
        self.file = folder / "config.yaml"
        self.file.write_text(text)
        for name, value in {"HOME": str(home), "PACKY_CONFIG": str(self.file), **environ}.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("wsgi", None)
        from wsgi import create_application  # noqa: PLC0415 - it loads the configuration when it is imported

        self.store = SnapshotStore(load_snapshot(), load_snapshot)
        self.application = create_application(self.store)

    def send(self, method: str, path: str = "/packycode", body: Any = None, **options: Any) -> Any:
        """Send a request with the management key, linted; a body that is no bytes goes as JSON."""
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"X-Management-Key": SECRET, "Content-Type": "application/json", **options.pop("headers", {})}
        options.setdefault("environ_overrides", {"REMOTE_ADDR": "127.0.0.1"})
        client = Client(self.application if method == "HEAD" else LintMiddleware(self.application))
        given = {name: value for name, value in headers.items() if value is not None}
        return client.open(f"{PATH}{path}", method=method, headers=given, buffered=True, **options)

    def get(self, path: str = "/packycode") -> Any:
        """Get a document."""
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.data
        return answer.json

    @property
    def block(self) -> Any:
        """What config.yaml says under `packycode`."""
        return yaml.safe_load(self.file.read_text()).get("packycode")
