"""What lies between packy and a provider, and what the probe makes of it."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from packy.demo import DemoUpstream, rule, text
from packy.upstream.probe import Patience
from tests.support.loopback import accepting, certificate, free_port, full_backlog, web
from tests.upstream.probe_case import CANARY, PATIENCE, ask

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_host_that_does_not_resolve() -> None:
    result = ask("https://provider.invalid/v1")
    assert (result.code, result.status, result.latency_ms) == ("dns", None, None)
    assert result.message == "provider.invalid does not resolve to an address"
    assert "packycode.base-url (https://provider.invalid/v1)" in result.fix
    assert "getent hosts provider.invalid" in result.fix


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_port_at_which_nothing_listens(scheme: str) -> None:
    port = free_port()
    result = ask(f"{scheme}://127.0.0.1:{port}/v1")
    assert (result.code, result.message) == ("refused", f"127.0.0.1:{port} refuses the connection")
    assert "correct host and port in packycode.base-url" in result.fix


def test_an_address_that_no_network_leads_to() -> None:
    result = ask("http://224.0.0.1/v1")  # Linux refuses to connect to a multicast address, wherever it is
    assert (result.code, result.message) == ("unreachable", "no network leads to 224.0.0.1:80")
    assert "VPN" in result.fix


def test_a_server_that_accepts_no_connection() -> None:
    with full_backlog() as port:
        result = ask(f"http://127.0.0.1:{port}/v1", patience=Patience(0.3, 4, 0))
    assert (result.code, result.message) == ("connect_timeout", f"127.0.0.1:{port} accepted no connection within 0.3 s")
    assert "HTTPS_PROXY" in result.fix


def _silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def _dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x: y\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize("serve", [_silent, _dripping], ids=["silent", "one header after the other"])
def test_a_server_that_does_not_answer_is_not_waited_for_longer_than_said(serve: object) -> None:
    with accepting(serve) as port:  # type: ignore[arg-type]
        began = time.monotonic()
        result = ask(f"http://127.0.0.1:{port}/v1", patience=Patience(0.3, 0.3, 0))
        took = time.monotonic() - began
    assert (result.code, result.status) == ("timeout", None)
    assert result.message == "packycode did not answer within 0.3 s"
    assert took < 2.5


def test_a_server_that_takes_the_request_and_says_nothing() -> None:
    with DemoUpstream() as upstream:
        upstream.script(rule(text("pong"), hang_after_events=0))
        result = ask(upstream.url, patience=Patience(1, 0.3, 0))
        assert (result.code, result.status) == ("timeout", 200)
        assert result.message == "packycode took the request (HTTP 200), but said nothing in 0.3 s"
        assert upstream.wait(lambda u: not u.in_flight)


def test_a_server_that_hangs_up() -> None:
    with accepting(lambda connection: connection.shutdown(socket.SHUT_RDWR)) as port:
        result = ask(f"http://127.0.0.1:{port}/v1")
    assert (result.code, result.status) == ("connection", None)
    assert "write https://" in result.fix


def test_a_certificate_that_nobody_vouches_for_is_trusted_once_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, context = certificate(tmp_path)
    with web(context=context) as origin:
        result = ask(f"{origin}/v1")
        assert result.code == "tls"
        assert "self-signed certificate" in result.message
        assert "export REQUESTS_CA_BUNDLE=" in result.fix
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
        assert ask(f"{origin}/v1").code == "not_responses_api"


def test_a_stream_over_tls_is_left_as_soon_as_it_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, context = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    left = threading.Event()

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as stream:
            stream.recv(65536)
            stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            stream.sendall(b'data: {"type": "response.created"}\n\n')
            with suppress(OSError):
                while stream.recv(65536):
                    pass
            left.set()

    with accepting(serve) as port:
        assert ask(f"https://127.0.0.1:{port}/v1", patience=Patience(2, 30, 0.1)).ok
        assert left.wait(3)


def test_a_certificate_for_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, context = certificate(tmp_path, name="DNS:api.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    with web(context=context) as origin:
        result = ask(f"{origin}/v1")
    assert result.code == "tls"
    assert "mismatch" in result.message
    assert "packycode.base-url" in result.fix


def test_a_certificate_whose_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, context = certificate(tmp_path, until="20200102000000Z")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    with web(context=context) as origin:
        result = ask(f"{origin}/v1")
    assert result.code == "tls"
    assert "expired" in result.message
    assert "clock" in result.fix


def test_a_server_without_tls() -> None:
    with web() as origin:
        result = ask(f"{origin.replace('http', 'https')}/v1")
    assert result.code == "tls"
    assert "does not speak TLS" in result.message
    assert "http://" in result.fix


def test_a_bundle_of_certificates_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/does/not/exist.pem")
    result = ask(f"https://127.0.0.1:{free_port()}/v1")
    assert (result.code, result.fix[:24]) == ("tls", "unset REQUESTS_CA_BUNDLE")


# fmt: off
PROXIES = [
    ("dead", "HTTP_PROXY", "http://user:{canary}@127.0.0.1:{port}", "http"),
    ("dead, for TLS", "https_proxy", "http://user:{canary}@127.0.0.1:{port}", "https"),
    ("for all", "ALL_PROXY", "http://127.0.0.1:{port}", "http"),
    ("of a kind that is not spoken", "HTTP_PROXY", "socks5://127.0.0.1:{port}", "http"),
]
# fmt: on


@pytest.mark.parametrize(("variable", "value", "scheme"), [row[1:] for row in PROXIES], ids=[row[0] for row in PROXIES])
def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, scheme: str) -> None:
    port = free_port()
    monkeypatch.setenv(variable, value.format(canary=CANARY, port=port))
    result = ask(f"{scheme}://provider.example/v1")
    assert result.code == "proxy"
    assert result.message == f"packycode cannot be reached through the proxy 127.0.0.1:{port} ({variable})"
    assert "add provider.example to NO_PROXY" in result.fix


def test_a_proxy_that_wants_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with web(otherwise=(407, "text/html", b"<html>Log in</html>")) as origin:
        monkeypatch.setenv("HTTP_PROXY", origin)
        result = ask("http://provider.example/v1")
    assert result.code == "proxy"
    assert "(HTTP_PROXY)" in result.message


def test_a_proxy_that_nobody_has_configured() -> None:
    with web(otherwise=(407, "text/html", b"<html>Log in</html>")) as origin:
        result = ask(origin)
    assert result.code == "proxy"
    assert "export HTTPS_PROXY" in result.fix


def test_following_the_repair_leads_past_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with DemoUpstream() as upstream:
        assert ask(upstream.url).code == "proxy"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert ask(upstream.url, patience=PATIENCE).ok
