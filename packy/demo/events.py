"""From the steps of an answer to the events of a Responses stream: their order, fields and numbering.

Follows the streaming part of the Responses API reference and real streams recorded from it.
"""

from __future__ import annotations

import secrets
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import orjson

from packy.demo.encrypted import issue
from packy.demo.response import Identifiers, Response
from packy.demo.usage import estimate, usage_object

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Answer", "frame"]

Json = dict[str, Any]

ENDS: Final = frozenset({"completed", "incomplete", "failed", "error", "silence"})
_PADDING: Final = 16  # deltas are padded to a multiple of this many characters
_NOISE: Final = secrets.token_urlsafe(3072)
_REASONING_STEP: Final = 64  # reasoning tokens are counted in such steps


def frame(event: Json) -> bytes:
    """Serialise an event as one server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))


class Answer:
    """One answer to one request.

    Args:
        request: a validated request body.
        steps: what to answer: complete steps, as `packy.demo.steps` and `packy.demo.script` build them.
        prompt: input tokens, and those of them that were cached.
        chunk: characters per delta; 0 sends each text in one.
        account: whose encrypted reasoning this is.

    Attributes:
        output: the output items so far, as `output_item.done` carried them.
        response: the final `response` object, once the terminal event has been made.
        tokens: counts by `input`, `cached`, `output` and `reasoning`.
    """

    def __init__(self, request: Json, steps: list[Json], *, prompt: tuple[int, int], chunk: int, account: str) -> None:
        self._ids = Identifiers()
        self._envelope = Response(request, self._ids)
        self._steps = steps if steps and steps[-1]["type"] in ENDS else [*steps, {"type": "completed"}]
        self._cut_short = self._steps[-1]["type"] == "incomplete"
        self._chunk = chunk
        self._account = account
        self._encrypts = "reasoning.encrypted_content" in (request.get("include") or ())
        self._shows_sources = "web_search_call.action.sources" in (request.get("include") or ())
        self._summarises = bool((request.get("reasoning") or {}).get("summary"))
        self._obfuscates = (request.get("stream_options") or {}).get("include_obfuscation") is not False
        self._sequence = 0
        self._index = 0
        self._final: list[Json] = []
        self.output: list[Json] = []
        self.response: Json | None = None
        self.tokens = self._count(prompt)

    def events(self) -> Iterator[Json | float]:
        """Make the events in order; a number among them is a pause, in seconds."""
        for type_ in ("response.created", "response.in_progress"):
            yield self._event(type_, response=self._envelope.started())
        makers = {
            "reasoning": self._reasoning,
            "text": self._message,
            "refusal": self._message,
            "call": self._call,
            "web_search": self._web_search,
            "item": self._item,
        }
        for step in self._steps:
            kind = step["type"]
            if kind in makers:
                yield from makers[kind](step)
                self._index += 1
            elif kind == "pause":
                yield float(step["seconds"])
            elif kind == "event":
                yield self._event(**step["event"])
            elif kind == "error":
                yield self._error(step)
            elif kind in ENDS and kind != "silence":
                yield self._end(step)

    def _event(self, type: str, **fields: Any) -> Json:  # noqa: A002, ANN401 - the protocol's own word; JSON
        event = {"type": type, **fields, "sequence_number": self._sequence}
        self._sequence += 1
        return event

    def _reasoning(self, step: Json) -> Iterator[Json]:
        item: Json = {"id": self._ids.new("rs"), "type": "reasoning", "content": [], "summary": []}
        yield self._added({**item, **self._encrypted("added", step["encrypted"] * 3 // 5)})
        parts = step["summary"] if self._summarises else []
        for number, text in enumerate(parts):
            where = {"item_id": item["id"], "output_index": self._index, "summary_index": number}
            part = {"type": "summary_text", "text": text}
            yield self._event("response.reasoning_summary_part.added", **where, part={**part, "text": ""})
            yield from self._deltas("response.reasoning_summary_text.delta", text, where)
            if step["unfinished"]:
                return
            yield self._event("response.reasoning_summary_text.done", **where, text=text)
            yield self._event("response.reasoning_summary_part.done", **where, part=part)
        item["summary"] = [{"type": "summary_text", "text": text} for text in parts]
        if not step["unfinished"]:
            done = {**item, **self._encrypted("done", step["encrypted"])}
            yield self._done(done, {**item, **self._encrypted("completed", step["encrypted"])})

    def _encrypted(self, stage: Any, size: int) -> Json:  # noqa: ANN401 - packy.demo.encrypted.Stage
        return {"encrypted_content": issue(self._account, stage, size)} if self._encrypts else {}

    def _message(self, step: Json) -> Iterator[Json]:
        key = step["type"]
        text, annotations = _cited(step["text"], step.get("sources", ()))
        more = {"annotations": annotations, "logprobs": []} if key == "text" else {}
        part = {"type": "output_text" if key == "text" else "refusal", **more, key: text}
        item = {"id": self._ids.new("msg"), "type": "message", "content": [part], "role": "assistant"}
        item["status"] = self._status(step)
        if step["via"] != "response":
            yield self._added({**item, "status": "in_progress", "content": []})
            yield from self._part(step, item, part, annotations)
        if not step["unfinished"]:
            yield from self._finish(step, item)

    def _part(self, step: Json, item: Json, part: Json, annotations: list[Json]) -> Iterator[Json]:
        where = {"item_id": item["id"], "output_index": self._index, "content_index": 0}
        key, via = step["type"], step["via"]
        logprobs: Json = {"logprobs": []} if key == "text" else {}
        name = "response.output_text" if key == "text" else "response.refusal"
        empty = {**part, key: "", **({"annotations": []} if key == "text" else {})}
        yield self._event("response.content_part.added", **where, part=empty)
        if via == "delta":
            said, due = 0, deque(enumerate(annotations))
            for delta in self._deltas(f"{name}.delta", part[key], {**where, **logprobs}, obfuscate=key == "text"):
                yield delta
                said += len(delta["delta"])
                # An annotation comes as soon as the text that it covers has been said.
                while due and due[0][1]["end_index"] <= said:
                    number, annotation = due.popleft()
                    numbered = {"annotation_index": number, "annotation": annotation}
                    yield self._event("response.output_text.annotation.added", **where, **numbered)
        if via in {"delta", "part"} and not step["unfinished"]:
            yield self._event(f"{name}.done", **where, **logprobs, **{key: part[key]})
            yield self._event("response.content_part.done", **where, part=part)

    def _call(self, step: Json) -> Iterator[Json]:
        call_id = step["call_id"] or self._ids.call()
        arguments, via = step["arguments"], step["via"]
        item: Json = {"id": self._ids.new("fc"), "type": "function_call", "status": self._status(step)}
        item |= {"arguments": arguments, "call_id": call_id, "name": step["name"]}
        where = {"item_id": item["id"], "output_index": self._index}
        if via != "response":
            yield self._added({**item, "status": "in_progress", "arguments": ""})
        if via == "delta":
            yield from self._deltas("response.function_call_arguments.delta", arguments, where)
        if step["unfinished"]:
            return
        if via in {"delta", "part"}:
            yield self._event("response.function_call_arguments.done", **where, arguments=arguments)
        yield from self._finish(step, item)

    def _web_search(self, step: Json) -> Iterator[Json]:
        item = {"id": self._ids.new("ws"), "type": "web_search_call", "status": "in_progress"}
        where = {"item_id": item["id"], "output_index": self._index}
        yield self._added({**item, "action": {"type": "search"}})
        for state in ("in_progress", "searching", "completed"):
            yield self._event(f"response.web_search_call.{state}", **where)
        action: Json = {"type": "search", "query": step["query"], "queries": [step["query"]]}
        if self._shows_sources:
            action["sources"] = [{"type": "url", "url": source["url"]} for source in step["sources"]]
        yield self._done({**item, "status": "completed", "action": action})

    def _item(self, step: Json) -> Iterator[Json]:
        item = {"id": self._ids.new("item"), **step["item"]}
        yield self._added(item)
        yield self._done(item)

    def _added(self, item: Json) -> Json:
        return self._event("response.output_item.added", output_index=self._index, item=item)

    def _done(self, item: Json, final: Json | None = None) -> Json:
        self.output.append(item)
        self._final.append(final or item)
        return self._event("response.output_item.done", output_index=self._index, item=item)

    def _finish(self, step: Json, item: Json) -> Iterator[Json]:
        if step["via"] == "response":
            self._final.append(item)
        else:
            yield self._done(item)

    def _status(self, step: Json) -> str:
        last = next((s for s in reversed(self._steps) if s["type"] in {"text", "refusal", "call"}), None)
        return "incomplete" if self._cut_short and step is last else "completed"

    def _deltas(self, type_: str, text: str, where: Json, *, obfuscate: bool = True) -> Iterator[Json]:
        size = self._chunk or len(text) or 1
        for start in range(0, len(text), size):
            delta = text[start : start + size]
            event = {"type": type_, "delta": delta, **where}
            if obfuscate and self._obfuscates:
                # As the real API: with this, every delta is as long as others, whatever it says.
                offset = self._sequence % (len(_NOISE) - _PADDING)
                event["obfuscation"] = _NOISE[offset : offset + _PADDING - len(delta) % _PADDING]
            event["sequence_number"] = self._sequence
            self._sequence += 1
            yield event

    def _error(self, step: Json) -> Json:
        fields = {"code": step["code"], "message": step["message"], "param": step["param"]}
        if step["nested"]:
            return self._event("error", error={"type": "tokens", **fields})
        return self._event("error", **fields)

    def _end(self, step: Json) -> Json:
        status = step["type"]
        changes: Json = {"usage": usage_object(self.tokens)}
        if status == "incomplete":
            changes["incomplete_details"] = {"reason": step["reason"]}
        elif status == "failed":
            changes = {"error": {"code": step["code"], "message": step["message"]}}
        self.response = self._envelope.ended(status, self._final, **changes)
        return self._event(f"response.{status}", response=self.response)

    def _count(self, prompt: tuple[int, int]) -> dict[str, int]:
        given = next((step for step in self._steps if step["type"] == "usage"), None)
        if given is not None:
            return {name: given[name] for name in ("input", "cached", "output", "reasoning")}
        said = sum(estimate(step.get("text") or step.get("arguments") or "") for step in self._steps)
        thought = sum(estimate("".join(s["summary"])) + 1 for s in self._steps if s["type"] == "reasoning")
        reasoning = -(-thought // _REASONING_STEP) * _REASONING_STEP
        return {"input": prompt[0], "cached": prompt[1], "output": said + reasoning, "reasoning": reasoning}


def _cited(text: str, sources: Any) -> tuple[str, list[Json]]:  # noqa: ANN401 - a list of sources, JSON
    """Add each source as a link, and make the annotation that covers it."""
    annotations = []
    for source in sources:
        start = len(text) + 1
        text += f" ([{source['title']}]({source['url']}))"
        span = {"start_index": start, "end_index": len(text)}
        annotations.append({"type": "url_citation", **span, "title": source["title"], "url": source["url"]})
    return text, annotations
