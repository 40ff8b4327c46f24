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

from packy.telemetry import configure_logging
from packy.telemetry.stdlib import StandardLoggingHandler
from tests.management.api import ENABLED, Api, config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def make_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    """Text of config.yaml and variables → the API."""

    def make(text: str | None = None, **environ: str) -> Api:
        return Api(tmp_path, monkeypatch, config(ENABLED) if text is None else text, environ)

    return make


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    """The API of a gateway with Packycode enabled in config.yaml."""
    return make_api()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Log as JSON; the fixture gives the lines written so far, of one event if asked. All is put back at the end."""
    for owner, name in (
        (sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook"), (warnings, "showwarning"),
        (Hub, "print_exception"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, getattr(owner, name))
    level, settings, stream = logging.root.level, structlog.get_config(), io.BytesIO()
    configure_logging("json", "debug", stream)

    def written(event: str | None = None) -> list[dict[str, Any]]:
        found = [orjson.loads(line) for line in stream.getvalue().splitlines()]
        return [line for line in found if event is None or line["event"] == event]

    yield written
    structlog.configure(**settings)
    logging.root.setLevel(level)
    for handler in logging.root.handlers[:]:
        if isinstance(handler, StandardLoggingHandler):
            logging.root.removeHandler(handler)
