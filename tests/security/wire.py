"""HTTP as octets: sends what no client library would send, and reads whatever comes back until the connection ends."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from tests.support.connection import Answer, connect

if TYPE_CHECKING:
    from collections.abc import Mapping


def converse(url: str, octets: bytes, source: str | None = None, *, end: bool = False) -> bytes:
    """Send octets, end the own direction if asked to, and read until the server ends the connection."""
    with connect(url, source) as connection:
        said = []
        try:
            connection.sendall(octets)
            if end:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                said.append(piece)
        except ConnectionError:
            pass  # refused in the middle of it; what has been said counts
        return b"".join(said)


def ask(url: str, octets: bytes, source: str | None = None, *, end: bool = False) -> list[Answer]:
    """Send octets and read all answers; nothing may come that is no whole answer."""
    return read_answers(converse(url, octets, source, end=end))


def read_answers(octets: bytes) -> list[Answer]:
    """Take octets apart into answers, framed by Content-Length, by chunks, or by the end of the connection."""
    answers = []
    while octets:
        head, gap, octets = octets.partition(b"\r\n\r\n")
        assert gap, f"no whole answer: {head[:200]!r}"
        line, *fields = head.decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/\d\.\d (\d{3}) ?.*", line)
        assert found, f"no status line: {line!r}"
        pairs = [field.partition(":") for field in fields]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        assert len(headers) == len(fields), f"a header comes twice: {fields}"
        if headers.get("transfer-encoding") == "chunked":
            body, octets = _unchunked(octets)
        else:
            length = int(headers.get("content-length", len(octets)))
            body, octets = octets[:length], octets[length:]
        if int(found[1]) != 100:
            answers.append(Answer(int(found[1]), headers, body))
    return answers


def _unchunked(octets: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        line, gap, octets = octets.partition(b"\r\n")
        assert gap, "the answer was cut"
        size = int(line, 16)
        body, octets = body + octets[:size], octets[size + 2 :]
        if not size:
            return body, octets


def request(
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    host: str = "x",
) -> bytes:
    """Give the octets of a proper request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if body and not {"content-length", "transfer-encoding"} & {name.lower() for name in headers or {}}:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
