"""A connection that requests has opened and kept, asked again directly.

Opening one takes what requests and urllib3 know of names, proxies and certificates. Once it is there, another request
is a head and a body to be written, and a head to be read: the layers in between cost twice as much as translating the
request does.
"""

from __future__ import annotations

import select
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gevent import monkey
from requests.exceptions import InvalidHeader

from packy.upstream.arriving import ArrivingResponse
from packy.upstream.pools import arriving_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from packy.upstream.pools import ArrivingConnection, ArrivingPool

__all__ = ["Answered", "answered", "ask_kept"]

# gevent's own would let others have their turn in the middle of a look.
_Poll: Final = monkey.get_original("select", "poll")
# A larger body is not copied to go out together with its head.
_SMALL: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Answered:
    """The head of an answer, and its body to come.

    Attributes:
        status: HTTP status.
        headers: names in lower case.
        body: the rest.
        keep: gives the connection back, once the body has come to its end.
        close: closes it.
    """

    status: int
    headers: Mapping[str, str]
    body: ArrivingResponse
    keep: Callable[[], object]
    close: Callable[[], object]


def answered(response: requests.Response) -> Answered:
    """Take an answer that came through an `ArrivingAdapter`, opened with `stream=True`."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    # All but this can go: the request with its body, cookies, histories.
    raw = response.raw
    return Answered(response.status_code, headers, arriving_body(response), raw.release_conn, raw.close)


def ask_kept(pool: ArrivingPool, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
    """Ask again over a connection that is open.

    Args:
        pool: has kept it.
        target: of the request line.
        headers: all but `Host`.
        body: of the request.

    Returns:
        The answer; None where there is no such connection.

    Raises:
        InvalidHeader: of requests: the headers cannot be written, over whatever connection.
        OSError, HTTPException: the connection broke.
    """
    head = _head(pool, target, headers)
    if (connection := _kept(pool)) is None:
        return None
    sock = connection.sock
    answer = ArrivingResponse(sock, method="POST")

    def close() -> None:
        answer.close()
        connection.close()

    def keep() -> None:
        pool.put_back(connection)

    try:
        sock.settimeout(None)
        # Whoever refuses a request before the end of its body may have said why.
        with suppress(BrokenPipeError, ConnectionResetError):
            if len(body) < _SMALL:
                sock.sendall(head + body)
            else:
                sock.sendall(head)
                sock.sendall(body)
        answer.begin()
    except BaseException:
        close()
        # The others may be as stale as this one was.
        pool.put_back(None)
        raise
    found: dict[str, str] = {}
    for name, value in answer.headers.items():
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return Answered(answer.status, found, answer, keep, close)


def _head(pool: ArrivingPool, target: str, headers: Mapping[str, str]) -> bytes:
    """Write the request line and the headers."""
    lines = [f"POST {target} HTTP/1.1", f"Host: {pool.authority}", *map(": ".join, headers.items()), "", ""]
    try:
        head = "\r\n".join(lines).encode("latin-1")
    except UnicodeEncodeError:
        head = b""
    if not head.count(b"\r") == head.count(b"\n") == len(lines) - 1:
        # In words of our own: the libraries' would repeat the value.
        raise InvalidHeader("a value that no header can have")
    return head


def _kept(pool: ArrivingPool) -> ArrivingConnection | None:
    """Take an idle connection from a pool."""
    while connection := pool.take_out():
        poll = _Poll()
        poll.register(connection.sock, select.POLLIN)
        if not poll.poll(0):
            return connection
        connection.close()  # the provider has closed it meanwhile, or says what nobody has asked for
    return None
