"""`POST /v1/messages` and `POST /v1/messages/count_tokens`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent
from flask import Blueprint, Response, current_app, request

from packy import translation
from packy.errors import InvalidRequest
from packy.exchange import Call, Exchange
from packy.routing import resolve, shown_model
from packy.tokens import count_request
from packy.translation import prompt_cache_key, session_id_of
from packy.upstream import SHUTTING_DOWN, Caller, ClientGone, ClientWatch, ShuttingDown, UpstreamError

if TYPE_CHECKING:
    from packy.config import Snapshot
    from packy.telemetry import RequestRecord

__all__ = ["UPSTREAMS", "blueprint"]

UPSTREAMS = "packy.upstreams"
"""Key under which the application holds its Upstreams."""

blueprint = Blueprint("messages", __name__)

_CLIENT_CLOSED_REQUEST = 499
_LONGEST_SESSION_ID = 200


@blueprint.post("/v1/messages")
def create_message() -> Response:
    """Answer a Messages request, streamed if it asks for a stream.

    Returns:
        Server-sent events, or one message; `x-packy-dropped` names the fields that could not be carried.

    Raises:
        GatewayError: in the caller's request, in the configuration, or upstream before anything has gone out.
    """
    record: RequestRecord = request.environ["packy.record"]
    body = _json_object()
    snapshot: Snapshot = request.environ["packy.snapshot"]
    model = _model(body)
    record["model"] = shown_model(snapshot, model)
    record["stream"] = streaming = body.get("stream") is True
    call = Call(body, model, streaming, request.environ["packy.request_id"], _cache_key(body), snapshot)
    watch = ClientWatch(request.environ.get("gunicorn.socket"))
    exchange = None
    handed_on = False
    try:
        exchange = Exchange(call, current_app.extensions[UPSTREAMS], watch, record)
        exchange.open()
        headers = exchange.headers
        if streaming:
            # No proxy may hold events back: nginx obeys X-Accel-Buffering.
            headers |= {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
            answer = Response(
                exchange.stream(_caller()), content_type="text/event-stream; charset=utf-8", headers=headers
            )
        else:
            answer = _json(exchange.message(), headers)
        # Once the caller has it all: giving the connection back may wait a moment for the upstream.
        answer.call_on_close(exchange.close)
        handed_on = True
    except ClientGone:
        record["cancelled"] = True
        return Response(status=_CLIENT_CLOSED_REQUEST)
    except ShuttingDown:
        raise UpstreamError(SHUTTING_DOWN) from None
    else:
        return answer
    finally:
        if exchange is None:
            watch.stop()
        elif not handed_on:
            exchange.close()


@blueprint.post("/v1/messages/count_tokens")
def count_tokens() -> Response:
    """Count the input tokens of a Messages request, here: nothing goes upstream.

    Returns:
        `{"input_tokens": N}`.

    Raises:
        InvalidRequest: the body is no request.
    """
    body = _json_object()
    requested = _model(body)
    try:
        translation.check_request(body)
    except translation.InvalidRequest as error:
        raise InvalidRequest(error.path, error.problem) from None
    snapshot: Snapshot = request.environ["packy.snapshot"]
    model = resolve(snapshot, requested, body).model.name if snapshot.providers else requested
    # In a real thread the tokenizer runs beside the worker's streams instead of holding them up.
    tokens = gevent.get_hub().threadpool.apply(count_request, (body, model))
    return _json({"input_tokens": tokens}, {})


def _caller() -> Caller | None:
    """Give the caller's connection, where the server lets us have it."""
    socket = request.environ.get("gunicorn.socket")
    if socket is None:
        return None
    chunked = request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
    request.environ["packy.caller"] = caller = Caller(socket, chunked=chunked)
    return caller


def _json_object() -> dict[str, Any]:
    try:
        body = translation.loads(request.get_data(cache=False))
    except ValueError as error:
        raise InvalidRequest("", f"the body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidRequest("", "the body must be a JSON object")
    return body


def _model(body: dict[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("model", "must be a non-empty string")
    return model


def _json(document: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(translation.dumps(document), content_type="application/json", headers=headers)


def _cache_key(body: dict[str, Any]) -> str | None:
    session = request.headers.get("X-Claude-Code-Session-Id") or session_id_of(body.get("metadata"))
    if not session:
        return None
    agent = request.headers.get("X-Claude-Code-Agent-Id", "")
    client: str = request.environ["packy.client"]
    return prompt_cache_key(session[:_LONGEST_SESSION_ID], client, agent[:_LONGEST_SESSION_ID])
