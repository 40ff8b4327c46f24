"""Requests and upstream streams in short, and what becomes of them."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from packy.translation import MessageFolder, ResponseTranslator, StreamWriter, Target, ToolNames, translate_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Json = dict[str, Any]


@dataclass
class Answer:
    """What a stream became.

    Attributes:
        written: what each piece of the upstream's stream made packy write, and last what its end did.
        events: the Messages stream in whole, its grammar checked.
        message: the same, folded for a caller that does not stream.
        content: the message's blocks.
        error: of the closing error event, None where it ended well.
        translator: the one that wrote the stream.
    """

    written: list[bytes]
    events: list[Json]
    message: Json
    translator: ResponseTranslator

    @property
    def content(self) -> list[Json]:
        return list(self.message.get("content", ()))

    @property
    def error(self) -> Json | None:
        return self.events[-1].get("error")


def _serialise(event: tuple[Any, ...]) -> bytes:
    """`("output_text.delta", 0, {"delta": "Hi"})`: its type without `response.`, its output index, its other fields."""
    kind, *rest = event
    kind = kind if kind == "error" else f"response.{kind}"
    fields: Json = {"type": kind}
    for part in rest:
        fields |= part if isinstance(part, dict) else {"output_index": part}
    return f"event: {kind}\ndata: {json.dumps(fields)}\n\n".encode()


@pytest.fixture(scope="session")
def sse() -> Callable[[Iterable[tuple[Any, ...]]], bytes]:
    """Events in short → bytes of a Responses stream."""
    return lambda events: b"".join(map(_serialise, events))


def _join(events: list[Json]) -> Json:
    """Put a stream together as a client does; arguments are left as text."""
    message: Json = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = copy.deepcopy(event["message"])
            case "content_block_start":
                message["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                block, (_, value) = message["content"][-1], event["delta"].values()
                key = next(key for key in event["delta"] if key != "type")
                if key == "citation":
                    block.setdefault("citations", []).append(value)
                else:
                    block[key] = value if key == "signature" else block.get(key, "") + value
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    return message


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _arguments(text: str) -> Json:
    try:
        parsed = json.loads(text or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        parsed = None
    return parsed if isinstance(parsed, dict) else {"INVALID_JSON": text}


def _healed(message: Json) -> Json:
    """As a client sees it, to whom a character cut between two deltas is whole again."""
    healed: Json = json.loads(json.dumps(message))
    return healed


@pytest.fixture(scope="session")
def translate_stream(read_stream: Callable[[bytes], list[Json]]) -> Callable[..., Answer]:
    """Pieces of a Responses stream → an `Answer`; the folded message has been found equal to the stream's."""

    def run(pieces: Iterable[bytes], **options: Any) -> Answer:
        options = {"message_id": "msg_1", "model": "claude-opus-4-8", "names": ToolNames(), **options}
        writer, folder = StreamWriter(), MessageFolder()
        streaming, folding = ResponseTranslator(writer, **options), ResponseTranslator(folder, **options)
        written = []
        for piece in pieces:
            streaming.feed(piece)
            folding.feed(piece)
            written.append(writer.take())
        streaming.end()
        folding.end()
        written.append(writer.take())
        events = read_stream(b"".join(written))
        joined = _join(events)
        for block in joined.get("content", ()):
            if block["type"] in {"tool_use", "server_tool_use"}:
                block["input"] = _arguments(block.pop("partial_json", ""))
        kinds = [event["type"] for event in events]
        if kinds.count("content_block_start") > kinds.count("content_block_stop"):
            # A call that was cut: nobody gets to see it.
            assert joined["content"].pop()["type"] == "tool_use"
        assert _healed(folder.message) == _healed(joined), "a folded message must equal its stream"
        assert folding.failure == streaming.failure
        return Answer(written, events, _healed(folder.message), streaming)

    return run


@pytest.fixture(scope="session")
def answer(translate_stream: Callable[..., Answer]) -> Callable[..., Answer]:
    """Events in short → an `Answer`; each event is a piece, unless a size in bytes is given."""

    def run(*events: tuple[Any, ...], piece: int = 0, **options: Any) -> Answer:
        pieces = [_serialise(event) for event in events]
        if piece:
            whole = b"".join(pieces)
            pieces = [whole[at : at + piece] for at in range(0, len(whole), piece)]
        return translate_stream(pieces, **options)

    return run


@pytest.fixture(scope="session")
def translate() -> Callable[..., Json]:
    """Fields of a Messages request, the required ones having defaults → the Responses request."""

    def run(target: Target | None = None, **fields: Any) -> Json:
        request = {"model": "claude-opus-4-8", "max_tokens": 64000, "messages": [{"role": "user", "content": "Hi"}]}
        translation = translate_request(request | fields, target or Target("gpt-5"))
        payload: Json = json.loads(translation.payload)
        return payload

    return run
