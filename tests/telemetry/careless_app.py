"""A WSGI application that lets a secret escape in every way an application can. The secret comes in the request."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
import traceback
import warnings
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def fail(secret: str) -> None:
    raise ValueError(secret)


def in_greenlet(secret: str) -> None:
    gevent.spawn(fail, secret).join()


def in_thread(secret: str) -> None:
    thread = threading.Thread(target=fail, args=(secret,))
    thread.start()
    thread.join()


def in_pool(secret: str) -> None:
    gevent.get_hub().threadpool.spawn(fail, secret).wait()


def in_destructor(secret: str) -> None:
    class Careless:
        def __del__(self) -> None:
            fail(secret)

    Careless()


def in_callback(secret: str) -> None:
    gevent.get_hub().loop.run_callback(fail, secret)
    gevent.sleep(0.01)


def print_it(secret: str) -> None:
    print(secret)  # noqa: T201 - what is tested
    print(secret, file=sys.stderr)  # noqa: T201 - what is tested


def print_traceback(secret: str) -> None:
    try:
        fail(secret)
    except ValueError:
        traceback.print_exc()


def warn(secret: str) -> None:
    warnings.warn(secret, stacklevel=1)


def log_it(secret: str) -> None:
    for name in ("root", "gunicorn.error", "gunicorn.access", "urllib3.connectionpool", "werkzeug", "asyncio"):
        logging.getLogger(name).critical("%s " + secret, secret)  # noqa: G003 - what is tested
        logging.getLogger(name).debug(secret, extra={"secret": secret}, exc_info=ValueError(secret))


def block(_secret: str) -> None:
    while True:
        pass


def leave(_secret: str) -> None:
    os._exit(7)


def crash(_secret: str) -> None:
    ctypes.string_at(0)


WAYS: dict[str, Callable[[str], None]] = {
    "/" + way.__name__: way
    for way in (
        fail, in_greenlet, in_thread, in_pool, in_destructor, in_callback, print_it, print_traceback, warn, log_it,
        block, leave, crash,
    )
}  # fmt: skip


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    secret = environ["QUERY_STRING"]
    environ["wsgi.errors"].write(secret)
    if environ["PATH_INFO"] == "/midstream":
        start_response("200 OK", [])
        return _break_off(secret)
    WAYS.get(environ["PATH_INFO"], str)(secret)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def _break_off(secret: str) -> Iterable[bytes]:
    yield b"begun"
    fail(secret)
