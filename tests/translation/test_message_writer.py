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
    "open server_tool_use": lambda writer: writer.open(
        {"type": "server_tool_use", "id": "s", "name": "n", "input": {}}
    ),
    "open result": lambda writer: writer.open({"type": "web_search_tool_result", "tool_use_id": "s", "content": []}),
    "text": lambda writer: writer.text("t"),
    "cite": lambda writer: writer.cite({"type": "web_search_result_location"}),
    "thinking": lambda writer: writer.thinking("t"),
    "signature": lambda writer: writer.signature("s"),
    "arguments": lambda writer: writer.arguments("{}"),
    "close": lambda writer: writer.close(),
    "finish": lambda writer: writer.finish("end_turn", {"output_tokens": 1}),
    "fail": lambda writer: writer.fail("api_error", "no"),
}

BETWEEN = {"open text", "open thinking", "open tool_use", "open server_tool_use", "open result", "finish", "fail"}

# What has been written → what may follow.
ALLOWED = {
    (): {"start", "fail"},
    ("start",): BETWEEN,
    ("start", "open text"): {"text", "cite", "close", "fail"},
    ("start", "open text", "text"): {"text", "cite", "close", "fail"},
    ("start", "open text", "cite"): {"text", "cite", "close", "fail"},
    ("start", "open text", "close"): BETWEEN,
    ("start", "open thinking"): {"thinking", "signature", "close", "fail"},
    ("start", "open thinking", "thinking"): {"thinking", "signature", "close", "fail"},
    ("start", "open thinking", "signature"): {"close", "fail"},
    ("start", "open tool_use"): {"arguments", "close", "finish", "fail"},
    ("start", "open tool_use", "arguments"): {"arguments", "close", "finish", "fail"},
    ("start", "open server_tool_use"): {"arguments", "close", "fail"},
    ("start", "open server_tool_use", "arguments"): {"arguments", "close", "fail"},
    ("start", "open server_tool_use", "close"): BETWEEN,
    ("start", "open result"): {"close", "fail"},
    ("start", "open result", "close"): BETWEEN,
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


PING = b'event: ping\ndata: {"type":"ping"}\n\n'
EMPTY = b'"delta":{"type":"thinking_delta","thinking":""}'


@pytest.mark.parametrize("before", ALLOWED, ids=" → ".join)
def test_a_sign_of_life_can_be_given_while_the_message_goes_on(before: tuple[str, ...]) -> None:
    writer, folder = StreamWriter(), MessageFolder()
    for step in before:
        STEPS[step](writer)
        STEPS[step](folder)
    writer.take()
    going_on = before[:1] == ("start",) and not {"finish", "fail"} & set(before)
    assert writer.keep_alive() is going_on
    assert (PING in (out := writer.take()) or EMPTY in out) is going_on
    assert not folder.keep_alive()
    # What may follow is what might have followed before.
    for step in sorted(ALLOWED[before] - {"fail"})[:1]:
        STEPS[step](writer)


@pytest.mark.parametrize(
    ("before", "sign"),
    [
        (("start",), PING),
        (("start", "open text"), PING),
        (("start", "open thinking"), EMPTY),
        (("start", "open thinking", "thinking"), EMPTY),
        (("start", "open thinking", "signature"), PING),
        (("start", "open tool_use"), PING),
    ],
    ids=str,
)
def test_in_an_unsigned_thinking_block_it_is_what_resets_the_clients_watchdog(
    before: tuple[str, ...], sign: bytes
) -> None:
    writer = StreamWriter()
    for step in before:
        STEPS[step](writer)
    writer.take()
    writer.keep_alive()
    assert sign in writer.take()
