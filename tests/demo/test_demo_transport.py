from __future__ import annotations

import gzip
import itertools
import json
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests

from packy.demo import pause, raw, rule, silence, text
from packy.demo.transport import Transport, paced, split

if TYPE_CHECKING:
    from packy.demo import DemoUpstream

Json = dict[str, Any]
Ask = Callable[..., requests.Response]
Events = Callable[..., list[Json]]
Connect = Callable[..., AbstractContextManager[socket.socket]]

HELLO = text("Hello there")
END = b"0\r\n\r\n"


def received(sock: socket.socket) -> tuple[bytes, bool]:
    """Everything until the connection ends, and whether it was reset."""
    found = b""
    while True:
        try:
            octets = sock.recv(65536)
        except ConnectionResetError:
            return found, True
        if not octets:
            return found, False
        found += octets


def until(sock: socket.socket, words: bytes) -> bytes:
    found = b""
    while words not in found:
        octets = sock.recv(65536)
        assert octets, found
        found += octets
    return found


@pytest.mark.parametrize("events_sent", [0, 1, 3])
def test_a_stream_is_cut_after_so_many_events(events_sent: int, upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(HELLO, cut_after_events=events_sent))
    with connect() as sock:
        octets, was_reset = received(sock)
    assert octets.startswith(b"HTTP/1.1 200 OK\r\n")
    assert octets.count(b"event: ") == events_sent
    assert not octets.endswith(END)
    assert not was_reset


def test_a_cut_may_be_a_reset(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(HELLO, cut_after_events=2, cut="reset"))
    with connect() as sock:
        octets, was_reset = received(sock)
    assert was_reset
    assert octets.count(b"event: ") == 2


def test_a_cut_may_look_like_a_proper_end(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(HELLO, cut_after_events=3, cut="end"))
    assert [sent["type"] for sent in events()][-1] == "response.output_item.added"


def test_a_body_is_cut_after_so_many_octets(upstream: DemoUpstream, ask: Ask) -> None:
    whole = b"event: a\ndata: {}\n\nevent: b\ndata: {}\n\n"
    for size in range(len(whole)):
        upstream.script(rule(raw(whole), pieces=7, cut_after_bytes=size, cut="end"))
        assert ask().content == whole[:size]


def test_without_a_stream_a_cut_leaves_less_than_the_announced_length(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(HELLO, cut_after_bytes=100))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        ask(stream=False)


def test_a_stream_may_end_properly_without_its_terminal_event(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(HELLO, silence()))
    with connect() as sock:
        octets = until(sock, END)
    assert b"event: response.output_item.done" in octets
    assert b"event: response.completed" not in octets


def test_a_body_may_end_with_the_connection(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(HELLO, framing="close"))
    with connect() as sock:
        octets, was_reset = received(sock)
    head, _, content = octets.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length" not in head.lower()
    assert b"connection: close" in head.lower()
    assert content.endswith(b"\n\n")
    assert not was_reset


@pytest.mark.parametrize("size", [1, 7, 100000])
def test_events_may_arrive_in_pieces(size: int, upstream: DemoUpstream, connect: Connect, events: Events) -> None:
    upstream.script(rule(HELLO, pieces=size))
    assert events()[-1]["type"] == "response.completed"
    with connect() as sock:
        octets = until(sock, END).partition(b"\r\n\r\n")[2]
    sizes = []
    while octets != END:
        length, octets = octets.split(b"\r\n", 1)
        sizes.append(int(length, 16))
        octets = octets[sizes[-1] + 2 :]
    assert max(sizes) <= size


def test_an_event_larger_than_the_buffers_reaches_a_slow_reader_whole(upstream: DemoUpstream, ask: Ask) -> None:
    body = bytes(range(256)) * 40_000
    upstream.script(rule(raw(body)))
    assert ask().content == body


def test_a_raw_body_is_sent_as_it_stands(upstream: DemoUpstream, ask: Ask) -> None:
    body = b"data: {\xff}\r\r\n\n: comment\n"
    upstream.script(rule(raw(body)))
    answer = ask()
    assert answer.content == body
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_body_may_be_compressed_though_nobody_asked(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(HELLO, gzip=True, framing="close"))
    with connect() as sock:
        head, _, content = received(sock)[0].partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head.lower()
    assert gzip.decompress(content).count(b"event: ") == 11


def test_the_content_type_may_be_wrong(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(raw(b"<html>"), content_type="text/html"))
    answer = ask()
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/html", "<html>")


def test_utf8_may_be_invalid_once(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(HELLO, invalid_utf8=True))
    content = ask().content
    assert content.count(b"\xff\xfe") == 1
    with pytest.raises(UnicodeDecodeError):
        content.decode()


def test_a_line_may_never_end(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(HELLO, endless_line=True))
    with connect() as sock:
        until(sock, b"response.completed")
        sock.settimeout(5)
        assert len(b"".join(sock.recv(65536) for _ in range(50))) > 50
    assert upstream.wait(lambda u: u.in_flight == 0)


def test_delays_come_before_the_headers_and_before_the_first_event(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(HELLO, delay_headers=0.1, delay_first_event=0.1))
    with connect() as sock:
        start = time.monotonic()
        head = until(sock, b"\r\n\r\n")
        headers_after = time.monotonic() - start
        assert b"event:" not in head
        until(sock, b"event:")
        first_event_after = time.monotonic() - start
    assert 0.09 < headers_after < 0.19
    assert first_event_after > 0.19


@pytest.mark.parametrize(
    ("fault", "status_line", "events_sent"),
    [
        ({"hang_before_headers": True}, False, 0),
        ({"hang_after_events": 0}, True, 0),
        ({"hang_after_events": 2}, True, 2),
    ],
    ids=["before the headers", "before the events", "between events"],
)
def test_an_answer_may_fall_silent_for_good(
    *, fault: Json, status_line: bool, events_sent: int, upstream: DemoUpstream, connect: Connect
) -> None:
    upstream.script(rule(HELLO, **fault))
    with connect() as sock:
        sock.settimeout(0.15)
        found = b""
        with suppress(TimeoutError):
            while octets := sock.recv(65536):
                found += octets
            pytest.fail("the connection was closed")
        assert found.startswith(b"HTTP/1.1 200 OK") == status_line
        assert found.count(b"event: ") == events_sent
        assert upstream.in_flight == 1
    assert upstream.wait(lambda u: u.in_flight == 0, seconds=1)


def test_a_stream_keeps_to_its_schedule(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(text("x" * 40), chunk=1), rate=200)
    with connect() as sock:
        until(sock, b"event: response.created")
        start = time.monotonic()
        until(sock, END)
        took = time.monotonic() - start
    assert 47 / 200 * 0.9 < took < 47 / 200 + 0.25


def test_delays_do_not_add_up_and_pauses_shift_the_schedule() -> None:
    arrivals = []
    start = time.monotonic()
    for number, _ in enumerate(paced([b"", b"", b"", 0.1, b"", b""], 50)):
        arrivals.append(time.monotonic() - start)
        if number == 0:
            time.sleep(0.03)
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert arrivals[1] == pytest.approx(0.03, abs=0.015)  # late, and at once
    assert arrivals[2] == pytest.approx(0.04, abs=0.015)  # in time again
    assert gaps[2] > 0.1
    assert arrivals[4] == pytest.approx(0.18, abs=0.03)


def test_a_pause_is_silence_in_the_middle(upstream: DemoUpstream, connect: Connect) -> None:
    upstream.script(rule(text("before"), pause(0.15), text("after")))
    with connect() as sock:
        until(sock, b"event: response.output_item.done")
        start = time.monotonic()
        until(sock, END)
    assert time.monotonic() - start > 0.1


def test_faults_do_not_reach_the_next_request_on_the_same_connection(
    upstream: DemoUpstream, session: requests.Session, body: Json
) -> None:
    upstream.script(rule(HELLO, pieces=3, gzip=True, times=1))
    for _ in range(3):
        answer = session.post(f"{upstream.url}/responses", json=body, timeout=10)
        assert answer.content.endswith(b"\n\n")
    assert upstream.stats["total_connections"] == 1
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("size", [0, 1, 3, 10, 11])
def test_split_parts_make_the_whole(size: int) -> None:
    parts = list(split(b"0123456789", size))
    assert b"".join(parts) == b"0123456789"
    assert all(len(part) == (size or 10) for part in parts[:-1])


def test_the_script_knows_every_field_of_the_transport(upstream: DemoUpstream) -> None:
    values: Json = {"cut": "fin", "framing": "close", "content_type": "text/html", "rate": 1, "chunk": 1}
    defaults = json.loads(json.dumps({name: getattr(Transport(), name) for name in Transport.__slots__}))
    upstream.script(rule(HELLO, **{**defaults, **values}))
