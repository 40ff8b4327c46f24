from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from packy.demo import (
    call,
    error,
    event,
    failed,
    incomplete,
    item,
    reasoning,
    refusal,
    rule,
    silence,
    source,
    text,
    web_search,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.demo import DemoUpstream

Json = dict[str, Any]
Events = Callable[..., list[Json]]

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
STREAM_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
# Sent by the real API, though the package's types do not have them.
BEYOND_THE_TYPES = {"obfuscation", "frequency_penalty", "presence_penalty", "store"}
EVERYTHING = {
    "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
    "reasoning": {"effort": "high", "summary": "auto"},
    "tools": [{"type": "web_search"}],
}
PAGE = source("https://example.com/a", "A page")

ANSWERS = {
    "text": [text("Hello there")],
    "an empty text": [text("")],
    "reasoning with two summary parts": [reasoning("First.", "Second."), text("Done")],
    "reasoning without a summary": [reasoning(), text("Done")],
    "a call": [call("Read", {"file_path": "/x"})],
    "parallel calls": [reasoning(), call("Read", {"a": 1}), call("Read", {"a": 2})],
    "malformed arguments": [call("Read", '{"file_path": ')],
    "text between calls": [text("One"), call("Read"), text("Two"), call("Bash")],
    "a refusal": [refusal("I will not.")],
    "a web search with citations": [web_search("news", PAGE), text("It rained.", PAGE, PAGE)],
    "incomplete": [text("Half an"), incomplete()],
    "incomplete for its content": [text("Half an"), incomplete("content_filter")],
    "failed": [text("Hel", unfinished=True), failed("server_error", "It broke.")],
    "an error event": [text("Hel", unfinished=True), error("server_error", "It broke.")],
    "no end": [text("Hello"), silence()],
    "text that only its part's end carries": [text("Hello", via="part")],
    "text that only its item's end carries": [text("Hello", via="item")],
    "text that only the response carries": [text("Hello", via="response")],
    "arguments that only their end carries": [call("Read", {"a": 1}, via="part")],
    "a call that only the response carries": [call("Read", {"a": 1}, via="response")],
    "reasoning left open": [reasoning("Hm", unfinished=True), silence()],
    "another item": [
        item(type="code_interpreter_call", code="1", container_id="c", outputs=[], status="completed"),
        text("1"),
    ],
    "another event": [event("response.queued", response=None), text("x")],
}


def extras(value: Any) -> Iterator[str]:
    """Fields that the types do not have."""
    if isinstance(value, BaseModel):
        yield from value.model_extra or ()
        for name in type(value).model_fields:
            yield from extras(getattr(value, name))
    elif isinstance(value, list):
        for one in value:
            yield from extras(one)


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "another event"])
def test_every_event_is_one_that_the_openai_package_knows_with_no_field_missing_or_made_up(
    name: str, upstream: DemoUpstream, events: Events
) -> None:
    upstream.script(rule(*ANSWERS[name]))
    for sent in events(**EVERYTHING):
        model = STREAM_EVENT.validate_python(sent)
        assert set(extras(model)) <= BEYOND_THE_TYPES, sent["type"]


@pytest.mark.parametrize("name", ANSWERS)
def test_events_are_numbered_from_zero_without_a_gap(name: str, upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(*ANSWERS[name]))
    found = events(**EVERYTHING)
    assert [sent["sequence_number"] for sent in found] == list(range(len(found)))


def shape(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all keys in a JSON value, lists looked through."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}"
            yield from shape(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from shape(inner, path)


RECORDED = {
    "reasoning and a call": (
        "fantasy*SummaryThinking*thinking-streaming__0.sse",
        [reasoning("Hm."), call("weather", {"location": "Florence"})],
    ),
    "reasoning and text": ("ruby_llm*multi-turn_streaming_conversations__1.sse", [reasoning(), text("Berlin")]),
    "a web search": ("langchain*web_search__1.sse", [web_search("news", PAGE), text("News", PAGE)]),
    "a refusal": ("rig*refusal*.sse", [refusal("No.")]),
    "a rate limit": ("prism*rate-limited*.sse", [error("c", "m", nested=True), failed("c", "m")]),
    "an incomplete text": ("dd-trace*incomplete__0.sse", [text("In the"), incomplete()]),
}


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recorded streams are not here")
@pytest.mark.parametrize("name", RECORDED)
def test_events_have_the_order_and_every_field_of_those_in_a_recorded_stream(
    name: str, upstream: DemoUpstream, events: Events
) -> None:
    pattern, steps = RECORDED[name]
    (path,) = RECORDINGS.glob(pattern)
    lines = path.read_text().splitlines()
    recorded = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    upstream.script(rule(*steps))
    ours = events(include=["reasoning.encrypted_content"], reasoning={"summary": "auto"})
    assert order(ours) == order(recorded)
    here: dict[str, set[str]] = {}
    for sent in ours:
        here.setdefault(sent["type"], set()).update(shape(sent))
    of_the_request = (".response.tools.", ".response.text.format.", ".response.metadata.")
    for one in recorded:
        keys = {key for key in shape(one) if not key.startswith(of_the_request)}
        assert keys <= here[one["type"]], one["type"]


def order(found: list[Json]) -> list[str]:
    """Event types in order, repeated ones once; annotations may come between deltas or after them."""
    names = (sent["type"] for sent in found if not sent["type"].endswith("annotation.added"))
    return [name for name, _ in itertools.groupby(names)]
