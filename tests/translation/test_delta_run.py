"""The fast way through the hot path says what the plain one says: over all recordings, and over streams made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.translation import ResponseTranslator, StreamWriter, ToolNames

Json = dict[str, Any]

RECORDINGS = sorted((Path(__file__).parents[3] / "shared" / "recordings").glob("*.sse"))
DELTA = "response.output_text.delta"


def translated(pieces: list[bytes], learn_after: int) -> tuple[list[Json], ResponseTranslator]:
    """Translate; deltas of one block that follow each other are joined, as they are wherever they arrive together."""
    writer = StreamWriter()
    translator = ResponseTranslator(
        writer, message_id="msg_1", model="gpt-5", names=ToolNames(["Bash"]), learn_after=learn_after
    )
    for piece in pieces:
        translator.feed(piece)
    translator.end()
    joined: list[Json] = []
    for frame in writer.take().decode().split("\n\n")[:-1]:
        name, _, data = frame.partition("\ndata: ")
        event = orjson.loads(data)
        assert name == f"event: {event['type']}"
        delta = event.get("delta", {})
        last = joined[-1].get("delta", {}) if joined else {}
        if event["type"] == "content_block_delta" and last.get("type") == delta["type"] and len(delta) == 2:
            key = next(key for key in delta if key != "type")
            last[key] += delta[key]
        else:
            joined.append(event)
    return joined, translator


def same(pieces: list[bytes]) -> ResponseTranslator:
    plain, slow = translated(pieces, 0)
    short, fast = translated(pieces, 1)
    assert short == plain
    for name in ("ended", "failure", "stop_reason", "usage", "ignored", "upstream_model"):
        assert getattr(fast, name) == getattr(slow, name)
    return fast


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size or len(data))] if size else [data]


def events_of(data: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in data.split(b"\n\n") if event]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem[-40:])
@pytest.mark.parametrize("size", [0, 1, 7, 100, 1000, 4096])
def test_no_recording_tells_them_apart(recording: Path, size: int) -> None:
    data = recording.read_bytes()
    same(cut(data, size))
    same(events_of(data.replace(b"\r\n", b"\n")))


def frame(event: Json, *, named: bool) -> bytes:
    head = b"event: %b\n" % event["type"].encode() if named else b""
    return head + b"data: " + orjson.dumps(event) + b"\n\n"


TEXTS = st.lists(st.text('ab é😀\n"\\\x01', max_size=6), min_size=1, max_size=40)
NOISE = st.sampled_from(
    [
        b": keepalive\n\n",
        b'data: {"type":"response.unknown"}\n\n',
        b'data: {"type":"response.output_text.delta","output_index":0,"content_index":1,"delta":"other part"}\n\n',
        b'data: {"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"other item"}\n\n',
        b'data: {"delta":"another order","type":"response.output_text.delta","output_index":0,"content_index":0}\n\n',
        b'data: {"type":"response.output_text.done","output_index":0,"content_index":0,"text":"short"}\n\n',
        b'data: {"type":"response.output_text.annotation.added","output_index":0,"annotation":{}}\n\n',
        b'data: {"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"msg_0"}}\n\n',
        b"data: [DONE]\n\n",
        b'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"\xff"}\n\n',
        b"data: {nope\n\n",
    ]
)
# Where a key stands among the others is the upstream's own way.
ORDERS = st.permutations(["sequence_number", "item_id", "output_index", "content_index", "delta", "logprobs"])


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    order, named, padded = draw(ORDERS), draw(st.booleans()), draw(st.booleans())
    added = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg_0"}}
    said = [frame({"type": "response.created", "response": {"id": "resp_1"}}, named=named), frame(added, named=named)]
    for number, text in enumerate(draw(TEXTS)):
        fields = {
            "sequence_number": number,
            "item_id": "msg_0",
            "output_index": 0,
            "content_index": 0,
            "delta": text,
            "logprobs": [],
        }
        event = {"type": DELTA, **{key: fields[key] for key in order}}
        if padded:
            event["obfuscation"] = "x" * (number % 5)
        said.append(frame(event, named=named))
        if draw(st.integers(0, 9)) == 0:
            said.append(draw(NOISE))
    if draw(st.booleans()):
        said.append(frame({"type": "response.completed", "response": {"status": "completed"}}, named=named))
    data = b"".join(said)
    places = draw(st.lists(st.integers(0, len(data)), max_size=6))
    return (
        said
        if draw(st.booleans())
        else [data[a:b] for a, b in zip([0, *sorted(places)], [*sorted(places), len(data)], strict=True)]
    )


@given(streams())
def test_no_stream_tells_them_apart(pieces: list[bytes]) -> None:
    same(pieces)


def test_a_delta_of_an_item_that_has_to_wait_teaches_nothing() -> None:
    added = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg_0"}}
    deltas = [
        {"type": DELTA, "output_index": index, "content_index": 0, "delta": text}
        for index, text in ((0, "a"), (1, "c"), (1, "d"), (0, "b"), (1, "e"))
    ]
    same([frame(event, named=True) for event in (added, *deltas)])


@pytest.mark.parametrize(
    ("kind", "item", "index"),
    [
        ("response.output_text.delta", {"type": "message", "id": "msg_0"}, {"content_index": 0}),
        ("response.reasoning_summary_text.delta", {"type": "reasoning", "id": "rs_0"}, {"summary_index": 0}),
        (
            "response.function_call_arguments.delta",
            {"type": "function_call", "id": "fc_0", "call_id": "call_1", "name": "Bash"},
            {},
        ),
    ],
    ids=["text", "reasoning", "arguments"],
)
def test_a_long_run_is_taken_without_being_looked_into(kind: str, item: Json, index: Json) -> None:
    deltas = ["Wörter ", 'mit "Zeichen" ', "\\n", "und\n", "😀 "] * 40
    said = [frame({"type": "response.output_item.added", "output_index": 0, "item": item}, named=True)]
    said += [
        frame({"type": kind, "output_index": 0, **index, "delta": delta, "sequence_number": n}, named=True)
        for n, delta in enumerate(deltas)
    ]
    data = b"".join(said)
    for pieces in ([data], said, cut(data, 997)):
        same(pieces)

    writer = StreamWriter()
    translator = ResponseTranslator(writer, message_id="msg_1", model="m", names=ToolNames(["Bash"]), learn_after=1)
    for piece in said[:3]:
        translator.feed(piece)
    writer.take()
    translator.feed(b"".join(said[3:]))
    # All that has arrived together leaves as one delta.
    assert writer.take().count(b"event: content_block_delta") == 1
