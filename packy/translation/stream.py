"""Responses events → one Anthropic message. No sockets, no clocks: bytes in, steps of a `MessageWriter` out.

Blocks of a Messages stream never overlap; items of a Responses stream may. One item at a time is live and flows through
as it arrives; events of the others wait, in order, until it is their turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.failures import UpstreamContext, failure_from_event, interrupted
from packy.translation.items import ITEMS
from packy.translation.sse import EventTooLarge, SseDecoder

if TYPE_CHECKING:
    from packy.translation.failures import Failure
    from packy.translation.items import Item
    from packy.translation.message import MessageWriter, Usage
    from packy.translation.names import ToolNames

__all__ = ["ResponseTranslator"]

Json = dict[str, Any]

ADDED = "response.output_item.added"
DONE = "response.output_item.done"

# An event type that is not here, and is not one of the live item's own, is ignored and counted.
_RESPONSE_EVENTS = {
    "response.created": "_on_opening",
    "response.in_progress": "_on_opening",
    "response.queued": "_on_opening",
    "response.completed": "_on_completed",
    "response.incomplete": "_on_incomplete",
    "response.failed": "_on_failed",
    "error": "_on_failed",
}
_ITEM_OF_EVENT = {event: name for name, item in ITEMS.items() for event in item.handlers}
_ITEM_EVENTS = {ADDED, DONE, *_ITEM_OF_EVENT}
# Events that only repeat or frame what others carry.
_NOISE = {
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "keepalive",
}
# Said by servers to end a stream, or to keep it alive.
_NO_DATA = (b"[DONE]", b"")
_INCOMPLETE = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}


class ResponseTranslator:
    """Drives a `MessageWriter` from the bytes of a Responses stream.

    Args:
        writer: a `StreamWriter` or a `MessageFolder`.
        message_id: fresh `msg_…` id.
        model: the model string of the request, to be echoed exactly.
        names: the request's tool names.
        context: about the request, for error texts.
        estimate: estimated input tokens, shown until the upstream has counted.
        reasoning: whether reasoning items become thinking blocks.

    Attributes:
        ended: the message is over, well or not; further bytes are ignored.
        failure: why it ended badly, None while it did not.
        silent: nothing but the opening has been written: an error can still be answered as an HTTP status.
        stop_reason: how it ended well, None before.
        usage: the upstream's final usage: `input_tokens`, `cached_tokens`, `output_tokens`, `reasoning_tokens`.
        ignored: events and items that were not understood.
        upstream_model: the model that the upstream says it used, empty while it has not.
    """

    def __init__(  # noqa: PLR0913 - each is one fact of the request; all but the writer by name
        self,
        writer: MessageWriter,
        *,
        message_id: str,
        model: str,
        names: ToolNames,
        context: UpstreamContext | None = None,
        estimate: int = 0,
        reasoning: bool = True,
    ) -> None:
        self.writer = writer
        self.ended = False
        self.failure: Failure | None = None
        self.stop_reason: str | None = None
        self.usage: dict[str, int] = {}
        self.ignored = 0
        self.upstream_model = ""
        self._message_id = message_id
        self._model = model
        self._names = names
        self._context = context or UpstreamContext()
        self._estimate = estimate
        self._reasoning = reasoning
        self._decoder = SseDecoder()
        self._started = False
        self._live: int | None = None
        self._item: Item | None = None
        self._waiting: dict[int, list[tuple[str, Json]]] = {}
        self._finished: set[int] = set()
        self._made_call = False
        self._refused = False

    @property
    def silent(self) -> bool:
        """Nothing but the opening has been written."""
        return self.writer.index < 0 and not self.ended

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream, cut anywhere."""
        if self.ended:
            return
        try:
            events = self._decoder.feed(chunk)
        except EventTooLarge:
            self.fail(interrupted("the upstream sent an event larger than packy takes", "upstream_event_too_large"))
            return
        for name, data in events:
            self._take(name, data)

    def end(self) -> None:
        """Take the end of the upstream's stream. Without a terminal event it is a failure, never a clean end."""
        if not self.ended:
            for name, data in self._decoder.close():
                self._take(name, data)
        if not self.ended:
            self.fail(interrupted("the upstream closed the stream before the answer was complete", "upstream_cut"))

    def fail(self, failure: Failure) -> None:
        """End the message because of a failure outside the stream: a reset, a timeout, shutdown."""
        if not self.ended:
            self.ended = True
            self.failure = failure
            self.writer.fail(failure.type, failure.message)

    def _take(self, name: bytes, data: bytes) -> None:
        if self.ended or data in _NO_DATA:
            return
        try:
            event = codec.loads(data)
        except ValueError:
            self.fail(interrupted("the upstream sent an event that is not JSON", "upstream_bad_event"))
            return
        if not isinstance(event, dict):
            self.ignored += 1
            return
        kind = event.get("type")
        if not isinstance(kind, str):
            # Some relays put an error's type into the event: line alone.
            kind = name.decode("ascii", "replace") or ("error" if "error" in event else "")
        if method := _RESPONSE_EVENTS.get(kind):
            getattr(self, method)(event)
        elif kind in _ITEM_EVENTS:
            self._start()
            self._route(kind, event)
        elif kind not in _NOISE:
            self.ignored += 1

    # The response as a whole

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self.writer.start(self._message_id, self._model, _anthropic_usage({"input_tokens": self._estimate}))

    def _response(self, event: Json) -> Json:
        response = event.get("response")
        if not isinstance(response, dict):
            return {}
        if isinstance(model := response.get("model"), str):
            self.upstream_model = model
        return response

    def _on_opening(self, event: Json) -> None:
        self._start()
        self._response(event)

    def _on_failed(self, event: Json) -> None:
        self.fail(failure_from_event(event, self._context))

    def _on_completed(self, event: Json) -> None:
        response = self._conclude(event)
        if response.get("status") == "incomplete":
            self._finish(_incomplete_reason(response))
        elif self._refused:
            self._finish("refusal")
        else:
            self._finish("tool_use" if self._made_call else "end_turn")

    def _on_incomplete(self, event: Json) -> None:
        self._finish(_incomplete_reason(self._conclude(event)))

    def _conclude(self, event: Json) -> Json:
        """Hand on all that is still open, waiting, or carried by the final response alone."""
        self._start()
        response = self._response(event)
        usage = response.get("usage")
        self.usage = _counts(usage) if isinstance(usage, dict) else {}
        cut_short = event.get("type") == "response.incomplete" or response.get("status") == "incomplete"
        if cut_short and self._item is not None and self._item.made_call:
            # Half a call must not be run, and Claude Code runs what is closed: its block stays open.
            return response
        output = response.get("output")
        items = {i: item for i, item in enumerate(output if isinstance(output, list) else ()) if isinstance(item, dict)}
        while self._live is not None:
            self._end_item(items.get(self._live, {}))
            self._release()
        for index, item in items.items():
            if index not in self._finished:
                self._route(DONE, {"output_index": index, "item": item})
        return response

    def _finish(self, stop_reason: str) -> None:
        self.ended = True
        self.stop_reason = stop_reason
        # Where the upstream did not count, the estimate of message_start stands.
        self.writer.finish(stop_reason, _anthropic_usage(self.usage) if self.usage else {"output_tokens": 0})

    # Its items, one at a time

    def _route(self, kind: str, event: Json) -> None:
        index = event.get("output_index")
        if not isinstance(index, int):
            index = self._live if self._live is not None else len(self._finished)
        if kind == ADDED:
            # Some relays give every item the same index.
            self._finished.discard(index)
        if index in self._finished:
            return
        if self._live is None:
            self._begin_item(index, kind, event)
        if index == self._live:
            self._to_item(index, kind, event)
            self._release()
        else:
            self._waiting.setdefault(index, []).append((kind, event))

    def _release(self) -> None:
        """Let waiting items flow until one of them is live and unfinished."""
        while self._live is None and self._waiting:
            index = next(iter(self._waiting))
            events = self._waiting.pop(index)
            self._begin_item(index, *events[0])
            for kind, event in events:
                self._to_item(index, kind, event)

    def _begin_item(self, index: int, kind: str, event: Json) -> None:
        self._live = index
        declared = event.get("item")
        # A delta without output_item.added: its own type tells whose it is.
        item_type = declared.get("type") if isinstance(declared, dict) else _ITEM_OF_EVENT.get(kind)
        known = ITEMS.get(item_type) if isinstance(item_type, str) else None
        if known is None:
            self.ignored += 1
        elif item_type != "reasoning" or self._reasoning:
            self._item = known(self.writer, self._names)
            self._item.begin(declared if isinstance(declared, dict) else {})

    def _to_item(self, index: int, kind: str, event: Json) -> None:
        if index != self._live:
            return
        if kind == DONE:
            item = event.get("item")
            self._end_item(item if isinstance(item, dict) else {})
        elif self._item is not None and (method := self._item.handlers.get(kind)):
            getattr(self._item, method)(event)

    def _end_item(self, whole: Json) -> None:
        if self._item is not None:
            self._item.finish(whole)
            self._made_call = self._made_call or self._item.made_call
            self._refused = self._refused or self._item.refused
        if self._live is not None:
            self._finished.add(self._live)
        self._live = self._item = None


def _incomplete_reason(response: Json) -> str:
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return _INCOMPLETE.get(reason, "max_tokens") if isinstance(reason, str) else "max_tokens"


def _count(holder: object, key: str) -> int:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _counts(usage: Json) -> dict[str, int]:
    return {
        "input_tokens": _count(usage, "input_tokens"),
        "cached_tokens": _count(usage.get("input_tokens_details"), "cached_tokens"),
        "output_tokens": _count(usage, "output_tokens"),
        "reasoning_tokens": _count(usage.get("output_tokens_details"), "reasoning_tokens"),
    }


def _anthropic_usage(counts: dict[str, int]) -> Usage:
    """The Messages API counts cached tokens beside `input_tokens`, the Responses API within them."""
    cached = counts.get("cached_tokens", 0)
    return {
        "input_tokens": max(0, counts.get("input_tokens", 0) - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": counts.get("output_tokens", 0),
    }
