"""Providers that are slow, unreachable, or speak something else: an answer in time, and never a clean wrong end."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import requests

from packy.demo import DemoUpstream, raw, reasoning, rule, text, wire
from tests.support.gateway import CLIENT_KEY, Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Json = dict[str, Any]
    Ask = Callable[..., Json]

CONNECT, FIRST_BYTE, IDLE = 0.3, 0.6, 1.0
# Generous: the machine may be busy; what would otherwise happen takes a minute.
SLACK = 10
CONFIG = f"""
client-keys: [{CLIENT_KEY}]
timeouts: {{connect: {CONNECT}, first-byte: {FIRST_BYTE}, idle: {IDLE}}}
codex-api-key:
"""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
LONG = text("word " * 200)


def clogged_socket(stack: ExitStack) -> socket.socket:
    """Give a listening socket whose queue is full: whoever else connects gets no answer."""
    listening = stack.enter_context(socket.socket())
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.settimeout(0)
        waiting.connect_ex(listening.getsockname())
    return listening


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, DemoUpstream]]:
    """A gateway with short timeouts; the model in a request chooses among providers that work, and do not."""
    with ExitStack() as stack:
        upstream = stack.enter_context(DemoUpstream())
        urls = {
            "gpt-5": upstream.url,
            "clogged": f"http://127.0.0.1:{clogged_socket(stack).getsockname()[1]}/v1",
            "closed": f"http://127.0.0.1:{closed_port()}/v1",
            "nameless": "http://nowhere.invalid/v1",
            "unspeakable": f"http://{'a' * 70}.invalid/v1",
            "no-tls": upstream.url.replace("http:", "https:"),
        }
        providers = [
            f"  - {{name: {name}, models: [{name}], base-url: {url}, api-key: sk-up}}\n" for name, url in urls.items()
        ]
        folder = tmp_path_factory.mktemp("impatient")
        yield stack.enter_context(Gateway(folder, CONFIG + "".join(providers))), upstream


@pytest.fixture
def ask(impatient: tuple[Gateway, DemoUpstream], question: Ask) -> Iterator[Callable[..., requests.Response]]:
    """Play a rule to the impatient gateway, and give its answer."""
    gateway, upstream = impatient
    upstream.reset()

    def send(rule_: Json | None = None, **fields: Any) -> requests.Response:
        if rule_:
            upstream.script(rule_)
        return requests.post(f"{gateway.url}/v1/messages", json=question(**fields), headers=gateway.headers, timeout=20)

    yield send
    assert gateway.lines("uncaught") == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("model", "status", "seconds", "words"),
    [
        ("clogged", 504, CONNECT, "did not accept a connection in time"),
        ("closed", 502, 0, "refused the connection"),
        ("nameless", 502, 0, "host name that does not resolve"),
        ("unspeakable", 502, 0, "base URL or key that cannot be used"),
        ("no-tls", 502, 0, "TLS certificate or protocol"),
    ],
)
def test_a_provider_that_cannot_be_reached_is_told_by_name_and_in_time(
    ask: Callable[..., requests.Response], model: str, status: int, seconds: float, words: str, *, stream: bool
) -> None:
    began = time.monotonic()

    response = ask(model=model, stream=stream)

    assert seconds <= time.monotonic() - began < seconds + SLACK
    assert response.status_code == status
    assert response.json()["error"]["type"] == "api_error"
    assert response.json()["error"]["message"].startswith(f"{model} ")
    assert words in response.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("silent", "seconds"),
    [
        pytest.param(rule(LONG, hang_before_headers=True), FIRST_BYTE, id="before its headers"),
        pytest.param(rule(LONG, delay_first_event=60), FIRST_BYTE, id="before its first event"),
        pytest.param(rule(LONG, delay_headers=0.4, delay_first_event=60), FIRST_BYTE, id="a little each"),
        pytest.param(rule(LONG, hang_after_events=2), IDLE, id="after events without content"),
    ],
)
def test_silence_before_any_content_is_a_504(
    ask: Callable[..., requests.Response], silent: Json, seconds: float, *, stream: bool
) -> None:
    began = time.monotonic()

    response = ask(silent, stream=stream)

    assert seconds <= time.monotonic() - began < seconds + SLACK
    assert response.status_code == 504
    assert response.json()["error"] == {"type": "api_error", "message": "gpt-5 did not answer in time."}


def test_silence_in_mid_stream_ends_in_an_error_event(
    ask: Callable[..., requests.Response], read_stream: Callable[[bytes], list[Json]]
) -> None:
    began = time.monotonic()

    events = read_stream(ask(rule(reasoning("Hm."), LONG, hang_after_events=20), stream=True).content)

    assert IDLE <= time.monotonic() - began < IDLE + SLACK
    assert events[-1]["error"] == {"type": "api_error", "message": "gpt-5 did not answer in time."}


def test_an_answer_may_take_longer_than_any_timeout_as_long_as_it_moves(ask: Callable[..., requests.Response]) -> None:
    began = time.monotonic()

    response = ask(rule(text("Slowly, slowly."), chunk=2, rate=10), stream=True)

    assert time.monotonic() - began > max(CONNECT, FIRST_BYTE, IDLE)
    assert response.text.endswith('data: {"type":"message_stop"}\n\n')


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(wire(b""), id="no answer"),
        pytest.param(wire(b"SSH-2.0-OpenSSH_9.2\r\n"), id="another protocol"),
        pytest.param(wire(b"HTTP/1.1 200 OK\r\n"), id="half a head"),
        pytest.param(wire(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n"), id="too many headers"),
        pytest.param(wire(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000), id="a header too long"),
        pytest.param(wire(b"HTTP/1.1 100 Continue\r\n\r\n" * 200), id="nothing but 100 Continue"),
        pytest.param(wire(HEAD + b"content-length: 0\r\n\r\n"), id="no body"),
        pytest.param(wire(HEAD + b"content-length: 500\r\n\r\ndata: {}\n\n"), id="shorter than its length"),
        pytest.param(wire(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"), id="no chunk"),
        pytest.param(wire(HEAD + b"transfer-encoding: chunked\r\n\r\nff\r\ndata"), id="half a chunk"),
        pytest.param(wire(HEAD + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"), id="no gzip"),
        pytest.param(raw(b"data: {nope\n\n"), id="an event that is no JSON"),
        pytest.param(raw(b"data: " + b"[" * 100_000 + b"\n\n"), id="an event without depth limit"),
        pytest.param(raw(b"data: []\n\n: hello\n\ndata: [DONE]\n\n"), id="events of no meaning"),
        pytest.param(raw(b"\xff\xfe\x00"), id="no text"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_is_no_answer_is_a_502(ask: Callable[..., requests.Response], answer: Json, *, stream: bool) -> None:
    response = ask(rule(answer), stream=stream)

    assert response.status_code == 502
    assert response.json()["error"]["type"] == "api_error"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"cut_after_events": 12, "cut": "reset"}, id="reset"),
        pytest.param({"cut_after_events": 12, "cut": "fin"}, id="closed"),
        pytest.param({"cut_after_events": 12, "cut": "end"}, id="ended"),
        pytest.param({"cut_after_bytes": 6000}, id="within an event"),
        pytest.param({"invalid_utf8": True}, id="bytes that are no UTF-8"),
    ],
)
def test_a_stream_that_breaks_is_never_a_clean_end(
    ask: Callable[..., requests.Response], read_stream: Callable[[bytes], list[Json]], fault: Json
) -> None:
    broken = rule(reasoning("Hm."), LONG, chunk=8, **fault)

    events = read_stream(ask(broken, stream=True, thinking={"type": "adaptive"}).content)
    whole = ask(broken)

    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "api_error"
    assert whole.status_code == 502


@pytest.mark.parametrize(
    "travel",
    [
        pytest.param({"pieces": 7}, id="in pieces of 7 octets"),
        pytest.param({"gzip": True}, id="compressed though nobody asked"),
        pytest.param({"gzip": True, "pieces": 3}, id="compressed, in pieces"),
        pytest.param({"framing": "close"}, id="ended by the connection"),
        pytest.param({"content_type": "text/plain"}, id="of another type"),
        pytest.param({"delay_headers": 0.2, "delay_first_event": 0.2}, id="late"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_that_only_travels_oddly_arrives(
    ask: Callable[..., requests.Response], travel: Json, *, stream: bool
) -> None:
    response = ask(rule(text("Grüße 🦆"), chunk=0, **travel), stream=stream)

    assert response.status_code == 200
    assert "Grüße 🦆" in response.content.decode()


def test_a_provider_that_was_restarted_is_reached_again(
    impatient: tuple[Gateway, DemoUpstream], ask: Callable[..., requests.Response]
) -> None:
    _, upstream = impatient
    assert ask().status_code == 200

    upstream.stop()
    down = ask()
    upstream.start()
    up = ask()

    assert (down.status_code, up.status_code) == (502, 200)
    assert "refused the connection" in down.json()["error"]["message"]


def test_after_all_of_that_the_worker_answers_as_ever(ask: Callable[..., requests.Response]) -> None:
    assert ask(rule(text("Still here."))).json()["content"][0]["text"] == "Still here."
