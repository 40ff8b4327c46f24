"""What leaves packy: a fixed set of headers, to the configured address, and nowhere else whatever the request says."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any, Self

import orjson
import pytest
import requests

from packy.demo import DemoUpstream, error, failed, http, rule, text
from tests.security.conftest import MANAGEMENT_KEY
from tests.security.wire import ask, request
from tests.support.gateway import CLIENT_KEY, Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Json = dict[str, Any]

UPSTREAM_KEY = "sk-upstream-key"
SENT = {"accept", "accept-encoding", "authorization", "content-length", "content-type", "host", "user-agent"}


class Listener:
    """Notes every connection that anybody makes to it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as running:
        yield running


def post(gateway: Gateway, body: Json, **headers: str) -> requests.Response:
    return requests.post(f"{gateway.url}/v1/messages", json=body, headers={**gateway.headers, **headers}, timeout=30)


def test_the_headers_that_go_upstream_are_a_fixed_set(
    gateway: Gateway, upstream: DemoUpstream, question: Callable[..., Json]
) -> None:
    marked = "canary-7d41"
    headers = {
        "x-api-key": CLIENT_KEY, "authorization": f"Bearer {CLIENT_KEY}", "x-management-key": MANAGEMENT_KEY,
        "cookie": marked, "anthropic-version": marked, "anthropic-beta": marked, "user-agent": marked, "te": marked,
        "x-claude-code-session-id": marked, "x-claude-code-agent-id": marked, "x-forwarded-for": marked, "via": marked,
        "proxy-authorization": marked, "proxy-connection": marked, "keep-alive": marked, "upgrade": marked,
        "connection": "close", "accept": marked, "accept-language": marked, "origin": marked,
        "openai-organization": marked, "idempotency-key": marked, "session-id": marked, "x-canary": marked,
    }  # fmt: skip
    body = orjson.dumps(question())
    (answer,) = ask(gateway.url, request("POST", "/v1/messages?beta=true", headers, body))

    assert answer.status == 200
    (sent,) = upstream.requests
    assert sent.headers.keys() - {"connection", "session-id"} == SENT
    assert sent.headers["authorization"] == "Bearer sk-upstream-key"
    assert sent.path == "/v1/responses"
    assert not [name for name, value in sent.headers.items() if marked in value or CLIENT_KEY in value]
    assert CLIENT_KEY.encode() not in sent.body


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_nobody_is_asked_there(
    gateway: Gateway, upstream: DemoUpstream, listener: Listener, question: Callable[..., Json], status: int
) -> None:
    elsewhere = f"http://127.0.0.1:{listener.port}/v1/responses"
    upstream.script(rule(http(status, "", location=elsewhere)))

    for stream in (False, True):
        response = post(gateway, question(stream=stream))
        assert response.status_code == 502
        assert "redirects elsewhere" in response.json()["error"]["message"]
        assert "location" not in response.headers
    assert listener.connections == 0


def test_a_probe_follows_no_redirect_either(tmp_path: Path, listener: Listener) -> None:
    elsewhere = f"http://127.0.0.1:{listener.port}/v1/responses"
    with DemoUpstream(models=["*"]) as upstream:
        upstream.script(rule(http(307, "", location=elsewhere)))
        management = f"remote-management: {{secret-key: {MANAGEMENT_KEY}}}\n"
        with Gateway(tmp_path, config_for(upstream.url, management)) as gateway:
            url, headers = f"{gateway.url}/v0/management/packycode/verify", {"x-management-key": MANAGEMENT_KEY}
            verdict = requests.post(url, headers=headers, timeout=60).json()
    assert verdict["ok"] is False
    assert listener.connections == 0


def said_by(upstream: DemoUpstream, gateway: Gateway, script: Json, body: Json) -> bytes:
    upstream.script(script)
    answer = post(gateway, body)
    return answer.content + repr(answer.headers).encode()


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 418, 429, 500, 503, 529])
def test_a_provider_that_repeats_its_key_in_an_error_gives_it_to_no_caller(
    gateway: Gateway, upstream: DemoUpstream, question: Callable[..., Json], status: int
) -> None:
    words = f"Incorrect: 'Bearer {UPSTREAM_KEY}' ({UPSTREAM_KEY})"
    problem = {"error": {"message": words, "code": UPSTREAM_KEY, "param": UPSTREAM_KEY, "type": UPSTREAM_KEY}}
    script = rule(http(status, problem, retry_after=UPSTREAM_KEY, x_request_id=UPSTREAM_KEY))

    for stream in (False, True):
        assert UPSTREAM_KEY.encode() not in said_by(upstream, gateway, script, question(stream=stream))


@pytest.mark.parametrize("late", [False, True], ids=["at once", "in the middle"])
@pytest.mark.parametrize("make", [error, failed])
def test_nor_is_the_key_given_in_a_stream(
    gateway: Gateway, upstream: DemoUpstream, question: Callable[..., Json], make: Callable[..., Json], *, late: bool
) -> None:
    words = [text("Half", unfinished=True)] if late else []
    script = rule(*words, make("server_error", f"The key {UPSTREAM_KEY} is worn out."))

    for stream in (False, True):
        said = said_by(upstream, gateway, script, question(stream=stream))
        assert b"is worn out" in said
        assert UPSTREAM_KEY.encode() not in said


def test_nor_does_a_probe_tell_the_key(tmp_path: Path) -> None:
    with DemoUpstream(models=["*"]) as upstream:
        upstream.script(rule(http(400, {"error": {"message": f"No {UPSTREAM_KEY} here."}})))
        management = f"remote-management: {{secret-key: {MANAGEMENT_KEY}}}\n"
        with Gateway(tmp_path, config_for(upstream.url, management)) as gateway:
            url, headers = f"{gateway.url}/v0/management/packycode/verify", {"x-management-key": MANAGEMENT_KEY}
            verdict = requests.post(url, headers=headers, timeout=60)
    assert verdict.json()["ok"] is False
    assert UPSTREAM_KEY not in verdict.text


def test_addresses_in_a_request_are_passed_on_and_never_fetched(
    gateway: Gateway, upstream: DemoUpstream, listener: Listener, question: Callable[..., Json]
) -> None:
    upstream.script(rule(text("Seen.")))
    url = f"http://127.0.0.1:{listener.port}/secret.png"
    sources = [
        {"type": "image", "source": {"type": "url", "url": url}},
        {"type": "document", "source": {"type": "url", "url": url.replace("png", "pdf")}},
        {"type": "text", "text": f"Look at {url} and file:///etc/passwd"},
    ]
    history = [
        {"role": "user", "content": sources},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"url": url}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": sources[:1]}]},
    ]
    body = question(messages=history, tools=[{"name": "look", "input_schema": {"type": "object", "$ref": url}}])

    answers = [post(gateway, {**body, "stream": stream}) for stream in (False, True)]
    count = f"{gateway.url}/v1/messages/count_tokens"
    counted = requests.post(count, json=body, headers=gateway.headers, timeout=30)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert counted.status_code == 200
    assert url.encode() in upstream.requests[0].body
    assert listener.connections == 0


@pytest.mark.parametrize(
    "odd",
    ["file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "http://169.254.169.254/latest/meta-data", "\r\nx:"],
)
def test_odd_addresses_make_packy_ask_nobody_but_its_provider(
    gateway: Gateway, upstream: DemoUpstream, question: Callable[..., Json], odd: str
) -> None:
    body = question(messages=[{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": odd}}]}])

    assert post(gateway, body).status_code in {200, 400}
    assert len(upstream.requests) <= 1
