"""Bodies read from the socket as they arrive: nothing lost by a wait that ended, nothing invented by a cut."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from urllib3.exceptions import DecodeError, ProtocolError

from packy.upstream.arriving import ArrivingResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A wait that ends because something came is far shorter; one that ends because nothing did is this long.
SOON, PATIENCE = 0.02, 10.0
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
GZIP = b"content-encoding: gzip\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def answer(pair: tuple[socket.socket, socket.socket]) -> Iterator[Callable[[bytes], ArrivingResponse]]:
    """Send the beginning of an answer, and read its head."""
    begun: list[ArrivingResponse] = []

    def begin(octets: bytes) -> ArrivingResponse:
        pair[1].sendall(octets)
        pair[0].settimeout(PATIENCE)
        begun.append(ArrivingResponse(pair[0], method="POST"))
        begun[-1].begin()
        return begun[-1]

    yield begin
    for response in begun:
        response.close()


@pytest.fixture
def send(pair: tuple[socket.socket, socket.socket]) -> Callable[[bytes], None]:
    return pair[1].sendall


@pytest.fixture
def hang_up(pair: tuple[socket.socket, socket.socket]) -> Callable[[], None]:
    return pair[1].close


def read(response: ArrivingResponse) -> bytes:
    """Read to the end."""
    body = b""
    while piece := response.receive(PATIENCE):
        body += piece
    assert piece is not None, "it has no end"
    return body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def gzip(data: bytes, level: int = -1) -> bytes:
    compressor = zlib.compressobj(level, wbits=31)
    return compressor.compress(data) + compressor.flush()


BODIES = {
    "with a length": (OK + b"content-length: 12\r\n\r\n", b"Hello, world", True),
    "in chunks": (CHUNKED, chunk(b"Hello, ") + chunk(b"world") + b"0\r\n\r\n", True),
    "to the end of the connection": (OK + b"\r\n", b"Hello, world", False),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n", b"Hello, world", False),
    "compressed": (CHUNKED[:-2] + GZIP + b"\r\n", chunk(gzip(b"Hello, world")) + b"0\r\n\r\n", True),
    "deflated": (OK + b"content-encoding: Deflate\r\n\r\n", zlib.compress(b"Hello, world"), False),
}


@pytest.mark.parametrize(("head", "body", "stays"), BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("together", [True, False], ids=["with its head", "after its head"])
def test_a_body_arrives(
    answer: Callable[[bytes], ArrivingResponse],
    send: Callable[[bytes], None],
    hang_up: Callable[[], None],
    head: bytes,
    body: bytes,
    *,
    stays: bool,
    together: bool,
) -> None:
    response = answer(head + body if together else head)
    if not together:
        send(body)
    if not stays:
        hang_up()

    assert read(response) == b"Hello, world"
    assert response.complete
    assert response.will_close is not stays
    assert response.receive(SOON) == b""


@pytest.mark.parametrize(("head", "body", "stays"), BODIES.values(), ids=BODIES.keys())
def test_a_wait_that_ends_loses_nothing(
    answer: Callable[[bytes], ArrivingResponse],
    send: Callable[[bytes], None],
    hang_up: Callable[[], None],
    head: bytes,
    body: bytes,
    *,
    stays: bool,
) -> None:
    response = answer(head)
    found = b""

    for at in range(len(body)):
        assert response.receive(0.001) is None
        send(body[at : at + 1])
        found += response.receive(0.001) or b""
    if not stays:
        hang_up()

    assert found + read(response) == b"Hello, world"


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content\r\n\r\n", OK + b"content-length: 0\r\n\r\n", CHUNKED])
def test_a_body_of_nothing_ends_at_once(answer: Callable[[bytes], ArrivingResponse], head: bytes) -> None:
    response = answer(head + (b"0\r\n\r\n" if head is CHUNKED else b""))

    assert response.receive(PATIENCE) == b""
    assert response.complete


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", id="chunked"),
        pytest.param(b"Content-Length: 2\r\n\r\nhi", id="by length"),
    ],
)
def test_an_end_that_came_with_the_last_bytes_is_still_to_be_received(
    answer: Callable[[bytes], ArrivingResponse], message: bytes
) -> None:
    response = answer(b"HTTP/1.1 200 OK\r\n" + message)
    while (body := response.receive_now()) is None:
        pass
    assert body == b"hi"
    assert response.more
    assert response.receive_now() == b""


def test_interim_answers_are_passed_over(answer: Callable[[bytes], ArrivingResponse]) -> None:
    interim = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    )

    response = answer(interim + OK + b"content-length: 2\r\n\r\nHi")

    assert (response.status, read(response), response.getheader("link")) == (200, b"Hi", None)


def test_interim_answers_without_end_are_refused(answer: Callable[[bytes], ArrivingResponse]) -> None:
    with pytest.raises(http.client.BadStatusLine):
        answer(b"HTTP/1.1 100 Continue\r\n\r\n" * 101)


BROKEN = {
    "cut before its length": (OK + b"content-length: 13\r\n\r\nHello, world", http.client.IncompleteRead),
    "cut in a chunk": (CHUNKED + b"d\r\nHello, world", http.client.IncompleteRead),
    "cut before the last chunk": (CHUNKED + chunk(b"Hello, world"), http.client.IncompleteRead),
    "cut in the last chunk": (CHUNKED + chunk(b"Hello, world") + b"0\r\n", http.client.IncompleteRead),
    "not chunked": (CHUNKED + b"Hello, world\r\n", ProtocolError),
    "not compressed": (OK + GZIP + b"\r\nHello, world", DecodeError),
    "of an unknown compression": (OK + b"content-encoding: br\r\n\r\nHello", DecodeError),
    "of an unknown transfer coding": (OK + b"transfer-encoding: gzip, chunked\r\n\r\n", ProtocolError),
}


@pytest.mark.parametrize(("octets", "error"), BROKEN.values(), ids=BROKEN.keys())
def test_a_body_that_is_not_what_its_head_says_is_no_end(
    answer: Callable[[bytes], ArrivingResponse], hang_up: Callable[[], None], octets: bytes, error: type[Exception]
) -> None:
    response = answer(octets)
    hang_up()

    with pytest.raises(error):
        read(response)
    assert not response.complete


@pytest.mark.parametrize(
    "octets", [OK + b"content-length: 2\r\n\r\nHi there", CHUNKED + chunk(b"Hi") + b"0\r\n\r\nHTTP/1.1 200 OK\r\n"]
)
def test_bytes_behind_the_end_are_dropped_together_with_the_connection(
    answer: Callable[[bytes], ArrivingResponse], octets: bytes
) -> None:
    response = answer(octets)

    assert read(response) == b"Hi"
    assert response.complete
    assert response.will_close


def test_a_flood_comes_in_pieces_and_what_is_not_read_waits_at_the_sender(
    answer: Callable[[bytes], ArrivingResponse], pair: tuple[socket.socket, socket.socket]
) -> None:
    response = answer(OK + b"\r\n")
    flood = 8 << 20

    def pour() -> None:
        with pair[1]:
            pair[1].sendall(b"x" * flood)

    sender = threading.Thread(target=pour, daemon=True)
    sender.start()

    first = response.receive(PATIENCE)
    assert first
    assert len(first) <= 65536
    sender.join(0.1)
    assert sender.is_alive()

    assert len(first) + len(read(response)) == flood
    sender.join(PATIENCE)


def test_what_is_compressed_very_well_comes_in_pieces(
    answer: Callable[[bytes], ArrivingResponse], hang_up: Callable[[], None]
) -> None:
    bomb = gzip(b"\0" * (32 << 20), level=9)
    assert len(bomb) < 65536
    response = answer(OK + GZIP + b"\r\n" + bomb)
    hang_up()

    sizes = []
    while piece := response.receive(PATIENCE):
        sizes.append(len(piece))

    assert sum(sizes) == 32 << 20
    assert max(sizes) == 65536


def test_a_piece_that_fills_what_is_read_at_once_is_not_the_end(
    answer: Callable[[bytes], ArrivingResponse], send: Callable[[bytes], None], hang_up: Callable[[], None]
) -> None:
    """Behind exactly so many bytes the compressor's mark is all that is left over: no bytes, and no end either."""
    compressor = zlib.compressobj(wbits=31)
    response = answer(OK + GZIP + b"\r\n")
    send(compressor.compress(b"\0" * 65536) + compressor.flush(zlib.Z_SYNC_FLUSH))
    assert len(response.receive(PATIENCE) or b"") == 65536

    send(compressor.compress(b"Hello") + compressor.flush())
    hang_up()

    assert read(response) == b"Hello"


@pytest.mark.parametrize(
    "drip",
    [
        pytest.param((CHUNKED, b"1;x\r\n"[:3]), id="the marks of a chunk"),
        pytest.param((CHUNKED[:-2] + GZIP + b"\r\n" + chunk(gzip(b"")[:10]), chunk(b"\0\0\0\xff\xff")), id="of gzip"),
    ],
)
def test_a_wait_is_no_longer_for_bytes_that_say_nothing(
    answer: Callable[[bytes], ArrivingResponse], send: Callable[[bytes], None], drip: tuple[bytes, bytes]
) -> None:
    response = answer(drip[0])
    over = threading.Event()

    def drop() -> None:
        while not over.wait(SOON):
            send(drip[1])

    dripping = threading.Thread(target=drop, daemon=True)
    dripping.start()
    try:
        began = time.monotonic()
        assert response.receive(0.3) is None
        assert time.monotonic() - began < PATIENCE
    finally:
        over.set()
        dripping.join(PATIENCE)
