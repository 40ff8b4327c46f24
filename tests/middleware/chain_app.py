"""The whole chain around a small application, for a real gunicorn. The path says how the application behaves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import gevent

from middleware import compose
from packy.config import ConfigSchema, Snapshot, SnapshotStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    Behave = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

KEY = "key-for-tests-" + "k" * 32
SECRET = "canary-4d4d"


def read(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer the size of the body."""
    size = str(len(environ["wsgi.input"].read())).encode()
    start_response("200 OK", [("content-length", str(len(size)))])
    return [size]


def ignore(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer without reading the body."""
    start_response("200 OK", [("content-length", "7")])
    return [b"ignored"]


def fail(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Fail after the headers, before the first chunk."""
    start_response("200 OK", [("content-length", "7"), ("content-type", "text/plain")])
    return (bytes(int(text)) for text in [SECRET])


def break_off(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Fail after the first chunk."""
    start_response("200 OK", [])
    yield b"begun"
    raise ValueError(SECRET)


class Endless:
    """A stream that goes on until it is closed, and says so when it is."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"tick" * 64
            gevent.sleep(0.005)

    def close(self) -> None:
        print("closed", file=sys.__stderr__)


def stream(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stream without end."""
    start_response("200 OK", [])
    return Endless()


BEHAVIOURS: dict[str, Behave] = {
    "/v1/messages": read, "/ignore": ignore, "/fail": fail, "/break": break_off, "/stream": stream,
}  # fmt: skip


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return BEHAVIOURS.get(environ["PATH_INFO"], ignore)(environ, start_response)


snapshot = ConfigSchema().load({"limits": {"max-body": "64KiB"}, "client-keys": [{"label": "tests", "key": KEY}]})
assert isinstance(snapshot, Snapshot)
application = compose(app, SnapshotStore(snapshot))
