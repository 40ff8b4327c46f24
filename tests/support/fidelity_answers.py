"""What an answer of the Messages API can hold, by the `anthropic` package's types; and what packy's answers do hold."""

from __future__ import annotations

import json
import typing
from typing import Any

from anthropic.types import beta

from packy.translation import MessageFolder, ResponseTranslator, StreamWriter, ToolNames

__all__ = ["documented", "sent"]

Json = dict[str, Any]

_SEARCHED = {
    "type": "web_search_call", "id": "ws_1", "status": "completed",
    "action": {"type": "search", "query": "q", "sources": [{"type": "url", "url": "https://a.example/"}]},
}  # fmt: skip
_CITATION = {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 5}
_CITED = {"type": "output_text", "text": "cited", "annotations": [_CITATION]}
_THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "x",
}
_CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "t", "arguments": "{}"}


def _said(*parts: Json) -> Json:
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": list(parts)}


_TEXT = _said({"type": "output_text", "text": "one END two"})
# Items of an answer, its last event, and the texts at which it is to stop.
_STREAMS: list[tuple[list[Json], Json, tuple[str, ...]]] = [
    ([_THOUGHT, _TEXT, _CALL], {"type": "response.completed", "response": {}}, ()),
    ([_SEARCHED, _said(_CITED)], {"type": "response.completed", "response": {}}, ()),
    ([_said({"type": "refusal", "refusal": "No."})], {"type": "response.completed", "response": {}}, ()),
    ([_TEXT], {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}, ()),
    ([_TEXT], {"type": "response.completed", "response": {}}, ("END",)),
    ([_TEXT], {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "m"}}}, ()),
]


def _stream(items: list[Json], last: Json) -> bytes:
    events: list[Json] = [
        {"type": f"response.output_item.{step}", "output_index": index, "item": item}
        for index, item in enumerate(items)
        for step in ("added", "done")
    ]
    last["response"]["usage"] = {"input_tokens": 3, "output_tokens": 2}
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in [*events, last])


def _members(annotation: Any) -> list[Any]:
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return [
        member
        for each in typing.get_args(annotation) or (annotation,)
        for member in ([each] if isinstance(each, type) else _members(each))
    ]


def _kinds(annotation: Any) -> set[str]:
    return {kind for model in _members(annotation) for kind in typing.get_args(model.model_fields["type"].annotation)}


def documented() -> dict[str, set[str]]:
    """What the package knows: per table of the page, its rows."""
    return {
        "Stream events": _kinds(beta.BetaRawMessageStreamEvent) | {"ping", "error"},
        "Deltas": _kinds(beta.BetaRawContentBlockDelta),
        "Blocks of an answer": _kinds(beta.BetaContentBlock),
        "Stop reasons": set(typing.get_args(beta.BetaStopReason)),
        "Fields of an answer": set(beta.BetaMessage.model_fields),
        "Usage": set(beta.BetaUsage.model_fields) | set(beta.BetaMessageDeltaUsage.model_fields),
    }


def sent() -> dict[str, set[str]]:
    """What packy's answers to all kinds of upstream streams hold, in the same order."""
    found: dict[str, set[str]] = {table: set() for table in documented()}
    found["Stream events"].add("ping")  # of the gateway's own clock, while the upstream says nothing
    for items, last, stops in _STREAMS:
        writer, folder = StreamWriter(), MessageFolder()
        for target in (writer, folder):
            translator = ResponseTranslator(target, message_id="m", model="m", names=ToolNames(), stop_sequences=stops)
            translator.feed(_stream(items, last))
            translator.end()
        for frame in writer.take().split(b"\n\n"):
            if b"data: " in frame:
                _note(json.loads(frame.partition(b"data: ")[2]), found)
        if translator.failure is None:
            found["Fields of an answer"] |= folder.message.keys()
            found["Stop reasons"].add(folder.message["stop_reason"])
            found["Usage"] |= folder.message["usage"].keys()
    return found


def _note(event: Json, found: dict[str, set[str]]) -> None:
    found["Stream events"].add(event["type"])
    if event["type"] == "content_block_start":
        found["Blocks of an answer"].add(event["content_block"]["type"])
    elif event["type"] == "content_block_delta":
        found["Deltas"].add(event["delta"]["type"])
