"""The Anthropic side of an answer: one message, its blocks one after the other, as a stream or folded into one.

`MessageWriter` holds the grammar of a Messages stream (Messages API reference, "Streaming messages") as data: whatever
drives it, no two blocks overlap, nothing follows the end, and a block's deltas are of its own kind. A step that the
grammar does not know is a fault of ours and raises `IllegalStep`.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from packy.translation import codec

__all__ = ["IllegalStep", "MessageFolder", "MessageWriter", "State", "StreamWriter", "Usage"]

Usage = dict[str, int]


class IllegalStep(RuntimeError):
    """The translator asked for a step that the Messages stream does not allow here."""


class State(Enum):
    """Where in the message we are."""

    NEW = auto()
    BETWEEN = auto()
    TEXT = auto()
    THINKING = auto()
    SIGNED = auto()
    TOOL_USE = auto()
    ENDED = auto()


class Step(Enum):
    """What can be written next."""

    START = auto()
    OPEN_TEXT = auto()
    OPEN_THINKING = auto()
    OPEN_TOOL_USE = auto()
    TEXT = auto()
    THINKING = auto()
    SIGNATURE = auto()
    ARGUMENTS = auto()
    CLOSE = auto()
    FINISH = auto()
    FAIL = auto()


TRANSITIONS: dict[State, dict[Step, State]] = {
    State.NEW: {Step.START: State.BETWEEN, Step.FAIL: State.ENDED},
    State.BETWEEN: {
        Step.OPEN_TEXT: State.TEXT,
        Step.OPEN_THINKING: State.THINKING,
        Step.OPEN_TOOL_USE: State.TOOL_USE,
        Step.FINISH: State.ENDED,
        Step.FAIL: State.ENDED,
    },
    State.TEXT: {Step.TEXT: State.TEXT, Step.CLOSE: State.BETWEEN},
    State.THINKING: {Step.THINKING: State.THINKING, Step.SIGNATURE: State.SIGNED, Step.CLOSE: State.BETWEEN},
    State.SIGNED: {Step.CLOSE: State.BETWEEN},
    # A call may end with the message, unfinished.
    State.TOOL_USE: {
        Step.ARGUMENTS: State.TOOL_USE,
        Step.CLOSE: State.BETWEEN,
        Step.FINISH: State.ENDED,
        Step.FAIL: State.ENDED,
    },
    State.ENDED: {},
}

_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)
_OPEN = {"text": Step.OPEN_TEXT, "thinking": Step.OPEN_THINKING, "tool_use": Step.OPEN_TOOL_USE}


class MessageWriter:
    """Checks each step against the grammar; what becomes of it is the subclass's matter."""

    def __init__(self) -> None:
        self.state = State.NEW
        self.index = -1

    def _step(self, step: Step) -> None:
        try:
            self.state = TRANSITIONS[self.state][step]
        except KeyError:
            raise IllegalStep(f"{step.name} in state {self.state.name}") from None

    def start(self, message_id: str, model: str, usage: Usage) -> None:
        """Begin the message.

        Args:
            message_id: `msg_…`, unique: repeated ids make Claude Code merge turns (measured with 2.1.197).
            model: exactly as the client asked for it, or Claude Code drops signed thinking (measured with 2.1.197).
            usage: estimated usage; the one in `finish` replaces it.
        """
        self._step(Step.START)
        message: dict[str, Any] = {
            "id": message_id,
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        self._started(message)

    def open(self, block: dict[str, Any]) -> None:
        """Open the next block.

        Args:
            block: as in `content_block_start`: type `text`, `thinking` or `tool_use`, its content still empty.
        """
        self._step(_OPEN[block["type"]])
        self.index += 1
        self._opened(block)

    def text(self, text: str) -> None:
        """Write text into the open text block."""
        self._step(Step.TEXT)
        self._delta("text_delta", "text", text)

    def thinking(self, text: str) -> None:
        """Write thinking into the open thinking block."""
        self._step(Step.THINKING)
        self._delta("thinking_delta", "thinking", text)

    def signature(self, signature: str) -> None:
        """Sign the open thinking block: once, as Claude Code assigns signature deltas (measured with 2.1.197)."""
        self._step(Step.SIGNATURE)
        self._delta("signature_delta", "signature", signature)

    def arguments(self, partial_json: str) -> None:
        """Write a piece of the open tool call's arguments."""
        self._step(Step.ARGUMENTS)
        self._delta("input_json_delta", "partial_json", partial_json)

    def close(self) -> None:
        """Close the open block."""
        self._step(Step.CLOSE)
        self._closed()

    def finish(self, stop_reason: str, usage: Usage, stop_sequence: str | None = None) -> None:
        """End the message well.

        Args:
            stop_reason: of the Messages API.
            usage: final usage.
            stop_sequence: the one that was met, with stop_reason `stop_sequence`.
        """
        self._step(Step.FINISH)
        self._finished(stop_reason, usage, stop_sequence)

    def fail(self, type: str, message: str) -> None:  # noqa: A002 - the protocol's own word
        """End the message with an error; an open block is closed first, but for a tool call.

        Claude Code runs a call whose block has been closed, whatever follows (measured with 2.1.197): closing one that
        was cut would run half a command. Left open, the client drops it, and asks again or shows the error.

        Args:
            type: Anthropic error type.
            message: text for the person at the terminal.
        """
        if Step.FAIL not in TRANSITIONS[self.state]:
            self.close()
        self._step(Step.FAIL)
        self._failed(type, message)

    def _started(self, message: dict[str, Any]) -> None:
        raise NotImplementedError

    def _opened(self, block: dict[str, Any]) -> None:
        raise NotImplementedError

    def _delta(self, kind: str, field: str, value: str) -> None:
        raise NotImplementedError

    def _closed(self) -> None:
        raise NotImplementedError

    def _finished(self, stop_reason: str, usage: Usage, stop_sequence: str | None) -> None:
        raise NotImplementedError

    def _failed(self, type: str, message: str) -> None:  # noqa: A002 - the protocol's own word
        raise NotImplementedError


class StreamWriter(MessageWriter):
    """Writes the message as server-sent events; `take()` gives the bytes that have come together.

    Args:
        request_id: goes into an `error` event, as into every error; empty for none.
    """

    def __init__(self, request_id: str = "") -> None:
        super().__init__()
        self._request_id = request_id
        self._out: list[bytes] = []

    def take(self) -> bytes:
        """Give and forget what was written since the last call."""
        if not self._out:
            return b""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _event(self, name: str, data: dict[str, Any]) -> None:
        # Claude Code needs the event: line (measured with 2.1.197).
        self._out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), codec.dumps({"type": name, **data})))

    def _started(self, message: dict[str, Any]) -> None:
        self._event("message_start", {"message": message})

    def _opened(self, block: dict[str, Any]) -> None:
        self._event("content_block_start", {"index": self.index, "content_block": block})

    def _delta(self, kind: str, field: str, value: str) -> None:
        self._out.append(_DELTA % (self.index, kind.encode(), field.encode(), codec.dumps(value)))

    def _closed(self) -> None:
        self._event("content_block_stop", {"index": self.index})

    def _finished(self, stop_reason: str, usage: Usage, stop_sequence: str | None) -> None:
        delta = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
        self._event("message_delta", {"delta": delta, "usage": usage})
        self._event("message_stop", {})

    def _failed(self, type: str, message: str) -> None:  # noqa: A002 - the protocol's own word
        known = {"request_id": self._request_id} if self._request_id else {}
        self._event("error", {"error": {"type": type, "message": message}, **known})


class MessageFolder(MessageWriter):
    """Folds the same steps into one message, for callers that do not stream.

    Attributes:
        message: the message so far; whole once `finish` has been called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.message: dict[str, Any] = {}
        self._open = False
        self._pieces: dict[str, list[str]] = {}

    def _started(self, message: dict[str, Any]) -> None:
        self.message = message

    def _opened(self, block: dict[str, Any]) -> None:
        self.message["content"].append(dict(block))
        self._open = True
        self._pieces = {}

    def _delta(self, kind: str, field: str, value: str) -> None:  # noqa: ARG002 - the stream needs the kind, we do not
        self._pieces.setdefault(field, []).append(value)

    def _closed(self) -> None:
        self._open = False
        block = self.message["content"][-1]
        for field, pieces in self._pieces.items():
            if field == "partial_json":
                block["input"] = _parse_arguments("".join(pieces))
            else:
                block[field] = "".join(pieces)
        self._pieces = {}

    def _finished(self, stop_reason: str, usage: Usage, stop_sequence: str | None) -> None:
        self._drop_open_call()
        self.message["stop_reason"] = stop_reason
        self.message["stop_sequence"] = stop_sequence
        self.message["usage"] = {**self.message["usage"], **usage}

    def _failed(self, type: str, message: str) -> None:  # noqa: A002, ARG002 - the protocol's word; the caller has both
        """Leave the rest of the message as it is: its caller answers with the error instead."""
        self._drop_open_call()

    def _drop_open_call(self) -> None:
        if self._open:
            self.message["content"].pop()


def _parse_arguments(text: str) -> dict[str, Any]:
    """Read a call's arguments; what is no JSON object is wrapped as the tool-use guide of the Messages API has it."""
    if not text:
        return {}
    try:
        parsed = codec.loads_exactly(text)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"INVALID_JSON": text}
