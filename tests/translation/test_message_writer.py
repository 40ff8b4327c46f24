"""The grammar of a Messages stream is enforced: a step that it does not know is a fault of ours, and raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
NO_THOUGHT = b'"delta":{"type":"thinking_delta","thinking":""}'
NO_TEXT = b'"delta":{"type":"text_delta","text":""}'
NO_ARGUMENTS = b'"delta":{"type":"input_json_delta","partial_json":""}'
SIGNS = (PING, NO_THOUGHT, NO_TEXT, NO_ARGUMENTS)


@pytest.mark.parametrize("before", ALLOWED, ids=" → ".join)
@pytest.mark.parametrize("fills", [False, True], ids=["", "with blocks for it"])
def test_a_sign_of_life_can_be_given_while_the_message_goes_on(before: tuple[str, ...], *, fills: bool) -> None:
    writer, folder = StreamWriter(), MessageFolder()
    writer.fills = fills
    for step in before:
        STEPS[step](writer)
        STEPS[step](folder)
    writer.take()
    going_on = before[:1] == ("start",) and not {"finish", "fail"} & set(before)
    assert writer.keep_alive() is going_on
    written = writer.take()
    assert any(sign in written for sign in SIGNS) is going_on
    assert not folder.keep_alive()
    # What may follow is what might have followed before.
    for step in sorted(ALLOWED[before] - {"fail"})[:1]:
        STEPS[step](writer)


@pytest.mark.parametrize(
    ("before", "sign"),
    [
        (("start",), PING),
        (("start", "open text"), NO_TEXT),
        (("start", "open thinking"), NO_THOUGHT),
        (("start", "open thinking", "thinking"), NO_THOUGHT),
        (("start", "open thinking", "signature"), PING),
        (("start", "open tool_use"), NO_ARGUMENTS),
        (("start", "open server_tool_use"), NO_ARGUMENTS),
    ],
    ids=str,
)
def test_in_an_open_block_it_is_what_resets_the_clients_watchdog(before: tuple[str, ...], sign: bytes) -> None:
    writer = StreamWriter()
    for step in before:
        STEPS[step](writer)
    writer.take()
    writer.keep_alive()
    assert sign in writer.take()


def _opening() -> StreamWriter:
    opening = StreamWriter()
    opening.fills = True
    STEPS["start"](opening)
    opening.keep_alive()
    opening.keep_alive()
    return opening


@pytest.mark.parametrize(
    ("steps", "blocks"),
    [
        pytest.param(["open text", "text", "close", "finish"], ["thinking", "text"], id="a text comes behind it"),
        pytest.param(
            ["open thinking", "thinking", "signature", "close", "finish"], ["thinking"], id="a thought takes it over"
        ),
        pytest.param(["finish"], ["thinking"], id="nothing comes"),
    ],
)
def test_where_no_block_is_open_a_thinking_block_is_opened_for_it_and_the_answer_goes_on_from_there(
    read_stream: Callable[[bytes], list[dict[str, Any]]], steps: list[str], blocks: list[str]
) -> None:
    opening = _opening()
    writer = StreamWriter(opening=opening)
    for step in ["start", *steps]:
        STEPS[step](writer)
    writer.leave_out_start()

    events = read_stream(opening.take() + writer.take())

    started = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert started == blocks
    # The client runs into its own non-streaming try where nothing was finished, and must not take this for something.
    assert [event["type"] for event in events].count("content_block_stop") == (len(blocks) if steps[1:] else 0)


def test_it_stays_open_when_the_answer_fails(read_stream: Callable[[bytes], list[dict[str, Any]]]) -> None:
    opening = _opening()
    STEPS["fail"](opening)

    kinds = [event["type"] for event in read_stream(opening.take())]

    assert kinds[-1] == "error"
    assert "content_block_stop" not in kinds
