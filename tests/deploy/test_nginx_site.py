"""deploy/nginx/packy.conf: what comes through, what does not, and how it arrives."""

from __future__ import annotations

import socket
import ssl
import time
from http.client import HTTPSConnection
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

from packy.config import load_snapshot
from packy.demo import rule, text
from tests.deploy.nginx_site import SITE, NginxSite
from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from packy.demo import DemoUpstream
    from tests.deploy.conftest import Installation

    Json = dict[str, Any]
    Ask = Callable[..., Json]
    ReadStream = Callable[[bytes], list[Json]]

PATIENCE = 30
BIG = 30 * 1024 * 1024


@pytest.fixture
def connection(installation: Installation) -> Iterator[HTTPSConnection]:
    """A connection to nginx, which does exactly what it is told."""
    trust = ssl.create_default_context(cafile=installation.site.certificate)
    opened = HTTPSConnection(*installation.site.address, timeout=PATIENCE, context=trust)
    yield opened
    opened.close()


def ask(installation: Installation, method: str, path: str, **options: Any) -> requests.Response:
    """Ask through nginx."""
    headers = {**installation.headers, **options.pop("headers", {})}
    url, trust = installation.site.url + path, str(installation.site.certificate)
    return requests.request(method, url, headers=headers, verify=trust, timeout=PATIENCE, **options)


def test_an_event_arrives_before_the_upstream_has_finished(
    installation: Installation, upstream: DemoUpstream, connection: HTTPSConnection, question: Ask
) -> None:
    upstream.script(rule(text("First " * 100), hang_after_events=8))

    connection.request("POST", "/v1/messages", orjson.dumps(question(stream=True)), installation.headers)
    answer = connection.getresponse()
    read, deadline = b"", time.monotonic() + PATIENCE
    while b"text_delta" not in read:
        assert time.monotonic() < deadline, "held back"
        piece = answer.read1(65536)
        assert piece, "the stream must not end"
        read += piece

    assert upstream.in_flight == 1, "the upstream has not finished"
    assert answer.getheader("content-type", "").startswith("text/event-stream")


def test_a_stream_arrives_whole(installation: Installation, question: Ask, read_stream: ReadStream) -> None:
    answer = ask(installation, "POST", "/v1/messages", json=question(stream=True))

    assert read_stream(answer.content)[-1]["type"] == "message_stop"
    assert answer.headers["request-id"].startswith("req_")


def test_an_answer_in_one_piece_arrives(installation: Installation, upstream: DemoUpstream, question: Ask) -> None:
    upstream.script(rule(text("All of it.")))

    answer = ask(installation, "POST", "/v1/messages", json=question())

    assert answer.json()["content"] == [{"type": "text", "text": "All of it."}]


def test_a_body_of_30_mb_arrives_and_leaves_nothing_on_the_disk(
    installation: Installation, upstream: DemoUpstream, question: Ask
) -> None:
    long = "canary " * (BIG // 7)
    upstream.script(rule(text("Long.")))

    answer = ask(installation, "POST", "/v1/messages", json=question(messages=[{"role": "user", "content": long}]))

    assert answer.status_code == 200, answer.text
    assert len(upstream.requests[-1].body) > BIG
    assert "buffered to a temporary file" not in installation.site.errors


def test_what_is_beyond_the_limit_is_refused_in_the_form_that_claude_code_reads(installation: Installation) -> None:
    answer = ask(installation, "POST", "/v1/messages", headers={"content-length": str(64 * 1024 * 1024 + 1)})

    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"


def test_nginx_takes_as_large_a_body_as_packy() -> None:
    limit = load_snapshot(ROOT / "config.example.yaml", environ={}).limits.max_body

    assert f"client_max_body_size {limit // (1 << 20)}m;" in SITE.read_text()


def test_a_client_that_hangs_up_takes_the_upstream_request_with_it(
    installation: Installation, upstream: DemoUpstream, connection: HTTPSConnection, question: Ask
) -> None:
    upstream.script(rule(text("word " * 2000), rate=50))
    connection.request("POST", "/v1/messages", orjson.dumps(question(stream=True)), installation.headers)
    connection.getresponse().read1(1)
    assert upstream.in_flight == 1

    connection.close()

    assert upstream.wait(lambda it: it.cancelled, PATIENCE)


def test_packys_errors_pass_as_they_are(installation: Installation) -> None:
    answer = ask(installation, "POST", "/v1/messages", headers={"x-api-key": "none-of-them"}, data=b"{}")

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert answer.json()["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("path", ["/", "/readyz", "/v1/models"])
def test_clients_and_monitoring_find_what_they_need(installation: Installation, path: str) -> None:
    assert ask(installation, "GET", path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/v0/management/packycode",
        "/status",
        "/healthz",
        "/livez",
        "//metrics",
        "/v1/../metrics",
        "/v1/%2e%2e/metrics",
        "/metrics/../v1/models",
        "/v0/management/../../v1/models",
        "/v0/management%2fpackycode",
    ],
)
def test_operations_stay_on_the_machine(installation: Installation, connection: HTTPSConnection, path: str) -> None:
    connection.request("GET", path, headers={**installation.headers, **installation.management})
    answer = connection.getresponse()

    assert answer.status in {403, 404}
    assert orjson.loads(answer.read())["error"]


@pytest.mark.parametrize("forged", [{}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}])
@pytest.mark.parametrize(("caller", "status"), [("203.0.113.7", 403), ("127.0.0.1", 200)])
def test_callers_from_elsewhere_do_not_pass_for_programs_on_this_machine(
    installation: Installation, tmp_path: Path, caller: str, status: int, forged: dict[str, str]
) -> None:
    headers = {**installation.management, "X-Caller": caller, **forged}

    with NginxSite(tmp_path / "nginx", [installation.gateways[0].url], manageable=True) as site:
        answer = requests.get(
            f"{site.url}/v0/management/packycode", headers=headers, verify=str(site.certificate), timeout=PATIENCE
        )

    assert answer.status_code == status


def test_nginx_says_what_is_wrong_when_no_gateway_answers(tmp_path: Path, question: Ask) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        with NginxSite(tmp_path / "nginx", [f"127.0.0.1:{taken.getsockname()[1]}"]) as site:
            answer = requests.post(
                f"{site.url}/v1/messages", json=question(), verify=str(site.certificate), timeout=PATIENCE
            )

    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "api_error"
