"""A plain connection to a server, for what an HTTP client would not send or would hide; and an answer read from it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """A whole answer; the names of its headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends with it."""
        return self.headers.get("connection") == "close"


def connect(url: str, source: str | None = None) -> socket.socket:
    """Open a connection to a server, from an address of one's own if that is asked for."""
    parts = urlsplit(url)
    return socket.create_connection(
        (parts.hostname, parts.port), timeout=PATIENCE, source_address=(source, 0) if source else None
    )
