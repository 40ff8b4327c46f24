"""Bodies up to 64 MiB are taken; a longer one is refused at once, before it has been read."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from packy.demo import DemoUpstream
    from tests.support.gateway import Gateway

MIB = 1 << 20
BODY = b'{"model": "gpt-5", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi."}]}'


def assert_too_large(response: requests.Response) -> None:
    assert response.status_code == 413
    document = response.json()
    assert document["error"]["type"] == "request_too_large"
    assert "67108864 bytes" in document["error"]["message"]
    assert document["request_id"] == response.headers["request-id"]


def chunks(total: int) -> Iterator[bytes]:
    """Give a body whose length is not told beforehand."""
    piece = bytes(MIB)
    for _ in range(total // MIB):
        yield piece


def talk(connect: Callable[..., socket.socket], head: str, body: bytes = b"") -> tuple[bytes, float]:
    """Send octets, read until the other side closes; give its answer, and how long its beginning took."""
    connection = connect()
    began = time.monotonic()
    connection.sendall(head.encode() + body)
    answer = connection.recv(65536)
    seconds = time.monotonic() - began
    connection.shutdown(socket.SHUT_WR)
    while piece := connection.recv(65536):
        answer += piece
    return answer, seconds


def head(gateway: Gateway, *lines: str) -> str:
    named = [f"{name}: {value}" for name, value in gateway.headers.items()]
    return "\r\n".join(["POST /v1/messages HTTP/1.1", "host: 127.0.0.1", *named, *lines, "", ""])


def test_a_body_of_just_the_limit_is_taken(post: Any, upstream: DemoUpstream) -> None:
    response = post(data=BODY.ljust(64 * MIB))

    assert response.status_code == 200
    assert len(upstream.requests) == 1


def test_a_declared_65_mib_are_refused_before_they_are_sent(
    gateway: Gateway, connect: Callable[..., socket.socket]
) -> None:
    answer, seconds = talk(connect, head(gateway, f"content-length: {65 * MIB}"), bytes(MIB))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "request_too_large"
    assert seconds < 1


def test_a_client_that_sends_all_of_65_mib_reads_the_refusal(post: Any) -> None:
    assert_too_large(post(data=bytes(65 * MIB)))


def test_a_chunked_body_is_refused_once_it_has_passed_the_limit(post: Any) -> None:
    assert_too_large(post(data=chunks(80 * MIB)))


def test_a_chunked_body_within_the_limit_is_taken(post: Any) -> None:
    assert post(data=iter([BODY[:9], BODY[9:]])).status_code == 200


def test_a_body_shorter_than_it_was_said_to_be_is_refused(
    gateway: Gateway, connect: Callable[..., socket.socket], upstream: DemoUpstream
) -> None:
    connection = connect()
    connection.sendall(head(gateway, f"content-length: {len(BODY) + 1}").encode() + BODY)
    connection.shutdown(socket.SHUT_WR)

    answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"the request body ended after" in answer
    assert upstream.requests == []


@pytest.mark.parametrize(
    "lines",
    [
        ["content-length: -1"],
        ["content-length: many"],
        ["content-length: 5", "content-length: 6"],
        ["content-length: 5", "transfer-encoding: chunked"],
        ["no colon"],
        ["bad\x01name: 1"],
        ["long: " + "x" * 9000],
        [f"n{i}: 1" for i in range(200)],
    ],
    ids=lambda lines: lines[0][:24],
)
def test_broken_framing_is_refused_and_never_a_server_error(
    gateway: Gateway, connect: Callable[..., socket.socket], upstream: DemoUpstream, lines: list[str]
) -> None:
    answer, _ = talk(connect, head(gateway, *lines), BODY)

    assert answer[:10] == b"HTTP/1.1 4"
    assert upstream.requests == []
