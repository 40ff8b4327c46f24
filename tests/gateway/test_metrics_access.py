"""Who may read /metrics: programs on this machine that ask directly, and whoever has the management key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import Client

from tests.management.api import Api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]

CLIENT, SECRET = "client-key-0123", "management-key-0123"
LOCAL, REMOTE = {"REMOTE_ADDR": "127.0.0.1"}, {"REMOTE_ADDR": "192.0.2.1"}
ON = f"client-keys: [{CLIENT}]\nremote-management: {{secret-key: {SECRET}}}\n"
OPEN = f"client-keys: [{CLIENT}]\nremote-management: {{secret-key: {SECRET}, allow-remote: true}}\n"
OFF = f"client-keys: [{CLIENT}]\n"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Configuration, origin, headers → the answer to GET /metrics."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

    def get(config: str, origin: dict[str, str], headers: dict[str, str], **options: Any) -> Any:
        api = Api(tmp_path, monkeypatch, config, {})
        host = {"HTTP_HOST": "localhost"}
        client = Client(LintMiddleware(api.application))
        arguments: dict[str, Any] = {"method": "GET", "path": "/metrics", **options}
        return client.open(headers=headers, environ_overrides={**host, **origin}, **arguments)

    return get


@pytest.mark.parametrize(
    ("config", "origin", "headers", "status"),
    [
        pytest.param(ON, LOCAL, {}, 200, id="local, no key"),
        pytest.param(OFF, LOCAL, {}, 200, id="local, no management key configured"),
        pytest.param("", LOCAL, {}, 200, id="local, nothing configured"),
        pytest.param(ON, {**LOCAL, "HTTP_HOST": "[::1]:8317"}, {}, 200, id="local, by address"),
        pytest.param(ON, {"REMOTE_ADDR": "", "HTTP_HOST": "localhost"}, {}, 200, id="local, unix socket"),
        pytest.param(OPEN, REMOTE, {"X-Management-Key": SECRET}, 200, id="remote, management key"),
        pytest.param(OPEN, REMOTE, {"Authorization": f"Bearer {SECRET}"}, 200, id="remote, key as bearer"),
        pytest.param(OPEN, LOCAL, {"X-Forwarded-For": "192.0.2.1", "X-Management-Key": SECRET}, 200, id="proxied, key"),
        pytest.param(OPEN, REMOTE, {}, 401, id="remote, no key"),
        pytest.param(OPEN, REMOTE, {"X-Management-Key": "wrong"}, 401, id="remote, wrong key"),
        pytest.param(OPEN, REMOTE, {"X-Api-Key": CLIENT}, 401, id="remote, client key"),
        pytest.param(OPEN, REMOTE, {"Authorization": f"Bearer {CLIENT}"}, 401, id="remote, client key as bearer"),
        pytest.param(ON, REMOTE, {"X-Management-Key": SECRET}, 403, id="remote, key, but remote is off"),
        pytest.param(OFF, REMOTE, {"X-Api-Key": CLIENT}, 403, id="remote, no management key configured"),
        pytest.param("", REMOTE, {}, 403, id="remote, nothing configured"),
        pytest.param(ON, LOCAL, {"X-Forwarded-For": "127.0.0.1"}, 403, id="proxied, no key"),
        pytest.param(ON, LOCAL, {"Forwarded": "for=127.0.0.1"}, 403, id="proxied, other header"),
        pytest.param(ON, LOCAL, {"Via": "1.1 proxy"}, 403, id="proxied, says only so"),
        pytest.param(ON, LOCAL, {"Origin": "https://example.com"}, 401, id="a page in a browser"),
        pytest.param(ON, {**LOCAL, "HTTP_HOST": "example.com"}, {}, 401, id="a foreign name that leads here"),
    ],
)
def test_who_may_read_the_metrics(
    ask: Ask, config: str, origin: dict[str, str], headers: dict[str, str], status: int
) -> None:
    answer = ask(config, origin, headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.content_type.startswith("text/plain; version=0.0.4")
        assert "packy_build_info{" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
    else:
        assert answer.json.keys() == {"error", "message"}, "the form of the management API"
        assert "packy_" not in answer.text


def test_keys_that_are_not_needed_are_not_judged(ask: Ask) -> None:
    assert ask(ON, LOCAL, {"X-Management-Key": "wrong"}).status_code == 200


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("DELETE", 405)])
def test_metrics_are_only_read(ask: Ask, method: str, status: int) -> None:
    assert ask(ON, LOCAL, {}, method=method).status_code == status


@pytest.mark.parametrize("path", ["/metrics/", "/metrics/x", "/Metrics", "//metrics"])
def test_no_other_path_leads_there(ask: Ask, path: str) -> None:
    assert ask(ON, {**LOCAL, "PATH_INFO": path}, {}).status_code in {401, 404}
