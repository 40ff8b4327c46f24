"""Canaries: marks that nothing else contains, put into everything that passes through, and looked for afterwards."""

from __future__ import annotations

import base64
import itertools
import re
from typing import TYPE_CHECKING, Any

import orjson

from packy.demo import call, error, event, failed, http, incomplete, item, raw, reasoning, rule, text, wire

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

SPECIES = "cnry7f3a"
# Words, as names and codes are: what is let through by its shape would let these through.
_numbers = itertools.count(1)


def mark(place: str) -> str:
    """Give a new canary; the place can be read off it."""
    return f"{SPECIES}{next(_numbers):04d}{''.join(filter(str.isalnum, place)).lower()}"


def found_in(data: bytes) -> set[str]:
    """Find the canaries in some bytes, as they are or in base64; give them with what stands around them."""
    encoded = [base64.b64encode(b" " * shift + SPECIES.encode())[shift + 1 : -4] for shift in range(3)]
    places = [each.start() for form in encoded for each in re.finditer(re.escape(form), data)]
    places += [each.start() for each in re.finditer(SPECIES.encode(), data, re.IGNORECASE)]
    return {data[max(at - 60, 0) : at + 60].decode("utf-8", "replace") for at in places}


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


def faults() -> Iterator[Json]:
    """Give scripts for one request each: what upstreams do, right and wrong, with canaries in all that they say."""

    def refused(status: int, code: str | None = None, **more: str) -> Json:
        said = {
            "message": mark(f"message{status}"), "type": mark("errortype"), "code": code or mark("errorcode"),
            "param": mark("param"), mark("errorkey"): mark("errorvalue"),
        }  # fmt: skip
        return rule(http(status, {"error": said}, **{"x_request_id": mark("requestid"), "x_odd": mark("odd"), **more}))

    yield rule(reasoning(mark("summary")), text(mark("answer")), call(mark("called"), {mark("key"): mark("value")}))
    yield rule(text(mark("beforeodd")), event(mark("event"), **{mark("field"): mark("value")}))
    yield rule(item(type=mark("itemtype"), id=mark("itemid"), text=mark("itemtext")), text("x"))
    for status in (400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 529):
        yield refused(status)
    yield refused(429, "rate_limit_exceeded", retry_after=mark("retryafter"))
    yield refused(400, "context_length_exceeded")
    yield refused(400, "unsupported_parameter")
    yield refused(307, location=f"http://127.0.0.1:9/{mark('location')}")
    yield rule(http(502, f"<html>{mark('page')}</html>"))
    yield rule(http(200, f"<html>{mark('page')}</html>"))
    yield rule(http(200, {"error": {"message": mark("message200")}}))
    yield rule(text(mark("text")), failed(mark("code"), mark("message")))
    yield rule(text(mark("text")), error(mark("code"), mark("message"), param=mark("param")))
    yield rule(text(mark("text")), incomplete(mark("reason")))
    yield rule(failed("server_error", mark("message")))
    yield rule(call(mark("called"), f'{{"{mark("broken")}": '))
    for transport in (
        {"cut_after_events": 9, "cut": "reset"}, {"cut_after_events": 9, "cut": "end"}, {"cut_after_bytes": 2000},
        {"invalid_utf8": True}, {"hang_after_events": 9}, {"hang_before_headers": True}, {"gzip": True},
        {"content_type": f"text/{mark('contenttype')}"},
    ):  # fmt: skip
        yield rule(text(mark("text") * 30), **transport)
    for junk in (f"data: {{{mark('badevent')}\n\n", f"{mark('noevent')}\n\n", f'data: {{"type":"{mark("type")}"}}\n\n'):
        yield rule(raw(junk.encode()))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    for junk in (
        mark("banner"), f"HTTP/1.1 {mark('status')}\r\n\r\n",
        f"HTTP/1.1 200 {mark('reason')}\r\n{mark('header')}\r\n\r\n",
    ):  # fmt: skip
        yield rule(wire(junk.encode()))
    yield rule(wire(head + f"transfer-encoding: chunked\r\n\r\n{mark('chunk')}\r\n".encode()))
    yield rule(wire(head + f"content-encoding: gzip\r\ncontent-length: 60\r\n\r\n{mark('gzip'):60}".encode()))
    yield rule(wire(head + f"transfer-encoding: {mark('coding')}\r\n\r\n".encode()))
