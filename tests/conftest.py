"""What test folders share: how to read a Messages stream, this process's log, an upstream, hypothesis's profiles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import settings
from pydantic import TypeAdapter

from packy.demo import DemoUpstream
from tests.support.log_lines import log_lines
from tests.support.small_request import small_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

# The suite says the same every time; `pytest --hypothesis-profile=explore` looks further.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None, max_examples=200)
settings.register_profile("explore", deadline=None, max_examples=5000)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests that take minutes as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes minutes; --long runs it"))


DELTAS = {
    "text": {"text_delta": "text", "citations_delta": "citation"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
    "server_tool_use": {"input_json_delta": "partial_json"},
    "web_search_tool_result": {},
}


def _parse(frame: bytes) -> Json:
    name, data = frame.split(b"\n")
    assert name.startswith(b"event: "), f"an event must begin with its event line: {name!r}"
    assert data.startswith(b"data: "), f"an event must have one data line: {data!r}"
    event = json.loads(data[6:])
    assert event["type"] == name[7:].decode(), "the event line and the data's type must agree"
    return cast("Json", event)


def _check_block(block: list[Json], index: int) -> None:
    start, *deltas, stop = block
    kind = start["content_block"]["type"]
    assert (start["type"], stop["type"]) == ("content_block_start", "content_block_stop"), "blocks must not overlap"
    assert start["index"] == stop["index"] == index, "indexes must be contiguous"
    for event in deltas:
        assert event["type"] == "content_block_delta", "only deltas belong between a block's start and stop"
        assert event["index"] == index, "a delta must be the open block's"
        assert isinstance(event["delta"][DELTAS[kind][event["delta"]["type"]]], str | dict)
    signatures = [i for i, event in enumerate(deltas) if event["delta"]["type"] == "signature_delta"]
    assert signatures in ([], [len(deltas) - 1]), "a signature comes once, and last"


def _check(events: list[Json]) -> None:
    assert events, "an answer has at least one event"
    first, last = events[0]["type"], events[-1]["type"]
    if last == "error":
        assert events[-1]["error"].keys() == {"type", "message"}
        body = events[1:-1]
    else:
        assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
        assert events[-2]["delta"]["stop_reason"], "a message that ended well says why"
        assert events[-2]["usage"]["output_tokens"] >= 0
        body = events[1:-2]
    if len(events) == 1:
        return
    assert first == "message_start"
    assert events[0]["message"]["content"] == []
    index, begin = 0, 0
    for at, event in enumerate(body):
        if event["type"] == "content_block_stop":
            _check_block(body[begin : at + 1], index)
            index, begin = index + 1, at + 1
    left = body[begin:]
    if left and not _fills(left):
        cut = last == "error" or events[-2]["delta"]["stop_reason"] in {"max_tokens", "refusal"}
        assert cut, "what is opened must be closed"
        assert left[0]["content_block"]["type"] == "tool_use", "only a call that was cut stays open: closed, it is run"
    if left:
        _check_block([*left, {"type": "content_block_stop", "index": index}], index)


def _fills(block: list[Json]) -> bool:
    """Tell whether a block holds nothing, and is there for signs of life only."""
    start, *deltas = block
    empty = all(event["delta"] == {"type": "thinking_delta", "thinking": ""} for event in deltas)
    return start["content_block"]["type"] == "thinking" and bool(deltas) and empty


@pytest.fixture(scope="session")
def read_stream() -> Callable[[bytes], list[Json]]:
    """Bytes of a Messages stream → its events, checked against the grammar; pings and comments are left out."""

    def read(stream: bytes) -> list[Json]:
        *frames, rest = stream.split(b"\n\n")
        assert rest == b"", "the stream must end with a whole event"
        events = [event for frame in frames if not frame.startswith(b":") if (event := _parse(frame))["type"] != "ping"]
        _check(events)
        return events

    return read


@pytest.fixture(scope="session")
def accumulate() -> Callable[[list[Json]], Json]:
    """Events of a stream that ended well → the message, as the `anthropic` package's types and accumulator read it."""
    adapter: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)

    def fold(events: list[Json]) -> Json:
        message, buffers = None, dict[int, bytes]()
        for raw in events:
            event = adapter.validate_python(raw)
            message = accumulate_event(event=event, current_snapshot=message, json_bufs=buffers)
        assert message is not None
        # The accumulator adds it of itself, where a message that was never streamed has none.
        return {key: value for key, value in message.to_dict().items() if (key, value) != ("stop_details", None)}

    return fold


@pytest.fixture
def lines() -> Iterator[Callable[..., list[Json]]]:
    """Take up the log of this process; the fixture gives the lines written so far, of one event if asked."""
    with log_lines() as written:
        yield written


@pytest.fixture(scope="module")
def upstream_process() -> Iterator[DemoUpstream]:
    """A demo upstream; a folder that wants another one, or one for all of its modules, has its own."""
    with DemoUpstream() as running:
        yield running


@pytest.fixture
def upstream(upstream_process: DemoUpstream) -> DemoUpstream:
    """The same, as good as new."""
    upstream_process.reset()
    return upstream_process


@pytest.fixture(scope="session")
def question() -> Callable[..., Json]:
    """A small request; keywords replace its fields."""
    return small_request
