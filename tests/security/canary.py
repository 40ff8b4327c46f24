"""Requests and answers with canaries in all that they say; what an upstream does wrong is in `tests/faults` as well."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import orjson

from packy.demo import call, error, event, failed, http, incomplete, item, raw, reasoning, rule, text, wire
from tests.support.canary import mark

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


def message(**fields: Any) -> Json:
    """Give a request with a canary in each field that holds text of the caller's."""
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + mark("image").encode()).decode()
    tool, call_id = mark("toolname"), f"toolu_{mark('callid')}"
    schema = {
        "type": "object",
        "title": mark("title"),
        "properties": {mark("property"): {"type": "string", "description": mark("propertydescription")}},
        mark("keyword"): mark("keywordvalue"),
    }
    content = [
        {"type": "text", "text": mark("text"), "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}},
        {"type": "image", "source": {"type": "url", "url": f"https://{mark('host')}.example/{mark('path')}.png"}},
        {
            "type": "document",
            "title": mark("documenttitle"),
            "context": mark("documentcontext"),
            "source": {"type": "text", "media_type": "text/plain", "data": mark("document")},
        },
    ]
    return {
        "model": "gpt-5",
        "max_tokens": 64,
        "system": [{"type": "text", "text": mark("system")}],
        "messages": [
            {"role": "user", "content": content},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": mark("thinking"), "signature": mark("signature")},
                    {"type": "text", "text": mark("answer")},
                    {"type": "tool_use", "id": call_id, "name": tool, "input": {mark("argument"): mark("value")}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": call_id, "content": mark("result")}],
            },
        ],
        "tools": [{"name": tool, "description": mark("description"), "input_schema": schema}],
        "metadata": {"user_id": mark("user"), mark("metadata"): mark("metadatavalue")},
        mark("unknownfield"): mark("unknownvalue"),
        **fields,
    }


def malformed() -> Iterator[bytes]:
    """Give bodies that are refused, each with canaries where it is wrong."""
    hi = [{"role": "user", "content": "Hi."}]
    yield f'{{"model": {mark("nojson")}'.encode()
    yield b'"' + mark("novalue").encode() + b'\xff"'
    wrong: list[Json] = [
        {"model": "gpt-5", "messages": mark("messages")},
        {"model": {mark("modelkey"): 1}, "messages": hi},
        {"model": f"a model {mark('model')}", "messages": hi, "max_tokens": 5},
        # Proper ones as far as their form goes, and none of a caller's own text is known to be harmless.
        *(
            {"model": name.format(mark("model")), "messages": hi, "max_tokens": 5}
            for name in ("{}", "claude-{}", "claude-opus-{}", "gpt-5-{}", "gpt-5-{}-high", "{}[1m]", "other/{}")
        ),
        {"model": "gpt-5", "messages": [{"role": mark("role"), "content": "x"}], "max_tokens": 5},
        {"model": "gpt-5", "messages": [{"role": "user", "content": [{"type": mark("type")}]}], "max_tokens": 5},
        {"model": "gpt-5", "messages": hi, "max_tokens": mark("maxtokens")},
        {"model": "gpt-5", "messages": hi, "tool_choice": {"type": mark("choice")}, "max_tokens": 5},
        {"model": "gpt-5", "messages": hi, "tools": [{"name": mark("badtool"), "input_schema": mark("schema")}]},
        {"model": "gpt-5", "messages": hi, "thinking": {"type": mark("thinkingtype")}, "max_tokens": 5},
        {"model": "gpt-5", "messages": hi, "output_config": {"effort": mark("effort")}, "max_tokens": 5},
        {"model": "gpt-5", "messages": hi, "stop_sequences": [mark("stop"), 7], "max_tokens": 5},
    ]
    yield from map(orjson.dumps, wrong)


def headers() -> dict[str, str]:
    """Give headers with a canary in each."""
    names = (
        "anthropic-version anthropic-beta user-agent cookie referer origin accept accept-language "
        "x-claude-code-session-id x-claude-code-agent-id x-app x-forwarded-host x-request-id idempotency-key "
        "proxy-authorization x-stainless-os traceparent if-match if-none-match te via x-forwarded-for forwarded"
    )
    return {**{name: mark(name) for name in names.split()}, f"x-{mark('headername')}": mark("headervalue")}


def answers() -> Iterator[Json]:
    """Give scripts for one request each: what upstreams do, and the fault table has not."""

    def refused(status: int, code: str | None = None) -> Json:
        said = {
            "message": mark(f"message{status}"), "type": mark("errortype"), "code": code or mark("errorcode"),
            "param": mark("param"), mark("errorkey"): mark("errorvalue"),
        }  # fmt: skip
        return rule(http(status, {"error": said}, x_request_id=mark("requestid"), x_odd=mark("odd")))

    yield rule(reasoning(mark("summary")), text(mark("answer")), call(mark("called"), {mark("key"): mark("value")}))
    yield rule(text(mark("beforeodd")), event(mark("event"), **{mark("field"): mark("value")}))
    yield rule(item(type=mark("itemtype"), id=mark("itemid"), text=mark("itemtext")), text("x"))
    yield rule(call(mark("called"), f'{{"{mark("broken")}": '))
    yield rule(text(mark("text")), incomplete(mark("reason")))
    yield rule(text(mark("text")), error(mark("code"), mark("message"), param=mark("param")))
    yield rule(text(mark("text")), failed(mark("code"), mark("message")))
    yield refused(409)
    # Each leads to another try.
    yield refused(400, "unsupported_parameter")
    yield refused(400, "invalid_encrypted_content")
    yield rule(http(502, f"<html>{mark('page')}</html>"))
    yield rule(text(mark("text")), content_type=f"text/{mark('contenttype')}")
    yield rule(raw(f'data: {{"type":"{mark("type")}"}}\n\n'.encode()))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    yield rule(wire(f"HTTP/1.1 200 {mark('reason')}\r\n{mark('header')}\r\n\r\n".encode()))
    yield rule(wire(head + f"content-encoding: {mark('contentcoding')}\r\n\r\n".encode()))
    yield rule(wire(head + f"content-encoding: gzip\r\ncontent-length: 60\r\n\r\n{mark('gzip'):60}".encode()))
    yield rule(wire(head + f"transfer-encoding: {mark('coding')}\r\n\r\n".encode()))
