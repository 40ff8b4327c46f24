"""The demo upstream as a WSGI application for gevent's server: routes, authorisation, and how each answer is sent."""

from __future__ import annotations

import hmac
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import gevent
import orjson

from packy.demo import persona
from packy.demo.capture import Capture
from packy.demo.catalogue import LISTED_MODELS, is_served
from packy.demo.control import control
from packy.demo.errors import ApiError
from packy.demo.events import Answer, frame
from packy.demo.script import load_script
from packy.demo.settings import Settings
from packy.demo.transport import ClientGone, Cut, Transport, client_watched, hang, paced, split, travel
from packy.demo.usage import PromptCache
from packy.demo.validate import parse, validate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from packy.demo.capture import Exchange
    from packy.demo.script import Rule

__all__ = ["SOCKET", "UNFRAME", "Upstream"]

SOCKET: Final = "packy.demo.socket"
"""WSGI environ key: the client's connection, a gevent socket."""
UNFRAME: Final = "packy.demo.unframe"
"""WSGI environ key: a function; called before the headers, it lets the body end with the connection."""

_JSON: Final = "application/json"
_STREAM: Final = "text/event-stream; charset=utf-8"
_PLAIN: Final = Transport()


class Upstream:
    """One upstream: its settings, its script and what it has seen.

    Args:
        settings: standing behaviour; a script's settings come on top.

    Attributes:
        script: the script in force.
        capture: requests, answers and counters.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._prompts = PromptCache()
        self.capture = Capture()
        self.script = load_script({}, self._settings)

    def put(self, source: Any) -> None:  # noqa: ANN401 - any JSON value
        """Put a script into force.

        Raises:
            ScriptError: if it is not valid; the one before stays.
        """
        self.script = load_script(source, self._settings)

    def reset(self) -> None:
        """Forget requests, counters, prompt cache and script."""
        self.capture.reset()
        self._prompts.forget()
        self.put({})

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        """Answer one request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path.startswith("/__demo__/"):
            body = environ["wsgi.input"].read()
            route = path.removeprefix("/__demo__/")
            status, document = control(self, method, route, environ.get("HTTP_HOST", ""), body)
            yield from _send(start_response, status, orjson.dumps(document))
        elif method == "POST" and path.endswith("/responses"):
            yield from self._responses(environ, start_response)
        elif method == "GET" and path.endswith("/models"):
            yield from _send(start_response, *self._models(environ))
        else:
            error = {"message": f"Invalid URL ({method} {path})", "type": "invalid_request_error"}
            document = {"error": {**error, "param": None, "code": None}}
            yield from _send(start_response, 404, orjson.dumps(document))

    def _models(self, environ: WSGIEnvironment) -> tuple[int, bytes]:
        settings = self.script.settings
        try:
            _authorise(environ.get("HTTP_AUTHORIZATION", ""), settings.keys)
        except ApiError as error:
            return error.status, error.body()
        plain = [pattern for pattern in settings.models if not {"*", "?"} & set(pattern)]
        names = [name for name in dict.fromkeys((*LISTED_MODELS, *plain)) if is_served(name, settings.models)]
        models = [{"id": name, "object": "model", "created": 1754524800, "owned_by": "packy-demo"} for name in names]
        return 200, orjson.dumps({"object": "list", "data": models})

    def _responses(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        headers = {
            key.removeprefix("HTTP_").replace("_", "-").lower(): value
            for key, value in environ.items()
            if key.startswith("HTTP_") or key in {"CONTENT_TYPE", "CONTENT_LENGTH"}
        }
        query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
        path = environ["PATH_INFO"] + query
        exchange = self.capture.begin("POST", path, headers, environ["wsgi.input"].read())
        cancelled = False
        try:
            with client_watched(environ[SOCKET]):
                yield from self._answered(exchange, environ, start_response)
        except (ClientGone, GeneratorExit):
            cancelled = True
            raise
        finally:
            self.capture.end(exchange, cancelled=cancelled)

    def _answered(self, exchange: Exchange, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        script = self.script
        try:
            _authorise(exchange.headers.get("authorization", ""), script.settings.keys)
            request = parse(exchange.body)
            validate(request, script.settings)
        except ApiError as error:
            self.capture.answer(exchange, error.status)
            yield from _send(start_response, error.status, error.body())
            return
        exchange.rule = script.choose(request, exchange.headers, exchange.path)
        rule = None if exchange.rule is None else script.rules[exchange.rule]
        transport = rule.transport if rule else _PLAIN
        if transport.hang_before_headers:
            hang()
        gevent.sleep(transport.delay_headers)
        sock = environ[SOCKET]
        if rule and rule.kind == "wire":
            sock.sendall(rule.answer)
            raise Cut
        frames, status, headers = self._body(exchange, request, rule, script.settings)
        self.capture.answer(exchange, status)
        if transport.content_type:
            headers["content-type"] = transport.content_type
        if transport.gzip:
            headers["content-encoding"] = "gzip"
            headers.pop("content-length", None)
        if transport.framing == "close":
            environ[UNFRAME]()
            headers["connection"] = "close"
            headers.pop("content-length", None)
        start_response(_status_line(status), list(headers.items()))(b"")
        gevent.sleep(transport.delay_first_event)
        yield from travel(frames, transport, sock)

    def _body(
        self, exchange: Exchange, request: dict[str, Any], rule: Rule | None, settings: Settings
    ) -> tuple[Iterator[bytes], int, dict[str, str]]:
        """Build an answer: its body in parts, its status, its headers."""
        transport = rule.transport if rule else _PLAIN
        rate = settings.rate if transport.rate is None else transport.rate
        headers = {"x-request-id": f"req_{exchange.number:032x}", "openai-version": "2020-10-01"}
        if rule and rule.kind == "http":
            return _http_body(rule.answer, headers)
        if rule and rule.kind == "raw":
            headers["content-type"] = _STREAM
            return paced(split(rule.answer, transport.pieces), rate), 200, headers
        answer = Answer(
            request,
            rule.answer if rule else persona.answer(request),
            prompt=self._prompts.count(request),
            chunk=settings.chunk if transport.chunk is None else transport.chunk,
            account=settings.account,
        )
        exchange.output = answer.output
        frames = paced(self._frames(exchange, request["model"], answer), rate)
        if request.get("stream"):
            return frames, 200, {**headers, "content-type": _STREAM, "cache-control": "no-cache"}
        for _ in frames:
            pass
        status, document = _folded(answer)
        return iter((document,)), status, {**headers, "content-type": _JSON, "content-length": str(len(document))}

    def _frames(self, exchange: Exchange, model: str, answer: Answer) -> Iterator[bytes | float]:
        for event in answer.events():
            if isinstance(event, float):
                yield event
            else:
                yield frame(event)
                exchange.events += 1
        if answer.response is not None:
            self.capture.tally(exchange, model, answer.tokens)


def _authorise(header: str, keys: tuple[str, ...] | None) -> None:
    scheme, _, key = header.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise ApiError("Missing bearer or basic authentication in header", status=401)
    if keys is not None and not any(hmac.compare_digest(key.encode(), valid.encode()) for valid in keys):
        shown = f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)  # noqa: PLR2004 - as the API masks
        message = (
            f"Incorrect API key provided: {shown}. "
            "You can find your API key at https://platform.openai.com/account/api-keys."
        )
        raise ApiError(message, code="invalid_api_key", status=401)


def _http_body(answer: dict[str, Any], headers: dict[str, str]) -> tuple[Iterator[bytes], int, dict[str, str]]:
    body = answer["body"]
    document = body.encode() if isinstance(body, str) else orjson.dumps(body)
    kind = "text/html; charset=utf-8" if isinstance(body, str) else _JSON
    given = {name.lower(): value for name, value in answer["headers"].items()}
    headers = {**headers, "content-type": kind, "content-length": str(len(document)), **given}
    return iter((document,)), answer["status"], headers


def _folded(answer: Answer) -> tuple[int, bytes]:
    """Build the body for a caller that did not ask for a stream."""
    if answer.response is not None:
        return 200, orjson.dumps(answer.response)
    error = {"message": "The server had an error while processing your request.", "type": "server_error"}
    return 500, orjson.dumps({"error": {**error, "param": None, "code": None}})


def _send(start_response: StartResponse, status: int, body: bytes) -> Iterator[bytes]:
    headers = [("content-type", _JSON), ("content-length", str(len(body))), ("x-request-id", f"req_{time.time_ns():x}")]
    start_response(_status_line(status), headers)
    yield body


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"
