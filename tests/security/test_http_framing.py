"""Where a request ends is never in doubt: not for packy alone, and not for nginx and packy together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.security.wire import ask, read_answers, request
from tests.support.connection import connect
from tests.support.gateway import CLIENT_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo import DemoUpstream
    from tests.security.nginx import Nginx
    from tests.support.gateway import Gateway

Json = dict[str, Any]

START = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: " + CLIENT_KEY.encode() + b"\r\n"
# What a smuggler hopes to have answered as a request of its own.
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b'{"model":"gpt-5","max_tokens":9,"messages":[{"role":"user","content":"Hi."}]}'
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKS = b"Transfer-Encoding: chunked\r\n"

UNREADABLE = {
    "two lengths": START + LENGTH + b"Content-Length: 0\r\n\r\n" + BODY + HIDDEN,
    "the same length twice": START + LENGTH + LENGTH + b"\r\n" + BODY + HIDDEN,
    "two lengths in one field": START + b"Content-Length: 9, 9\r\n\r\n" + BODY + HIDDEN,
    "a length with a sign": START + b"Content-Length: +9\r\n\r\n" + BODY,
    "a negative length": START + b"Content-Length: -1\r\n\r\n" + BODY,
    "a length in other digits": START + b"Content-Length: \xb2\r\n\r\n" + BODY,
    "a length and chunks": START + LENGTH + CHUNKS + b"\r\n" + CHUNKED + HIDDEN,
    "chunks and a length": START + CHUNKS + b"Content-Length: 4\r\n\r\n" + CHUNKED + HIDDEN,
    "chunks twice": START + CHUNKS + CHUNKS + b"\r\n" + CHUNKED + HIDDEN,
    "chunks not last": START + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED + HIDDEN,
    "chunks behind a tab": START + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + CHUNKED + HIDDEN,
    "chunks with a space before the colon": START + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED + HIDDEN,
    "chunks in HTTP/1.0": START.replace(b"/1.1", b"/1.0") + CHUNKS + b"\r\n" + CHUNKED + HIDDEN,
    "a folded header": START + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n" + CHUNKED + HIDDEN,
    "an end of line without its first half": START.replace(b"\r\n", b"\n") + b"\n" + HIDDEN,
    "a header with NUL": START + b"X: a\x00b\r\n\r\n",
    "a header with CR": START + b"X: a\rb\r\n\r\n",
    "a header name with a space": START + b"X Y: z\r\n\r\n",
    "a header without a name": START + b": z\r\n\r\n",
    "two hosts": START + b"Host: y\r\n\r\n",
    "a path with NUL": START.replace(b"/v1/messages", b"/v1/\x00messages") + b"\r\n",
    "a path with a space": START.replace(b"/v1/messages", b"/v1/mess ages") + b"\r\n",
    "another version": START.replace(b"HTTP/1.1", b"HTTP/3.7") + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("16030100f1010000ed0303") + b"\r\n\r\n",
    "PROXY protocol": b"PROXY TCP4 10.0.0.7 127.0.0.1 1 2\r\n" + START + b"\r\n",
}
OTHER_REFUSALS = {
    "a request line without end": (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
    "a header without end": (START + b"X: " + b"y" * 20_000 + b"\r\n\r\n", 431),
    "headers without end": (START + b"X: y\r\n" * 2_000 + b"\r\n", 431),
    "an unknown coding": (START + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED + HIDDEN, 501),
    "another expectation": (START + b"Expect: miracles\r\n\r\n", 417),
}
BROKEN_BODIES = {
    "a chunk of no number": (CHUNKS, b"zz\r\n" + BODY),
    "a chunk with a sign": (CHUNKS, b"+5\r\n" + BODY),
    "a chunk longer than its size": (CHUNKS, b"4\r\nabcdefgh\r\n0\r\n\r\n"),
    "a chunk cut short": (CHUNKS, b"ff\r\nabc"),
    "no last chunk": (CHUNKS, b"%x\r\n%s\r\n" % (len(BODY), BODY)),
    "an extension with CR": (CHUNKS, b"5;a=\r1\r\nabcde\r\n0\r\n\r\n"),
    "a smuggled length in the trailers": (CHUNKS, b"%x\r\n%s\r\n0\r\nContent-Length: 9\r\n\r\n" % (len(BODY), BODY)),
    "shorter than its length": (LENGTH, BODY[:-1]),
}


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        *(pytest.param(octets, 400, id=name) for name, octets in UNREADABLE.items()),
        *(pytest.param(octets, status, id=name) for name, (octets, status) in OTHER_REFUSALS.items()),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_ends(
    gateway: Gateway, upstream: DemoUpstream, octets: bytes, status: int
) -> None:
    (answer,) = ask(gateway.url, octets)

    assert (answer.status, answer.headers["connection"], answer.headers["server"]) == (status, "close", "packy")
    assert answer.json["type"] == "error"
    assert answer.json["error"].keys() == {"type", "message"}
    assert answer.json["request_id"] == answer.headers["request-id"]
    assert not upstream.requests


@pytest.mark.parametrize(("headers", "body"), BROKEN_BODIES.values(), ids=BROKEN_BODIES.keys())
def test_a_body_with_broken_framing_is_refused_and_what_follows_is_no_request(
    gateway: Gateway, upstream: DemoUpstream, headers: bytes, body: bytes
) -> None:
    (answer,) = ask(gateway.url, START + headers + b"\r\n" + body, end=True)

    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert not upstream.requests


@pytest.mark.parametrize("framing", [LENGTH + b"\r\n" + BODY, CHUNKS + b"\r\n" + CHUNKED], ids=["length", "chunks"])
def test_requests_on_one_connection_are_told_apart(gateway: Gateway, upstream: DemoUpstream, framing: bytes) -> None:
    with connect(gateway.url) as connection:
        connection.sendall((START + framing) * 2 + HIDDEN.replace(b"x\r\n", b"x\r\nConnection: close\r\n"))
        answers = read_answers(b"".join(iter(lambda: connection.recv(65536), b"")))

    assert [answer.status for answer in answers] == [200, 200, 401]
    assert len(upstream.requests) == 2


def test_nothing_is_smuggled_through_nginx(gateway: Gateway, upstream: DemoUpstream, nginx: Nginx) -> None:
    """What is hidden in a request never arrives, and the connections of nginx are fit for the next caller."""
    broken = [START + head + b"\r\n" + body + HIDDEN for head, body in BROKEN_BODIES.values()]
    attempts = [*UNREADABLE.values(), *(octets for octets, _ in OTHER_REFUSALS.values()), *broken]
    question = orjson.dumps({"model": "gpt-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Next."}]})
    proper = request("POST", "/v1/messages", {"x-api-key": CLIENT_KEY, "connection": "close"}, question)
    before = len(gateway.lines("request"))

    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda octets: ask(nginx.url, octets.replace(b"Host: x", b"Host: x\r\nConnection: close")), attempts
            )
        )
        answers = list(pool.map(lambda _: ask(nginx.url, proper), range(8)))

    assert [[answer.status for answer in each] for each in answers] == [[200]] * 8
    assert all(each[0].json["type"] == "message" for each in answers)
    assert {line["route"] for line in gateway.lines("request")[before:]} == {"/v1/messages"}
    assert not any(b"smuggled" in exchange.body for exchange in upstream.requests)


def test_a_proper_conversation_passes_nginx(gateway: Gateway, nginx: Nginx, question: Callable[..., Json]) -> None:
    assert gateway.url
    headers = {"x-api-key": CLIENT_KEY, "connection": "close"}
    (answer,) = ask(nginx.url, request("POST", "/v1/messages", headers, orjson.dumps(question(stream=True))))

    assert answer.status == 200
    assert answer.body.endswith(b'data: {"type":"message_stop"}\n\n')
