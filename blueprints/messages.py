"""`POST /v1/messages` and `POST /v1/messages/count_tokens`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import gevent
from flask import Blueprint, Response, current_app, request

from packy import translation
from packy.errors import InvalidRequest
from packy.routing import resolve
from packy.tokens import count_request
from packy.translation import (
    MessageFolder,
    ResponseTranslator,
    StreamWriter,
    Target,
    UpstreamContext,
    prompt_cache_key,
    session_id_of,
    translate_request,
)
from packy.upstream import ClientGone, ClientWatch, Relay

if TYPE_CHECKING:
    from packy.config import Snapshot
    from packy.routing import Route
    from packy.telemetry import RequestRecord
    from packy.translation import (
        Translation,
    )
    from packy.upstream import Connector

__all__ = ["CONNECTOR", "blueprint"]

CONNECTOR = "packy.connector"
"""Key under which the application holds its Connector."""

blueprint = Blueprint("messages", __name__)

# Bytes of a serialised request that make a token, near enough until the upstream has counted.
_BYTES_PER_TOKEN = 4
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
    began = time.perf_counter()
    snapshot: Snapshot = request.environ["packy.snapshot"]
    record: RequestRecord = request.environ["packy.record"]
    body = _json_object()
    record["model"] = model = _model(body)
    record["stream"] = streaming = body.get("stream") is True
    route = resolve(snapshot, model, body)
    cache_key = _cache_key(body)
    translated = _translate(body, route, snapshot, cache_key)
    _note_route(record, route, translated)
    context = _context(route, snapshot, translated)
    translator = ResponseTranslator(
        StreamWriter(request.environ["packy.request_id"]) if streaming else MessageFolder(),
        message_id=f"msg_{uuid4().hex[:24]}",
        model=model,
        names=translated.names,
        context=context,
        estimate=context.estimate,
        reasoning=translated.reasoning,
    )
    headers = {"x-packy-dropped": ", ".join(translated.dropped)} if translated.dropped else {}

    connector: Connector = current_app.extensions[CONNECTOR]
    watch = ClientWatch(request.environ.get("gunicorn.socket"))
    relay = None
    handed_on = False
    try:
        with watch:
            connection = connector.open(route.provider, translated.payload, snapshot.timeouts, context, cache_key)
        record["upstream_status"] = connection.status
        relay = Relay(connection, translator, watch, lambda ended: _note_end(record, ended))
        relay.wait_for_content()
        record["ttft_ms"] = round((time.perf_counter() - began) * 1000, 1)
        if streaming:
            # No proxy may hold events back: nginx obeys X-Accel-Buffering.
            headers |= {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
            answer = Response(relay.stream(), content_type="text/event-stream; charset=utf-8", headers=headers)
        else:
            answer = _json(relay.message(), headers)
        # Once the caller has it all: giving the connection back may wait a moment for the upstream.
        answer.call_on_close(relay.close)
        handed_on = True
    except ClientGone:
        record["cancelled"] = True
        return Response(status=_CLIENT_CLOSED_REQUEST)
    else:
        return answer
    finally:
        if not handed_on:
            watch.stop()
            if relay is not None:
                relay.close()


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
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise InvalidRequest("messages", "must be an array of messages")
    snapshot: Snapshot = request.environ["packy.snapshot"]
    model = resolve(snapshot, requested, body).model.name if snapshot.providers else requested
    # In a real thread the tokenizer runs beside the worker's streams instead of holding them up.
    tokens = gevent.get_hub().threadpool.apply(count_request, (body, model))
    return _json({"input_tokens": tokens}, {})


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


def _translate(body: dict[str, Any], route: Route, snapshot: Snapshot, cache_key: str | None) -> Translation:
    target = Target(
        model=route.model.name,
        effort=route.effort,
        cache_key=cache_key,
        leading_developer_message=snapshot.compatibility.system_prompt == "developer-message",
        parameters=snapshot.compatibility.parameters,
    )
    try:
        return translate_request(body, target)
    except translation.InvalidRequest as error:
        raise InvalidRequest(error.path, error.problem) from None


def _context(route: Route, snapshot: Snapshot, translated: Translation) -> UpstreamContext:
    sources = snapshot.packycode.effective_sources
    return UpstreamContext(
        provider=route.provider.name,
        key_source=sources.get("credentials.openai-api-key", "config.yaml"),
        model=route.model.name,
        models=route.provider.models,
        context_window=route.model.context_window,
        estimate=len(translated.payload) // _BYTES_PER_TOKEN,
    )


def _note_route(record: RequestRecord, route: Route, translated: Translation) -> None:
    record["provider"] = route.provider.name
    record["upstream_model"] = route.model.name
    if route.effort:
        record["effort"] = route.effort
    if translated.dropped:
        record["dropped"] = ["unknown" if name in translated.unknown else name for name in translated.dropped]


def _note_end(record: RequestRecord, relay: Relay) -> None:
    translator = relay.translator
    if relay.cancelled:
        record["cancelled"] = True
    elif translator.failure:
        record["error_type"] = translator.failure.type
    if translator.stop_reason:
        record["stop_reason"] = translator.stop_reason
    for key in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"):
        if key in translator.usage:
            record[key] = translator.usage[key]
