"""Responses events → one Anthropic message. No sockets, no clocks: bytes in, steps of a `MessageWriter` out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.call_item import NamelessCall
from packy.translation.delta_run import DeltaRun
from packy.translation.failures import UpstreamContext, failure_from_event, interrupted
from packy.translation.item import Answer, array
from packy.translation.items import ITEM_EVENTS, Items
from packy.translation.sse import EventTooLarge, SseDecoder
from packy.translation.stop_sequences import StopSequenceMet, StopSequences
from packy.translation.usage import anthropic_usage, estimated_counts, upstream_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packy.translation.failures import Failure
    from packy.translation.message import MessageWriter
    from packy.translation.names import ToolNames
    from packy.translation.usage import Usage

__all__ = ["ResponseTranslator"]

Json = dict[str, Any]

# An event type that is not here, and is not one of an item, is ignored and counted.
_RESPONSE_EVENTS = {
    "response.created": "_on_opening",
    "response.in_progress": "_on_opening",
    "response.queued": "_on_opening",
    "response.completed": "_on_completed",
    "response.incomplete": "_on_incomplete",
    "response.failed": "_on_failed",
    "error": "_on_failed",
}
# Events that only repeat or frame what others carry.
_NOISE = {
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "response.web_search_call.in_progress",
    "response.web_search_call.searching",
    "response.web_search_call.completed",
    "keepalive",
}
# Said by servers to end a stream, or to keep it alive.
_NO_DATA = (b"[DONE]", b"")
# Where looking for a run has found none: after how many events to look again.
_SELDOM = 64
# What relays put into a `response.completed` all the same.
_FAILED = ("failed", "cancelled")
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
        stop_sequences: texts at the first of which the answer's text is cut; empty ones are none.
        learn_after: so many events go the plain way before the fast one is looked for, see
            packy.translation.delta_run; 0 for never.

    Attributes:
        ended: the message is over, well or not; further bytes are ignored.
        cut: it was ended at a stop sequence, while the upstream goes on: nobody wants the rest.
        failure: why it ended badly, None while it did not.
        silent: nothing but the opening has been written: an error can still be answered as an HTTP status.
        stop_reason: how it ended well, None before.
        usage: the upstream's final usage: `input_tokens`, `cached_tokens`, `output_tokens`, `reasoning_tokens`; an
            estimate where the answer was cut before the upstream had counted.
        ignored: what was not understood: each unknown item once, with all its events; events of an unknown type once
            for each item they belong to, or one by one where they belong to none; web pages that the model opened;
            annotations that cite no web page.
        upstream_model: the model that the upstream says it used, empty while it has not.
    """

    __slots__ = (
        "_answer", "_context", "_decoder", "_estimate", "_flowing", "_items", "_learn_after", "_look_after",
        "_message_id", "_model", "_plain", "_run", "_started", "_stops", "cut", "ended", "failure", "stop_reason",
        "upstream_model", "usage", "writer",
    )  # fmt: skip

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
        stop_sequences: Sequence[str] = (),
        learn_after: int = 8,
    ) -> None:
        self.writer = writer
        self.ended = False
        self.cut = False
        self.failure: Failure | None = None
        self.stop_reason: str | None = None
        self.usage: dict[str, int] = {}
        self.upstream_model = ""
        self._message_id = message_id
        self._model = model
        self._context = context or UpstreamContext()
        self._estimate = estimate
        stops = [sequence for sequence in stop_sequences if sequence]
        self._stops = StopSequences(stops, writer.text) if stops else None
        self._answer = Answer(writer, names, message_id, self._stops)
        self._items = Items(self._answer, reasoning=reasoning)
        self._decoder = SseDecoder()
        self._started = False
        self._learn_after = learn_after
        self._run: DeltaRun | None = None
        # The same, while the next bytes may go its way.
        self._flowing: DeltaRun | None = None
        # Events that went the plain way since a run was last looked for, and how many to let go before it is again.
        self._plain = 0
        self._look_after = learn_after

    @property
    def ignored(self) -> int:
        """What was not understood."""
        return self._answer.ignored

    @property
    def silent(self) -> bool:
        """Nothing but the opening has been written."""
        return self.writer.index < 0 and not self.ended

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream, cut anywhere."""
        while chunk and not self.ended:
            if self._flowing is not None:
                chunk = self._flowing.carry(chunk)
            if chunk:
                chunk = self._feed_some(chunk)

    def _feed_some(self, chunk: bytes) -> bytes:
        """Take a few events the plain way; return what is left, which may go the fast one."""
        self._settle()
        rest = b""
        if self._learn_after:
            # One that is not of the run, or the half of one; without a run, as many as are looked at before there is.
            end = 0
            for _ in range(1 if self._run is not None else max(self._look_after - self._plain, 1)):
                if not (end := chunk.find(b"\n\n", end) + 2) >= 2:  # noqa: PLR2004 - the two newlines
                    end = len(chunk)
                    break
            chunk, rest = chunk[:end], chunk[end:]
        events = self._feed_plainly(chunk)
        self._plain += len(events)
        if events and self._run is None and 0 < self._look_after <= self._plain:
            self._learn(chunk, events[-1][1])
        # Nothing but an event that goes the plain way changes whether the run goes on.
        if (run := self._run) is not None and self._decoder.between_events:
            if run.item is self._items.live and run.item.takes_run(run.part):
                self._flowing = run
            else:
                self._run = None
        return rest

    def _settle(self) -> None:
        """Leave the fast way: all that follows, the item may want to know about."""
        if self._flowing is not None:
            self._flowing.settle()
            self._flowing = None

    def _feed_plainly(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        try:
            events = self._decoder.feed(chunk)
        except EventTooLarge:
            self.fail(interrupted("the upstream sent an event larger than packy takes", "upstream_event_too_large"))
            return []
        for name, data in events:
            self._take(name, data)
        return events

    def _learn(self, chunk: bytes, data: bytes) -> None:
        """Look for a run; the longer the less often, where there is none."""
        self._plain = 0
        self._look_after = min(self._look_after * 2, _SELDOM)
        if self.ended or data in _NO_DATA or not isinstance(event := codec.loads(data), dict):
            return
        item = self._items.live_for(event)
        if item is not None and (run := DeltaRun.learn(item, event, chunk, data)):
            self._run, self._look_after = run, self._learn_after

    def end(self) -> None:
        """Take the end of the upstream's stream. Without a terminal event it is a failure, never a clean end."""
        self._settle()
        if not self.ended:
            for name, data in self._decoder.close():
                # Half an event is what the cut has left of it, no event that is wrong in itself.
                if codec.is_json(data):
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
            self._answer.ignored += 1
            return
        kind = event.get("type")
        if not isinstance(kind, str):
            # Some relays put an error's type into the event: line alone.
            kind = name.decode("ascii", "replace") or ("error" if "error" in event else "")
        try:
            self._dispatch(kind, event)
        except StopSequenceMet as met:
            self._cut(met.sequence)
        except NamelessCall:
            self.fail(interrupted("the upstream called a tool without naming it", "upstream_bad_call"))

    def _dispatch(self, kind: str, event: Json) -> None:
        if kind in ITEM_EVENTS:
            if not self._started:
                self._start()
            self._items.take(kind, event)
        elif method := _RESPONSE_EVENTS.get(kind):
            getattr(self, method)(event)
        elif kind not in _NOISE:
            self._items.ignore(event)

    # The response as a whole

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self.writer.start(self._message_id, self._model, anthropic_usage({"input_tokens": self._estimate}))

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
        if self._response(event).get("status") in _FAILED:
            self._on_failed(event)
            return
        response = self._conclude(event)
        if response.get("status") == "incomplete":
            self._finish(_incomplete_reason(response))
        elif self._answer.refused:
            self._finish("refusal")
        else:
            self._finish("tool_use" if self._answer.made_call else "end_turn")

    def _on_incomplete(self, event: Json) -> None:
        self._finish(_incomplete_reason(self._conclude(event)))

    def _conclude(self, event: Json) -> Json:
        self._start()
        response = self._response(event)
        usage = response.get("usage")
        self.usage = upstream_counts(usage) if isinstance(usage, dict) else {}
        cut_short = event.get("type") == "response.incomplete" or response.get("status") == "incomplete"
        self._items.conclude(array(response.get("output")), cut_short=cut_short)
        return response

    def _cut(self, stop_sequence: str) -> None:
        """End the message at a stop sequence, its text block being open."""
        assert self._stops is not None  # noqa: S101 - it was met; this tells the type checker
        self.cut = True
        self.writer.close()
        self._answer.searches.release()
        characters = self._answer.characters + self._stops.characters
        self.usage = self.usage or estimated_counts(self._estimate, characters)
        self._finish("stop_sequence", stop_sequence)

    def _finish(self, stop_reason: str, stop_sequence: str | None = None) -> None:
        self.ended = True
        self.stop_reason = stop_reason
        # Where the upstream did not count, the estimate of message_start stands.
        usage: Usage = anthropic_usage(self.usage) if self.usage else {"output_tokens": 0}
        if searches := self._answer.searches.count:
            usage["server_tool_use"] = {"web_search_requests": searches, "web_fetch_requests": 0}
        self.writer.finish(stop_reason, usage, stop_sequence)


def _incomplete_reason(response: Json) -> str:
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return _INCOMPLETE.get(reason, "max_tokens") if isinstance(reason, str) else "max_tokens"
