"""What the measurements send and receive: Claude Code sized requests, Responses streams of realistic shape.

All of it is made here, the same in every run. `@` occurs in time stamps only, so that the load client can find them.
"""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

import orjson

__all__ = ["STAMP_DIGITS", "closing", "conversation", "delta", "opening", "recorded_stream", "small_request"]

Json = dict[str, Any]

STAMP_DIGITS = 16
"""Digits of a time stamp, `@` and microseconds of the monotonic clock."""

_PROSE = (
    "the gateway reads each event once and writes what the caller expects; a test holds the two sides together, "
    "so nothing is lost between them. def translate(item): return {'type': item.kind, 'text': item.text} # déjà vu"
)
_WORDS = _PROSE.split()
_TOOLS = ("Agent", "Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Skill", "TaskStop", "WebFetch", "Write")
_ITEM = "msg_0a63c6a1d4be8f7e00691b2f6c9d5081949c1e7b2f40a8d3e5"
_PADDING = "kT3wQz9PbX"


def conversation(size: int, command: str = "", turns: int = 500) -> bytes:
    """Make the body of a `POST /v1/messages` as Claude Code sends it: long instructions, tools, turns with tool calls.

    Args:
        size: bytes, met within a few percent; from 60,000 on.
        command: for the load upstream, part of the last user message.
        turns: at most so many turns (question, call, result), of 2 KB each or, where these are too few, of more.

    Returns:
        JSON.
    """
    random = Random(size)  # noqa: S311 - the same text in every run
    head = {
        "model": "claude-opus-4-8",
        "max_tokens": 64000,
        "stream": True,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "system": [_text("You are a Claude agent."), _text(_prose(random, 22_000))],
        "tools": [_tool(name, random) for name in _TOOLS],
        "metadata": {"user_id": '{"session_id":"12c492a9-599c-4882-b631-02c868a4e435"}'},
    }
    room = size - len(orjson.dumps(head))
    turn = max(2_000, room // turns)
    messages: list[Json] = []
    for number in count():
        if room < turn:
            break
        messages += _turn(number, random, turn)
        room -= len(orjson.dumps(messages[-3:]))
    messages.append(
        {"role": "user", "content": [_text(_prose(random, max(room - 200, 1))), _text(f"Go on. {command}")]}
    )
    return orjson.dumps({**head, "messages": messages})


def small_request(command: str) -> bytes:
    """Make a small streaming request that carries a command for the load upstream."""
    messages = [{"role": "user", "content": f"Say it. {command}"}]
    return orjson.dumps({"model": "claude-opus-4-8", "max_tokens": 64000, "stream": True, "messages": messages})


def opening() -> bytes:
    """Give the events of a Responses stream before its first text delta (sequence numbers 0 to 3)."""
    response = _response("in_progress", [])
    item = {"id": _ITEM, "type": "message", "status": "in_progress", "content": [], "role": "assistant"}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    place = {"item_id": _ITEM, "output_index": 0, "content_index": 0}
    return b"".join(
        (
            _event("response.created", 0, response=response),
            _event("response.in_progress", 1, response=response),
            _event("response.output_item.added", 2, output_index=0, item=item),
            _event("response.content_part.added", 3, **place, part=part),
        )
    )


def delta(number: int, text: str) -> bytes:
    """Give one text delta.

    Args:
        number: its sequence number.
        text: what it adds.
    """
    return _event(
        "response.output_text.delta",
        number,
        item_id=_ITEM,
        output_index=0,
        content_index=0,
        delta=text,
        logprobs=[],
        obfuscation=_PADDING,
    )


def closing(number: int, text: str) -> bytes:
    """Give the events after the last text delta.

    Args:
        number: the first one's sequence number.
        text: the whole text.
    """
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    item = {"id": _ITEM, "type": "message", "status": "completed", "content": [part], "role": "assistant"}
    place = {"item_id": _ITEM, "output_index": 0, "content_index": 0}
    return b"".join(
        (
            _event("response.output_text.done", number, **place, text=text, logprobs=[]),
            _event("response.content_part.done", number + 1, **place, part=part),
            _event("response.output_item.done", number + 2, output_index=0, item=item),
            _event("response.completed", number + 3, response=_response("completed", [item])),
        )
    )


def recorded_stream(deltas: int) -> tuple[bytes, int]:
    """Make a whole stream of many text deltas, for bursts.

    Args:
        deltas: number of text deltas.

    Returns:
        The stream, and the number of its events.
    """
    random = Random(deltas)  # noqa: S311 - the same text in every run
    words = [f"{random.choice(_WORDS)} " for _ in range(deltas)]
    body = b"".join(delta(4 + number, word) for number, word in enumerate(words))
    stream = opening() + body + closing(4 + deltas, "".join(words))
    return stream, stream.count(b"\ndata: ")


def _event(kind: str, number: int, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (
        kind.encode(),
        orjson.dumps({"type": kind, **fields, "sequence_number": number}),
    )


def _response(status: str, output: list[Json]) -> Json:
    usage = {
        "input_tokens": 18_412,
        "input_tokens_details": {"cached_tokens": 17_920},
        "output_tokens": 512,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 18_924,
    }
    return {
        "id": "resp_0a63c6a1d4be8f7e00691b2f6b1c8881948f5d0c7a9e3b2f61",
        "object": "response",
        "created_at": 1763389291,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": "gpt-5-2025-08-07",
        "output": output,
        "parallel_tool_calls": True,
        "reasoning": {"effort": "high", "summary": "detailed"},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "usage": usage if status == "completed" else None,
        "metadata": {},
    }


def _turn(number: int, random: Random, size: int) -> list[Json]:
    """Give a question, a call of a tool, and its result, which is most of it."""
    name = _TOOLS[number % len(_TOOLS)]
    call = {
        "type": "tool_use",
        "id": f"toolu_{number:024d}",
        "name": name,
        "input": {"file_path": f"/src/module_{number}.py", "pattern": _prose(random, 120), "limit": 200},
    }
    result = {
        "type": "tool_result",
        "tool_use_id": call["id"],
        "content": [_text(_prose(random, max(size - 900, 500)))],
    }
    return [
        {"role": "user", "content": [_text(_prose(random, 200))]},
        {"role": "assistant", "content": [_text(_prose(random, 160)), call]},
        {"role": "user", "content": [result]},
    ]


def _tool(name: str, random: Random) -> Json:
    properties = {
        key: {"type": kind, "description": _prose(random, 90)}
        for key, kind in (("file_path", "string"), ("pattern", "string"), ("limit", "number"), ("all", "boolean"))
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": ["file_path"],
        "additionalProperties": False,
    }
    return {"name": name, "description": _prose(random, 2_000), "input_schema": schema}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _prose(random: Random, size: int) -> str:
    """Give a piece of the long text, which is longer than any text of a message."""
    start = random.randrange(len(_TEXT) - size)
    return _TEXT[start : start + size]


def _long_text(words: int) -> str:
    """Give words in random order, and line breaks."""
    random = Random(words)  # noqa: S311 - the same text in every run
    return " ".join(random.choices([*_WORDS, "\n"], k=words))


_TEXT = _long_text(60_000)
