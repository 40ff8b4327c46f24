"""Callers that dribble: each is cut off in time, and nobody else has to wait for them."""

from __future__ import annotations

import io
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import gevent
import orjson
import pytest
import requests
from werkzeug.test import EnvironBuilder

from middleware.body_limit import LimitedInput
from middleware.body_pace import BodyPace
from packy.errors import GatewayError
from tests.security.wire import request
from tests.support.connection import connect
from tests.support.gateway import CLIENT_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.gateway import Gateway

Json = dict[str, Any]


class Dribble(io.RawIOBase):
    """A stream whose bytes come one by one."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def read(self, size: int = -1, /) -> bytes:
        read = b""
        while len(read) < size or size < 0:
            gevent.sleep(self._seconds)
            read += b"x"
        return read


def read_all(environ: dict[str, Any], _start: object) -> Iterable[bytes]:
    return [environ["wsgi.input"].read()]


def serve(stream: io.IOBase, **headers: str) -> bytes:
    """Read a body within the middleware, at 100 bytes a second with half a second on top."""
    environ = EnvironBuilder(method="POST", path="/v1/messages", headers=list(headers.items())).get_environ()
    environ["wsgi.input"] = stream

    def limited(inner: dict[str, Any], start: Any) -> Iterable[bytes]:
        length = int(inner.get("CONTENT_LENGTH") or 0) or None
        inner["wsgi.input"] = LimitedInput(inner["wsgi.input"], 1 << 20, length)
        return read_all(inner, start)

    return b"".join(BodyPace(limited, seconds=0.5, rate=100)(environ, lambda *_: bytes))


@pytest.mark.parametrize(
    "headers", [{"Content-Length": "40"}, {"Transfer-Encoding": "chunked"}], ids=["length", "chunks"]
)
def test_a_body_that_comes_too_slowly_is_given_up(headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("middleware.body_pace._PIECE", 20)
    began = time.monotonic()

    with pytest.raises(GatewayError) as caught:
        serve(Dribble(0.3), **headers)

    assert (caught.value.status, caught.value.type) == (408, "invalid_request_error")
    assert 0.5 < time.monotonic() - began < 10


def test_a_body_that_is_only_slow_is_read_however_long_it_takes() -> None:
    """40 bytes at 100 bytes a second may take 0.9 s; here they take about half of that."""
    assert serve(io.BytesIO(bytes(40)), **{"Content-Length": "40"}) == bytes(40)


def test_the_time_of_others_is_not_mistaken_for_its_own() -> None:
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.1):
        serve(Dribble(0.3), **{"Content-Length": "40"})


def test_callers_that_say_nothing_or_little_keep_nobody_from_being_served(
    gateway: Gateway, question: Callable[..., Json]
) -> None:
    body = orjson.dumps(question())
    whole = request("POST", "/v1/messages", {"x-api-key": CLIENT_KEY}, body)
    beginnings = (b"", b"P", whole[:30], whole[: -len(body)], whole[:-1])
    with ExitStack() as stack:
        for beginning in beginnings * 60:
            stack.enter_context(connect(gateway.url)).sendall(beginning)
        answers = [
            requests.post(f"{gateway.url}/v1/messages", data=body, headers=gateway.headers, timeout=30)
            for _ in range(10)
        ]

    assert [answer.status_code for answer in answers] == [200] * 10


@pytest.mark.long
@pytest.mark.parametrize("part", ["headers", "body", "chunks"])
def test_a_real_caller_that_dribbles_is_cut_off(gateway: Gateway, part: str) -> None:
    """Within keepalive (75 s) for the headers; 30 s and one more for each 16 KiB for the body."""
    head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: " + CLIENT_KEY.encode() + b"\r\n"
    head += {"headers": b"", "body": b"Content-Length: 9999\r\n\r\n", "chunks": b"Transfer-Encoding: chunked\r\n\r\n"}[
        part
    ]
    drop = {"headers": b"X-A: b\r\n", "body": b" ", "chunks": b"1\r\n \r\n"}[part]
    with connect(gateway.url) as connection:
        connection.sendall(head)
        connection.settimeout(1)
        began = time.monotonic()
        while time.monotonic() - began < 170:
            try:
                connection.sendall(drop)
                said = connection.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                said = b""
            break
        else:
            pytest.fail("it is still being listened to")
    assert part == "headers" or b" 408 " in said
