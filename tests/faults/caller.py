"""A client that keeps its connection, sends octets when it is told to, and believes nothing but whole answers."""

from __future__ import annotations

from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Self

import orjson

from tests.support.connection import Answer, connect
from tests.support.small_request import small_request

if TYPE_CHECKING:
    from tests.support.gateway import Gateway


def encode(gateway: Gateway, path: str = "/v1/messages", **fields: Any) -> bytes:
    """Give the octets of a POST with a small Messages request; keywords replace its fields."""
    data = orjson.dumps(small_request(**fields))
    lines = [f"POST {path} HTTP/1.1", "host: packy", f"content-length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in gateway.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


class Caller:
    """One connection to a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.socket = connect(gateway.url)
        self._responses: list[HTTPResponse] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for response in self._responses:
            response.close()
        self.socket.close()

    def send(self, octets: bytes) -> Self:
        """Send; nothing is waited for."""
        self.socket.sendall(octets)
        return self

    def begin(self) -> HTTPResponse:
        """Read the head of an answer."""
        response = HTTPResponse(self.socket)
        self._responses.append(response)
        response.begin()
        return response

    def read(self) -> Answer:
        """Read one answer to its end; http.client's IncompleteRead, or a ConnectionError, if it is cut."""
        return finish(self.begin())

    def ended(self) -> bool:
        """Wait for whatever comes next; tell whether it is the end of the connection."""
        try:
            return not self.socket.recv(1)
        except ConnectionResetError:
            return True


def finish(response: HTTPResponse) -> Answer:
    """Read the rest of an answer whose head has been read."""
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())
