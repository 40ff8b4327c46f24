"""What a gateway costs that does nothing: bare Flask views under gunicorn, the floor beneath packy's figures.

`proxy` reads a request as JSON and hands it on with requests, the answer comes back as it is: nobody is authenticated,
nothing is translated, checked, counted or logged. `flask_alone` asks nobody and answers at once. Under a gevent worker,
like packy. The environment variable BENCH_UPSTREAM is the URL that `proxy` hands requests on to.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import orjson
import requests
from flask import Flask, Response, request

from bench.sample import STAMP_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["flask_alone", "proxy"]

_READ = 65_536
_TIMEOUT = 60.0
_EVENTS = 'data: {"delta":"@%0*d"}\n\nevent: message_stop\ndata: {}\n\n'

proxy = Flask("proxy")
flask_alone = Flask("flask_alone")
_session = requests.Session()


@proxy.post("/v1/messages")
def hand_on() -> Response:
    """Hand a request on, and what comes back."""
    orjson.loads(request.get_data())
    answer = _session.post(os.environ["BENCH_UPSTREAM"], data=request.get_data(), stream=True, timeout=_TIMEOUT)
    return Response(answer.raw.stream(_READ), content_type="text/event-stream")


@flask_alone.post("/v1/messages")
def answer_at_once() -> Response:
    """Read a request, and answer with one delta."""
    request.get_data()
    return Response(_one_delta(), content_type="text/event-stream")


def _one_delta() -> Iterator[bytes]:
    yield (_EVENTS % (STAMP_DIGITS, time.monotonic_ns() // 1000)).encode()
