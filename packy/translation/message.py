"""The Anthropic side of an answer: one message, its blocks one after the other, as a stream.

Each step is checked against the grammar of a Messages stream: one that it does not know is a fault of ours and raises
`IllegalStep`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.grammar import OPENING, TRANSITIONS, IllegalStep, State, Step

if TYPE_CHECKING:
    from packy.translation.usage import Usage

__all__ = ["MessageWriter", "StreamWriter"]


def _delta_of(kind: str, field: str) -> bytes:
    event = b'{"type":"content_block_delta","index":%%d,"delta":{"type":"%b","%b":"%%b"}}'
    return b"event: content_block_delta\ndata: " + event % (kind.encode(), field.encode()) + b"\n\n"


# Each wants the block's index, and the inside of a JSON string.
_DELTAS = {
    "text_delta": _delta_of("text_delta", "text"),
    "thinking_delta": _delta_of("thinking_delta", "thinking"),
    "signature_delta": _delta_of("signature_delta", "signature"),
    "input_json_delta": _delta_of("input_json_delta", "partial_json"),
}


class MessageWriter:
    """Checks each step against the grammar; what becomes of it is the subclass's matter."""

    __slots__ = ("index", "state")

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
            block: as in `content_block_start`: of a type in `OPENING`, its content still empty but for a result's.
        """
        self._step(OPENING[block["type"]])
        self.index += 1
        self._opened(block)

    def text(self, text: str) -> None:
        """Write text into the open text block."""
        self._step(Step.TEXT)
        self._delta("text_delta", "text", text)

    def cite(self, citation: dict[str, Any]) -> None:
        """Add a citation to the open text block.

        Args:
            citation: as the text block's `citations` hold it, such as a `web_search_result_location`.
        """
        self._step(Step.CITATION)
        self._cited(citation)

    def thinking(self, text: str) -> None:
        """Write thinking into the open thinking block."""
        self._step(Step.THINKING)
        self._delta("thinking_delta", "thinking", text)

    def signature(self, signature: str) -> None:
        """Sign the open thinking block: once, as Claude Code assigns signature deltas (measured with 2.1.197)."""
        self._step(Step.SIGNATURE)
        self._delta("signature_delta", "signature", signature)

    def arguments(self, partial_json: str) -> None:
        """Write a piece of the open call's arguments, ours to answer or the server's own."""
        self._step(Step.ARGUMENTS)
        self._delta("input_json_delta", "partial_json", partial_json)

    def run_text(self, text: bytes) -> None:
        """Write text into the open text block; given as the inside of a JSON string, as in all of these."""
        self._step(Step.TEXT)
        self._run("text_delta", "text", text)

    def run_thinking(self, text: bytes) -> None:
        """Write thinking into the open thinking block."""
        self._step(Step.THINKING)
        self._run("thinking_delta", "thinking", text)

    def run_arguments(self, text: bytes) -> None:
        """Write a piece of the open call's arguments."""
        self._step(Step.ARGUMENTS)
        self._run("input_json_delta", "partial_json", text)

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

    def keep_alive(self) -> bool:
        """Give a sign of life, where the caller reads as we write.

        Returns:
            Whether there was one to give: never before the start, after the end, or to a caller that does not stream.
        """
        return False

    def _started(self, message: dict[str, Any]) -> None:
        raise NotImplementedError

    def _opened(self, block: dict[str, Any]) -> None:
        raise NotImplementedError

    def _delta(self, kind: str, field: str, value: str) -> None:
        raise NotImplementedError

    def _run(self, kind: str, field: str, text: bytes) -> None:
        self._delta(kind, field, codec.loads(b'"' + text + b'"'))

    def _cited(self, citation: dict[str, Any]) -> None:
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
        opening: what has written to the caller before: this one goes on with its blocks.

    Attributes:
        fills: whether the caller takes a thinking block that holds nothing, for signs of life where no block is open.
    """

    __slots__ = ("_filling", "_opening", "_out", "_request_id", "fills")

    def __init__(self, request_id: str = "", opening: StreamWriter | None = None) -> None:
        super().__init__()
        self.fills = False
        self._request_id = request_id
        self._opening = opening
        # The open block is such a thinking block.
        self._filling = False
        self._out: list[bytes] = []

    def open(self, block: dict[str, Any]) -> None:
        """Open the next block; one for signs of life becomes the thinking block that is wanted, or ends."""
        self._go_on()
        if self._filling:
            self._filling = False
            if block["type"] == "thinking":
                return
            self.close()
        super().open(block)

    def finish(self, stop_reason: str, usage: Usage, stop_sequence: str | None = None) -> None:
        """End the message well; see `MessageWriter.finish`."""
        self._go_on()
        self._let_go()
        super().finish(stop_reason, usage, stop_sequence)

    def fail(self, type: str, message: str) -> None:  # noqa: A002 - the protocol's own word
        """End the message with an error; see `MessageWriter.fail`."""
        self._let_go()
        super().fail(type, message)

    def _let_go(self) -> None:
        """Leave a block for signs of life open at the end: what is not finished Claude Code forgets (2.1.197)."""
        if self._filling:
            self.state = State.BETWEEN

    def _go_on(self) -> None:
        """Take over the blocks of the opening."""
        if (opening := self._opening) is None:
            return
        self._opening, opening.fills = None, False
        self.index = opening.index
        if opening._filling:  # noqa: SLF001 - one of its own kind
            self.state, self._filling = State.THINKING, True

    def take(self) -> bytes:
        """Give and forget what was written since the last call."""
        if not self._out:
            return b""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def leave_out_start(self) -> None:
        """Forget `message_start`, of which nothing has been taken yet: the caller has had one before."""
        del self._out[0]

    def keep_alive(self) -> bool:
        """Write what says that the answer goes on: an empty delta of the open block, or a ping.

        Pings do not reset the client's watchdog of 300 seconds, empty deltas do; either keeps proxies in between from
        giving up (measured with Claude Code 2.1.197). Where no block is open, a thinking block is opened for them.

        Returns:
            False where nothing may be written: before the start and after the end.
        """
        if Step.PING not in TRANSITIONS[self.state]:
            return False
        if self.state is State.BETWEEN and self.fills:
            super().open({"type": "thinking", "thinking": "", "signature": ""})
            self._filling = True
        if self.state is State.THINKING:
            self.thinking("")
        elif self.state is State.TEXT:
            self.text("")
        elif self.state in {State.TOOL_USE, State.SERVER_TOOL_USE}:
            self.arguments("")
        else:
            self._step(Step.PING)
            self._event("ping", {})
        return True

    def _event(self, name: str, data: dict[str, Any]) -> None:
        # Claude Code needs the event: line (measured with 2.1.197).
        self._out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), codec.dumps({"type": name, **data})))

    def _started(self, message: dict[str, Any]) -> None:
        self._event("message_start", {"message": message})

    def _opened(self, block: dict[str, Any]) -> None:
        self._event("content_block_start", {"index": self.index, "content_block": block})

    def _delta(self, kind: str, field: str, value: str) -> None:
        self._run(kind, field, codec.dumps(value)[1:-1])

    def _run(self, kind: str, field: str, text: bytes) -> None:  # noqa: ARG002 - a template has its field
        self._out.append(_DELTAS[kind] % (self.index, text))

    def _cited(self, citation: dict[str, Any]) -> None:
        delta = {"type": "citations_delta", "citation": citation}
        self._event("content_block_delta", {"index": self.index, "delta": delta})

    def _closed(self) -> None:
        self._event("content_block_stop", {"index": self.index})

    def _finished(self, stop_reason: str, usage: Usage, stop_sequence: str | None) -> None:
        delta = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
        self._event("message_delta", {"delta": delta, "usage": usage})
        self._event("message_stop", {})

    def _failed(self, type: str, message: str) -> None:  # noqa: A002 - the protocol's own word
        known = {"request_id": self._request_id} if self._request_id else {}
        self._event("error", {"error": {"type": type, "message": message}, **known})
