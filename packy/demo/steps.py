"""What a scripted answer is made of: small constructors of plain data, which JSON scripts may spell out as well.

    rule(reasoning("Look first."), call("Read", {"file_path": "/x"}), when=when(last="message"))
    rule(text("Found it."), usage(input=900, cached=512, output=12), rate=50, chunk=8)
    rule(text("Half an ans"), cut_after_events=6, cut="reset")
    rule(http(503, {"error": {"message": "overloaded", "type": "server_error"}}), times=2)

`packy.demo.script` says what each field may be.
"""

from __future__ import annotations

import base64
from typing import Any, Literal

import orjson

__all__ = [
    "Json",
    "call",
    "completed",
    "error",
    "event",
    "failed",
    "http",
    "incomplete",
    "item",
    "pause",
    "raw",
    "reasoning",
    "refusal",
    "rule",
    "silence",
    "source",
    "text",
    "usage",
    "web_search",
    "when",
    "wire",
]

Json = dict[str, Any]
Via = Literal["delta", "part", "item", "response"]


def reasoning(*summary: str, encrypted: int = 1500, unfinished: bool = False) -> Json:
    """A reasoning item.

    Args:
        summary: its summary parts, shown only where the request asks for a summary.
        encrypted: length in characters of its `encrypted_content`, sent only where `include` asks for it.
        unfinished: leave it open, as an error in the middle of it does.
    """
    return {"type": "reasoning", "summary": list(summary), "encrypted": encrypted, "unfinished": unfinished}


def text(text: str, *sources: Json, via: Via = "delta", unfinished: bool = False) -> Json:
    """A message with text.

    Args:
        text: what it says.
        sources: web pages it cites, each as a link at its end with an annotation.
        via: the first place in the stream that carries the text: its deltas, the `.done` events of its part, the
            `output_item.done` event, or the final `response` only.
        unfinished: leave it open after the deltas.
    """
    return {"type": "text", "text": text, "sources": list(sources), "via": via, "unfinished": unfinished}


def refusal(text: str, *, via: Via = "delta", unfinished: bool = False) -> Json:
    """A message that refuses; see `text`."""
    return {"type": "refusal", "text": text, "via": via, "unfinished": unfinished}


def call(
    name: str,
    arguments: Json | str | None = None,
    *,
    call_id: str | None = None,
    via: Via = "delta",
    unfinished: bool = False,
) -> Json:
    """A function call; several in a row are parallel calls.

    Args:
        name: the function.
        arguments: an object, or a string that is sent as it stands, malformed or not.
        call_id: a fixed id instead of a fresh one.
        via: see `text`.
        unfinished: see `text`.
    """
    encoded = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
    fields = {"name": name, "arguments": encoded, "call_id": call_id, "via": via, "unfinished": unfinished}
    return {"type": "call", **fields}


def web_search(query: str, *sources: Json) -> Json:
    """A web search that was run; its sources are shown where `include` asks for them."""
    return {"type": "web_search", "query": query, "sources": list(sources)}


def source(url: str, title: str) -> Json:
    """A web page, for `web_search` and `text`."""
    return {"url": url, "title": title}


def item(**fields: Any) -> Json:  # noqa: ANN401 - JSON
    """Any other output item, added and done at once: `item(type="code_interpreter_call", …)`; an id is filled in."""
    return {"type": "item", "item": fields}


def event(type: str, **fields: Any) -> Json:  # noqa: A002, ANN401 - the protocol's own word; JSON
    """Any other event; its sequence number is filled in."""
    return {"type": "event", "event": {"type": type, **fields}}


def usage(*, input: int, output: int, cached: int = 0, reasoning: int = 0) -> Json:  # noqa: A002 - the protocol's word
    """Token counts in place of the estimated ones."""
    return {"type": "usage", "input": input, "cached": cached, "output": output, "reasoning": reasoning}


def pause(seconds: float) -> Json:
    """A silence in the middle of the stream."""
    return {"type": "pause", "seconds": seconds}


def completed() -> Json:
    """The end that an answer has where it names no other."""
    return {"type": "completed"}


def incomplete(reason: str = "max_output_tokens") -> Json:
    """End with `response.incomplete`: `max_output_tokens` or `content_filter`."""
    return {"type": "incomplete", "reason": reason}


def failed(code: str, message: str) -> Json:
    """End with `response.failed`."""
    return {"type": "failed", "code": code, "message": message}


def error(code: str | None, message: str, *, param: str | None = None, nested: bool = False) -> Json:
    """An `error` event; nothing follows it but a `failed`.

    Args:
        code: the error's code.
        message: its sentence.
        param: the parameter at fault.
        nested: put the fields into an `error` object, as the real API does on rate limits.
    """
    return {"type": "error", "code": code, "message": message, "param": param, "nested": nested}


def silence() -> Json:
    """End the body properly, but without a terminal event."""
    return {"type": "silence"}


def http(status: int, body: Json | str, **headers: str) -> Json:
    """An HTTP answer in place of the stream.

    Args:
        status: such as 429.
        body: an object, sent as JSON, or a string, sent as HTML.
        headers: with `_` for `-`: `retry_after="7"`.
    """
    return {"http": {"status": status, "body": body, "headers": {k.replace("_", "-"): v for k, v in headers.items()}}}


def raw(body: bytes) -> Json:
    """A body in place of the generated events, sent as an event stream."""
    return {"raw": {"base64": base64.b64encode(body).decode()}}


def wire(octets: bytes) -> Json:
    """Octets in place of the whole HTTP answer, status line and all; then the connection is closed."""
    return {"wire": {"base64": base64.b64encode(octets).decode()}}


def when(**conditions: Any) -> Json:  # noqa: ANN401 - JSON
    """Conditions that must all hold: see `packy.demo.script.Condition`."""
    return conditions


def rule(*what: Json, when: Json | None = None, times: int | None = None, **transport: Any) -> Json:  # noqa: ANN401 - JSON
    """One rule of a script.

    Args:
        what: the steps of an answer, or a single `http`, `raw` or `wire`.
        when: conditions, from `when()`.
        times: how many requests it answers; None for no limit.
        transport: pace and faults: see `packy.demo.script.Transport`.
    """
    instead = len(what) == 1 and "type" not in what[0]
    answer = what[0] if instead else {"reply": list(what)}
    return {**answer, "when": when or {}, "times": times, **transport}
