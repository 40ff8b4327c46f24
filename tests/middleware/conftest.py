"""Fixtures: a snapshot from settings, a linted client, the log as parsed lines."""

from __future__ import annotations

import io
import logging
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import structlog
from gevent.hub import Hub
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import Client

from packy.config import ConfigSchema, Snapshot
from packy.telemetry import configure_logging
from packy.telemetry.stdlib import StandardLoggingHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed.wsgi import WSGIApplication
    from werkzeug.test import TestResponse


@pytest.fixture
def snapshot() -> Callable[..., Snapshot]:
    """Settings as in config.yaml → the snapshot."""

    def build(settings: dict[str, Any] | None = None) -> Snapshot:
        loaded = ConfigSchema().load(settings or {})
        assert isinstance(loaded, Snapshot)
        return loaded

    return build


@pytest.fixture
def send() -> Callable[..., TestResponse]:
    """Send one request to an application, linted from outside; keywords are werkzeug's (path, method, data, …)."""

    def request(app: WSGIApplication, path: str = "/v1/messages", **options: Any) -> TestResponse:
        client = Client(app if options.get("method") == "HEAD" else LintMiddleware(app))
        return client.open(path, buffered=True, **options)

    return request


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Log as JSON at level debug; the fixture gives the lines written so far. All global state is put back."""
    for owner, name in (
        (sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook"), (warnings, "showwarning"),
        (Hub, "print_exception"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, getattr(owner, name))
    level, config, stream = logging.root.level, structlog.get_config(), io.BytesIO()
    configure_logging("json", "debug", stream)
    yield lambda: [orjson.loads(line) for line in stream.getvalue().splitlines()]
    structlog.configure(**config)
    logging.root.setLevel(level)
    for handler in logging.root.handlers[:]:
        if isinstance(handler, StandardLoggingHandler):
            logging.root.removeHandler(handler)
