"""Providers behind TLS, as real ones are: streams, kept connections, cuts."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

import pytest
import requests

from packy.demo import DemoUpstream, reasoning, rule, text
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Json = dict[str, Any]

WORDS = "Grüße aus dem Tunnel. " * 400


class Tunnel:
    """Takes TLS off in front of a plain server."""

    def __init__(self, certificate: Path, key: Path, target: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(accepted,), daemon=True).start()

    def _carry(self, accepted: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(accepted, server_side=True) as near:
            self.connections += 1
            with socket.create_connection(("127.0.0.1", self._target)) as far:
                threading.Thread(target=_pour, args=(near, far), daemon=True).start()
                _pour(far, near)


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    # However it ended: a close alone would wait for the other thread, which still reads.
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, DemoUpstream, Tunnel]]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on PATH: apt install openssl")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with ExitStack() as stack:
        upstream = stack.enter_context(DemoUpstream())
        outside = stack.enter_context(Tunnel(certificate, key, upstream.port))
        config = config_for(f"https://127.0.0.1:{outside.port}/v1")
        trust = {"REQUESTS_CA_BUNDLE": str(certificate), "SSL_CERT_FILE": str(certificate)}
        gateway = stack.enter_context(Gateway(folder / "gateway", config, environ=trust))
        yield gateway, upstream, outside


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("pace", [{}, {"rate": 300}, {"pieces": 7}, {"gzip": True}, {"framing": "close"}], ids=str)
def test_an_answer_arrives_whole(
    tunnel: tuple[Gateway, DemoUpstream, Tunnel],
    question: Callable[..., Json],
    read_stream: Callable[[bytes], list[Json]],
    pace: Json,
    *,
    stream: bool,
) -> None:
    gateway, upstream, _ = tunnel
    words = WORDS[:2000] if pace else WORDS
    upstream.script(rule(reasoning("Hm."), text(words), **pace))

    response = requests.post(
        f"{gateway.url}/v1/messages", json=question(stream=stream), headers=gateway.headers, timeout=60
    )

    assert response.status_code == 200, response.text
    if stream:
        events = read_stream(response.content)
        assert events[-1]["type"] == "message_stop"
        said = "".join(event.get("delta", {}).get("text", "") for event in events)
    else:
        said = "".join(block.get("text", "") for block in response.json()["content"])
    assert said == words


def test_a_connection_is_kept_for_the_next_request(
    tunnel: tuple[Gateway, DemoUpstream, Tunnel], question: Callable[..., Json]
) -> None:
    gateway, upstream, outside = tunnel
    upstream.script(rule(text("Again.")))
    before = outside.connections

    for stream in (True, False, True, False):
        asked = question(stream=stream)
        assert requests.post(f"{gateway.url}/v1/messages", json=asked, headers=gateway.headers, timeout=60).ok

    assert outside.connections - before <= 1


@pytest.mark.parametrize("how", ["reset", "fin", "end"])
def test_a_cut_is_never_a_clean_end(
    tunnel: tuple[Gateway, DemoUpstream, Tunnel],
    question: Callable[..., Json],
    read_stream: Callable[[bytes], list[Json]],
    how: str,
) -> None:
    gateway, upstream, _ = tunnel
    upstream.script(rule(text(WORDS), cut_after_events=40, cut=how))

    asked = question(stream=True)
    response = requests.post(f"{gateway.url}/v1/messages", json=asked, headers=gateway.headers, timeout=60)

    assert read_stream(response.content)[-1]["type"] == "error"
