"""Fixtures: a snapshot from settings, a linted client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import Client

from packy.config import ConfigSchema, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

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
