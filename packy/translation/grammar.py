"""The grammar of a Messages stream, as data (Messages API reference, "Streaming messages").

Whatever drives it, no two blocks overlap, nothing follows the end, and a block's deltas are of its own kind.
"""

from __future__ import annotations

from enum import IntEnum, auto

__all__ = ["OPENING", "TRANSITIONS", "IllegalStep", "State", "Step"]


class IllegalStep(RuntimeError):
    """The translator asked for a step that the Messages stream does not allow here."""


class State(IntEnum):
    """Where in the message we are."""

    NEW = auto()
    BETWEEN = auto()
    TEXT = auto()
    THINKING = auto()
    SIGNED = auto()
    TOOL_USE = auto()
    SERVER_TOOL_USE = auto()
    RESULT = auto()
    ENDED = auto()


class Step(IntEnum):
    """What can be written next."""

    START = auto()
    PING = auto()
    OPEN_TEXT = auto()
    OPEN_THINKING = auto()
    OPEN_TOOL_USE = auto()
    OPEN_SERVER_TOOL_USE = auto()
    OPEN_RESULT = auto()
    TEXT = auto()
    CITATION = auto()
    THINKING = auto()
    SIGNATURE = auto()
    ARGUMENTS = auto()
    CLOSE = auto()
    FINISH = auto()
    FAIL = auto()


TRANSITIONS: dict[State, dict[Step, State]] = {
    State.NEW: {Step.START: State.BETWEEN, Step.FAIL: State.ENDED},
    State.BETWEEN: {
        Step.PING: State.BETWEEN,
        Step.OPEN_TEXT: State.TEXT,
        Step.OPEN_THINKING: State.THINKING,
        Step.OPEN_TOOL_USE: State.TOOL_USE,
        Step.OPEN_SERVER_TOOL_USE: State.SERVER_TOOL_USE,
        Step.OPEN_RESULT: State.RESULT,
        Step.FINISH: State.ENDED,
        Step.FAIL: State.ENDED,
    },
    State.TEXT: {
        Step.PING: State.TEXT,
        Step.TEXT: State.TEXT,
        Step.CITATION: State.TEXT,
        Step.CLOSE: State.BETWEEN,
    },
    State.THINKING: {
        Step.PING: State.THINKING,
        Step.THINKING: State.THINKING,
        Step.SIGNATURE: State.SIGNED,
        Step.CLOSE: State.BETWEEN,
    },
    State.SIGNED: {Step.PING: State.SIGNED, Step.CLOSE: State.BETWEEN},
    # A call may end with the message, unfinished.
    State.TOOL_USE: {
        Step.PING: State.TOOL_USE,
        Step.ARGUMENTS: State.TOOL_USE,
        Step.CLOSE: State.BETWEEN,
        Step.FINISH: State.ENDED,
        Step.FAIL: State.ENDED,
    },
    State.SERVER_TOOL_USE: {
        Step.PING: State.SERVER_TOOL_USE,
        Step.ARGUMENTS: State.SERVER_TOOL_USE,
        Step.CLOSE: State.BETWEEN,
    },
    # Whole in its content_block_start.
    State.RESULT: {Step.PING: State.RESULT, Step.CLOSE: State.BETWEEN},
    State.ENDED: {},
}

OPENING = {
    "text": Step.OPEN_TEXT,
    "thinking": Step.OPEN_THINKING,
    "tool_use": Step.OPEN_TOOL_USE,
    "server_tool_use": Step.OPEN_SERVER_TOOL_USE,
    "web_search_tool_result": Step.OPEN_RESULT,
}
"""Type of a content block → the step that opens it."""
