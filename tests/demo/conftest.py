from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests

from packy.demo import DemoUpstream

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Ask = Callable[..., requests.Response]
Events = Callable[..., list[Json]]
Exchange = Callable[..., Any]

KEY = "sk-anything"


@pytest.fixture
def upstream() -> Iterator[DemoUpstream]:
    with DemoUpstream() as running:
        yield running
        assert running.stats["errors"] == []


@pytest.fixture
def body() -> Json:
    """The least that a Codex-compatible upstream takes."""
    return {"model": "gpt-5", "input": "Hello", "store": False, "stream": True}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as running:
        running.trust_env = False
        running.headers["authorization"] = f"Bearer {KEY}"
        yield running


@pytest.fixture
def ask(upstream: DemoUpstream, session: requests.Session, body: Json) -> Ask:
    """POST a request that differs from `body` in the given fields."""

    def post(**changes: Any) -> requests.Response:
        return session.post(f"{upstream.url}/responses", json={**body, **changes}, timeout=10)

    return post


@pytest.fixture
def events(ask: Ask) -> Events:
    """The same, as the list of events that came back."""

    def collect(**changes: Any) -> list[Json]:
        answer = ask(**changes)
        assert answer.status_code == 200, answer.text
        found = []
        for block in answer.content.decode().strip().split("\n\n"):
            name, data = block.split("\n", 1)
            event = json.loads(data.removeprefix("data: "))
            assert name == f"event: {event['type']}"
            found.append(event)
        return found

    return collect


@pytest.fixture
def connect(upstream: DemoUpstream, body: Json) -> Callable[..., Any]:
    """A raw connection with a request sent on it, for what an HTTP client would hide."""

    @contextmanager
    def open_one(**changes: Any) -> Iterator[socket.socket]:
        content = json.dumps({**body, **changes}).encode()
        head = f"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        with socket.create_connection(("127.0.0.1", upstream.port), timeout=10) as sock:
            sock.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(content) + content)
            yield sock

    return open_one
