"""Answers as upstreams give them, loosely: items that overlap, say things in one place or in all, twice or too late.

Each is a list of items first, which is what must come out; then a stream that says them in some way.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Json = dict[str, Any]

WORDS = st.text('ab é😀\n"\\', min_size=1, max_size=9)
URL = st.sampled_from(["https://a.example/1", "https://b.example/2"])
ANNOTATION = st.one_of(
    st.builds(
        lambda url, start, end: {"type": "url_citation", "url": url, "start_index": start, "end_index": end},
        URL, st.integers(0, 4), st.integers(0, 9),
    ),
    st.just({"type": "file_citation", "file_id": "file_1"}),
)  # fmt: skip


def _message(texts: list[tuple[str, list[Json]]]) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": notes} for text, notes in texts]
    return {"type": "message", "content": content}


ITEM = st.one_of(
    st.lists(st.tuples(WORDS, st.lists(ANNOTATION, max_size=2)), min_size=1, max_size=2).map(_message),
    st.lists(WORDS, max_size=2).map(
        lambda parts: {"type": "reasoning", "summary": [{"type": "summary_text", "text": part} for part in parts]}
    ),
    st.dictionaries(WORDS, WORDS, max_size=2).map(
        lambda value: {"type": "function_call", "name": "Bash", "arguments": json.dumps(value)}
    ),
    WORDS.map(lambda text: {"type": "custom_tool_call", "name": "run", "input": text}),
    st.builds(
        lambda query, sources: {"type": "web_search_call", "action": {"type": "search", "query": query, **sources}},
        WORDS,
        st.just({}) | st.lists(URL, max_size=2).map(lambda urls: {"sources": [{"url": url} for url in urls]}),
    ),
    st.just({"type": "mcp_call", "name": "x"}),
)


def split(draw: st.DrawFn, text: str) -> list[str]:
    places = draw(st.lists(st.integers(0, len(text)), max_size=3))
    return [text[a:b] for a, b in pairwise([0, *sorted(places), len(text)])]


Said = tuple[str, Json]


def _say_message(draw: st.DrawFn, item: Json) -> Iterator[Said]:
    for number, part in enumerate(item["content"]):
        if not draw(st.booleans()):
            return
        for piece in split(draw, part["text"]):
            yield "output_text.delta", {"content_index": number, "delta": piece}
        for note in part["annotations"][: draw(st.integers(0, 2))]:
            yield "output_text.annotation.added", {"content_index": number, "annotation": note}
        if draw(st.booleans()):
            yield "output_text.done", {"content_index": number, "text": part["text"]}
            yield "content_part.done", {"content_index": number, "part": part}


def _say_reasoning(draw: st.DrawFn, item: Json) -> Iterator[Said]:
    for number, part in enumerate(item["summary"]):
        for piece in split(draw, part["text"]):
            yield "reasoning_summary_text.delta", {"summary_index": number, "delta": piece}
        yield "reasoning_summary_text.done", {"summary_index": number, "text": part["text"]}


def _say_call(draw: st.DrawFn, item: Json) -> Iterator[Said]:
    if draw(st.booleans()):
        for piece in split(draw, item["arguments"]):
            yield "function_call_arguments.delta", {"delta": piece}


def _say_custom_call(draw: st.DrawFn, item: Json) -> Iterator[Said]:
    if draw(st.booleans()):
        for piece in split(draw, item["input"]):
            yield "custom_tool_call_input.delta", {"delta": piece}


SAY: dict[str, Callable[[st.DrawFn, Json], Iterable[Said]]] = {
    "message": _say_message,
    "reasoning": _say_reasoning,
    "function_call": _say_call,
    "custom_tool_call": _say_custom_call,
    "web_search_call": lambda _, __: [("web_search_call.searching", {})],
    "mcp_call": lambda _, __: [("mcp_call_arguments.delta", {"delta": "x"}), ("mcp_call.completed", {})],
}
CONTENTS = {"content", "summary", "arguments", "input"}


def saying(draw: st.DrawFn, index: int, item: Json) -> list[Json]:
    """Some way to say an item; its `.done` may be missing, for the final response has it."""
    said = list(SAY[item["type"]](draw, item))
    # A text can do without; what calls are named, nothing else tells before they are done.
    if item["type"] != "message" or draw(st.booleans()):
        bare = {key: value for key, value in item.items() if key not in CONTENTS}
        said.insert(0, ("output_item.added", {"item": bare}))
    if draw(st.sampled_from([True, True, True, False])):
        said.append(("output_item.done", {"item": item}))
    where = {"output_index": index, "item_id": item["id"]}
    twice = draw(st.booleans())
    return [
        {"type": f"response.{kind}", **where, **fields}
        for kind, fields in said
        for _ in range(2 if twice and "delta" not in kind else 1)
    ]


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[Json], list[Json]]:
    """Items, in the order in which they are first heard of; and the events of a stream that says them."""
    items = draw(st.lists(ITEM, max_size=5))
    for number, item in enumerate(items):
        item |= {"id": f"item_{number}", "status": "completed"}
        if item["type"].endswith("tool_call") or item["type"] == "function_call":
            item["call_id"] = f"call_{number}"
    queues = [saying(draw, number, item) for number, item in enumerate(items)]
    events: list[Json] = [{"type": "response.created", "response": {}}]
    while waiting := [queue for queue in queues if queue]:
        # Mostly one after the other.
        events.append(draw(st.sampled_from([waiting[0], waiting[0], *waiting])).pop(0))
    events.append({"type": "response.completed", "response": {"status": "completed", "output": items}})
    telling = (event for event in events if "output_index" in event and "web_search_call" not in event["type"])
    heard = dict.fromkeys(event["output_index"] for event in telling)
    return [items[index] for index in [*heard, *(n for n in range(len(items)) if n not in heard)]], events


def frames(events: list[Json]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(bounds)]


def expected(item: Json) -> list[Any]:
    match item["type"]:
        case "message":
            return [part["text"] for part in item["content"]]
        case "reasoning":
            return ["\n\n".join(part["text"] for part in item["summary"])]
        case "function_call":
            return [(item["call_id"], item["name"], json.loads(item["arguments"]))]
        case "custom_tool_call":
            return [(item["call_id"], item["name"], {"input": item["input"]})]
        case "web_search_call":
            return [{"query": item["action"]["query"]}]
        case _:
            return []


def came(block: Json) -> Any:
    match block["type"]:
        case "text" | "thinking":
            return block[block["type"]]
        case "tool_use":
            return block["id"], block["name"], block["input"]
        case "server_tool_use":
            return block["input"]


@given(answered=answers(), places=st.lists(st.integers(0, 100_000), max_size=10))
def test_every_item_comes_out_once_in_order_whole(
    translate_stream: Any, accumulate: Any, answered: tuple[list[Json], list[Json]], places: list[int]
) -> None:
    items, events = answered
    out = translate_stream(cut(frames(events), places))
    content = out.content
    said = [block for item in items for block in expected(item)]
    assert [came(block) for block in content if block["type"] != "web_search_tool_result"] == said
    searches = [block["id"] for block in content if block["type"] == "server_tool_use"]
    results = [block["tool_use_id"] for block in content if block["type"] == "web_search_tool_result"]
    assert searches == results
    assert out.message["usage"].get("server_tool_use", {}).get("web_search_requests", 0) == len(searches)
    assert accumulate(out.events) == out.message, "the SDK's accumulated message must equal the folded one"


@given(answered=answers(), end=st.integers(0, 100_000))
def test_a_stream_that_breaks_off_ends_in_one_error(
    translate_stream: Any, answered: tuple[list[Json], list[Json]], end: int
) -> None:
    data = frames(answered[1][:-1])
    out = translate_stream([data[: end % (len(data) + 1)]])
    assert [event["type"] for event in out.events].count("error") == 1
    assert out.translator.failure.code == "upstream_cut"
