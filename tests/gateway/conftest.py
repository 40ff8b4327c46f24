"""Fixtures: one gateway on one demo upstream for the whole folder, and how to speak to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson
import psutil
import pytest
import requests

from packy.demo import DemoUpstream
from tests.support.connection import connect as connect_to
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

Json = dict[str, Any]


class Post(Protocol):
    """Sends a body to a gateway; `as_json` for anything serialisable, `data` for bytes as they are."""

    def __call__(self, as_json: Any = None, path: str = "/v1/messages", **options: Any) -> requests.Response: ...


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[DemoUpstream]:
    """The one of all modules here, as `gateway` is."""
    with DemoUpstream() as running:
        yield running


@pytest.fixture(scope="session")
def shared_gateway(upstream_process: DemoUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), config_for(upstream_process.url)) as running:
        yield running


@pytest.fixture
def gateway(shared_gateway: Gateway, upstream: DemoUpstream) -> Iterator[Gateway]:
    """The gateway; whatever a test does to it, its worker lives on and meets nothing that it does not expect."""
    assert upstream.port
    workers, before = shared_gateway.worker_pids(), len(shared_gateway.lines("uncaught"))
    yield shared_gateway
    assert shared_gateway.worker_pids() == workers, "the worker has died"
    uncaught = [line["location"] for line in shared_gateway.lines("uncaught")[before:]]
    assert uncaught == []
    assert "Traceback" not in shared_gateway.text


@pytest.fixture
def post(gateway: Gateway) -> Post:
    """Post to the gateway, with its client key."""

    def send(as_json: Any = None, path: str = "/v1/messages", **options: Any) -> requests.Response:
        if as_json is not None:
            options["data"] = orjson.dumps(as_json)
        headers = {**gateway.headers, "content-type": "application/json", **options.pop("headers", {})}
        return requests.post(gateway.url + path, headers=headers, timeout=20, **options)

    return send


@pytest.fixture
def octets(gateway: Gateway) -> Callable[[Json], bytes]:
    """A body → the octets of its `POST /v1/messages`."""

    def encode(body: Json) -> bytes:
        data = orjson.dumps(body)
        lines = [b"POST /v1/messages HTTP/1.1", b"host: 127.0.0.1", b"content-length: %d" % len(data)]
        lines += [f"{name}: {value}".encode() for name, value in gateway.headers.items()]
        return b"\r\n".join([*lines, b"", data])

    return encode


@pytest.fixture
def connect(gateway: Gateway, octets: Callable[[Json], bytes]) -> Iterator[Callable[..., socket.socket]]:
    """Open plain connections to the gateway, with requests already sent; all are closed at the end."""
    opened: list[socket.socket] = []

    def open_connection(*bodies: Json) -> socket.socket:
        connection = connect_to(gateway.url)
        opened.append(connection)
        connection.sendall(b"".join(map(octets, bodies)))
        return connection

    yield open_connection
    for connection in opened:
        connection.close()


@pytest.fixture
def open_files() -> Callable[[Gateway], int]:
    """How many file descriptors a gateway's workers hold."""

    def count(gateway: Gateway) -> int:
        return sum(psutil.Process(pid).num_fds() for pid in gateway.worker_pids())

    return count
