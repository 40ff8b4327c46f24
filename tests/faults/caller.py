"""A client that keeps its connection, sends octets when it is told to, and believes nothing but whole answers."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import orjson

if TYPE_CHECKING:
    from tests.support.gateway import Gateway

PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends with it."""
        return self.headers.get("connection") == "close"


def encode(gateway: Gateway, path: str = "/v1/messages", **fields: Any) -> bytes:
    """Give the octets of a POST with a small Messages request; keywords replace its fields."""
    question = {"model": "gpt-5", "max_tokens": 256, "messages": [{"role": "user", "content": "Hi."}], **fields}
    data = orjson.dumps(question)
    lines = [f"POST {path} HTTP/1.1", "host: packy", f"content-length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in gateway.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


class Caller:
    """One connection to a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        address = urlsplit(gateway.url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=PATIENCE)
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
