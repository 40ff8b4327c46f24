"""The grammar of a Messages stream is enforced: a step that it does not know is a fault of ours, and raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packy.translation import IllegalStep, MessageFolder, StreamWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation import MessageWriter

STEPS: dict[str, Callable[[MessageWriter], None]] = {
    "start": lambda writer: writer.start("msg_1", "m", {"output_tokens": 0}),
    "open text": lambda writer: writer.open({"type": "text", "text": ""}),
    "open thinking": lambda writer: writer.open({"type": "thinking", "thinking": "", "signature": ""}),
    "open tool_use": lambda writer: writer.open({"type": "tool_use", "id": "t", "name": "n", "input": {}}),
    "text": lambda writer: writer.text("t"),
    "thinking": lambda writer: writer.thinking("t"),
    "signature": lambda writer: writer.signature("s"),
    "arguments": lambda writer: writer.arguments("{}"),
    "close": lambda writer: writer.close(),
    "finish": lambda writer: writer.finish("end_turn", {"output_tokens": 1}),
    "fail": lambda writer: writer.fail("api_error", "no"),
}

# What has been written → what may follow.
ALLOWED = {
    (): {"start", "fail"},
    ("start",): {"open text", "open thinking", "open tool_use", "finish", "fail"},
    ("start", "open text"): {"text", "close", "fail"},
    ("start", "open text", "text"): {"text", "close", "fail"},
    ("start", "open text", "close"): {"open text", "open thinking", "open tool_use", "finish", "fail"},
    ("start", "open thinking"): {"thinking", "signature", "close", "fail"},
    ("start", "open thinking", "thinking"): {"thinking", "signature", "close", "fail"},
    ("start", "open thinking", "signature"): {"close", "fail"},
    ("start", "open tool_use"): {"arguments", "close", "finish", "fail"},
    ("start", "open tool_use", "arguments"): {"arguments", "close", "finish", "fail"},
    ("start", "finish"): set(),
    ("fail",): set(),
    ("start", "open text", "fail"): set(),
}


@pytest.mark.parametrize("writer_class", [StreamWriter, MessageFolder])
@pytest.mark.parametrize("before", ALLOWED, ids=" → ".join)
@pytest.mark.parametrize("step", STEPS)
def test_only_what_may_follow_is_written(
    writer_class: type[StreamWriter | MessageFolder], before: tuple[str, ...], step: str
) -> None:
    writer = writer_class()
    for earlier in before:
        STEPS[earlier](writer)
    if step in ALLOWED[before]:
        STEPS[step](writer)
    else:
        with pytest.raises(IllegalStep, match=f"in state {writer.state.name}"):
            STEPS[step](writer)


def test_what_was_written_is_given_once() -> None:
    writer = StreamWriter()
    STEPS["start"](writer)
    assert writer.take().startswith(b"event: message_start\n")
    assert writer.take() == b""
