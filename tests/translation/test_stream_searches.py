"""Web searches of a Responses stream: what was asked, what was found, and what the text cites."""

from __future__ import annotations

import re
from typing import Any

import pytest

from packy.translation import ResponseTranslator, StreamWriter, ToolNames

Json = dict[str, Any]

COMPLETED = ("completed", {"response": {"usage": {"output_tokens": 1}}})
A, B = ("https://a.example/1", "Page A"), ("https://b.example/2", "Page B")


def search(query: str = "packy", n: int = 1, sources: Any = None, **more: Any) -> Json:
    action: Json = {"type": "search", "query": query}
    if sources is not None:
        action["sources"] = sources
    return {"item": {"type": "web_search_call", "id": f"ws_{n}", "status": "completed", "action": action, **more}}


def source(url: str, **more: Any) -> Json:
    return {"type": "url", "url": url, **more}


def cite(page: tuple[str, str], start: Any = 0, end: Any = 5) -> Json:
    return {"type": "url_citation", "url": page[0], "title": page[1], "start_index": start, "end_index": end}


def text(said: str, *annotations: Json) -> Json:
    return {"item": {"type": "message", "content": [{"type": "output_text", "text": said, "annotations": annotations}]}}


def reading(content: list[Json]) -> list[Any]:
    """Blocks in short: the query of a search, the pages of a result, the text of a text."""
    return [
        block["input"]["query"]
        if block["type"] == "server_tool_use"
        else [(page["url"], page["title"]) for page in block["content"]]
        if block["type"] == "web_search_tool_result"
        else block.get("text", block["type"])
        for block in content
    ]


SAID = "Hello, world."
STREAMED = [
    ("output_item.added", 1, {"item": {"type": "message", "content": []}}),
    ("output_text.delta", 1, {"content_index": 0, "delta": "Hello, "}),
    ("output_text.delta", 1, {"content_index": 0, "delta": "world."}),
]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [("output_item.added", 0, {"item": {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}}),
             *((f"web_search_call.{step}", 0) for step in ("in_progress", "searching", "completed")),
             ("output_item.done", 0, search()), COMPLETED],
            id="everywhere",
        ),
        pytest.param([*[("output_item.done", 0, search())] * 2, COMPLETED], id="done twice"),
        pytest.param([("completed", {"response": {"output": [search()["item"]]}})], id="the final response alone"),
        pytest.param([("output_item.added", 0, search()), COMPLETED], id="never done"),
        pytest.param([("output_item.done", 0, search(action={"type": "search", "queries": ["packy", "x"]})), COMPLETED],
                     id="several queries"),
    ],
)  # fmt: skip
def test_a_search_is_given_once_wherever_it_is_said(answer: Any, accumulate: Any, events: list[Any]) -> None:
    answered = answer(*events)
    assert reading(answered.content) == ["packy", []]
    use, result = answered.content
    assert re.fullmatch(r"srvtoolu_[0-9a-f]{24}", use["id"])
    assert (use["name"], result["tool_use_id"]) == ("web_search", use["id"])
    assert answered.message["usage"]["server_tool_use"]["web_search_requests"] == 1
    assert answered.message["stop_reason"] == "end_turn"
    assert answered.translator.ignored == 0
    assert accumulate(answered.events) == answered.message


def test_the_query_is_a_delta_and_the_result_is_whole_in_its_start(answer: Any) -> None:
    answered = answer(("output_item.done", 0, search(sources=[source(A[0], title=A[1]), source(B[0])])), COMPLETED)
    _, start, query, stop, result, *_ = answered.events
    assert start["content_block"]["input"] == {}
    assert query["delta"] == {"type": "input_json_delta", "partial_json": '{"query":"packy"}'}
    assert stop["type"] == "content_block_stop"
    [first, second] = result["content_block"]["content"]
    assert first.pop("encrypted_content").startswith("packy1:")
    assert first == {"type": "web_search_result", "url": A[0], "title": A[1], "page_age": None}
    assert second["title"] == second["url"] == B[0], "a page without a title is called by its address"


def test_sources_that_the_upstream_says_are_the_result_at_once(answer: Any) -> None:
    sources = [
        source(A[0]),
        source(A[0], title="A"),
        {"type": "api", "name": "weather"},
        source(""),
        "odd",
        source(B[0]),
    ]
    answered = answer(
        ("output_item.done", 0, search(sources=sources)), ("output_item.done", 1, text(SAID, cite(B))), COMPLETED
    )
    assert reading(answered.content) == ["packy", [(A[0], "A"), (B[0], B[0])], SAID]


def test_without_sources_the_result_follows_the_text_that_cites_its_pages(answer: Any) -> None:
    events = [
        ("output_item.done", 0, search()),
        ("output_item.done", 1, {"item": {"type": "reasoning", "summary": []}}),
        ("output_item.done", 2, text(SAID, cite(A), cite(B, 7, 12), cite(A, 7, 12))),
        ("output_item.done", 3, text("More.", cite(B))),
    ]
    assert reading(answer(*events, COMPLETED).content) == ["packy", "thinking", SAID, [A, B], "More."]


def test_a_text_that_cites_nothing_leaves_the_result_to_the_next(answer: Any) -> None:
    events = [("output_item.done", 0, search()), ("output_item.done", 1, text("Hm.")),
              ("output_item.done", 2, text(SAID, cite(A)))]  # fmt: skip
    assert reading(answer(*events, COMPLETED).content) == ["packy", "Hm.", SAID, [A]]


def test_of_several_searches_the_last_gets_what_the_text_cites(answer: Any) -> None:
    events = [*(("output_item.done", n, search(str(n), n)) for n in range(3)),
              ("output_item.done", 3, text(SAID, cite(A)))]  # fmt: skip
    answered = answer(*events, COMPLETED)
    assert reading(answered.content) == ["0", [], "1", [], "2", SAID, [A]]
    uses = [block["id"] for block in answered.content if block["type"] == "server_tool_use"]
    results = [block["tool_use_id"] for block in answered.content if block["type"] == "web_search_tool_result"]
    assert uses == results
    assert len(set(uses)) == 3
    assert answered.message["usage"]["server_tool_use"] == {"web_search_requests": 3, "web_fetch_requests": 0}


def test_a_result_stands_before_a_call(answer: Any) -> None:
    """A call may be cut, and a call that was cut is the last block."""
    call = {"item": {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}}
    answered = answer(("output_item.done", 0, search()), ("output_item.done", 1, call), COMPLETED)
    assert reading(answered.content) == ["packy", [], "tool_use"]
    assert answered.message["stop_reason"] == "tool_use"


@pytest.mark.parametrize("sources", [None, [source(A[0])]], ids=["no sources", "sources"])
def test_a_search_that_failed_says_so(answer: Any, accumulate: Any, sources: Any) -> None:
    answered = answer(("output_item.done", 0, search(sources=sources, status="failed")), COMPLETED)
    error = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    assert answered.content[1]["content"] == error
    assert accumulate(answered.events) == answered.message


@pytest.mark.parametrize("kind", ["open_page", "find_in_page", "surprise", None], ids=str)
def test_what_is_no_search_is_left_out_and_counted(answer: Any, kind: Any) -> None:
    opened = search(action={"type": kind, "url": A[0]})
    events = [("output_item.added", 0, opened), ("output_item.done", 0, opened), ("output_item.done", 1, text("Hi"))]
    answered = answer(*events, COMPLETED)
    assert reading(answered.content) == ["Hi"]
    assert answered.translator.ignored == 1
    assert "server_tool_use" not in answered.message["usage"]


@pytest.mark.parametrize("action", [None, {}, "odd", {"type": "search", "query": 7}], ids=str)
def test_a_search_of_which_nothing_is_known_is_still_one(answer: Any, action: Any) -> None:
    content = answer(("output_item.done", 0, search(action=action, id=None)), COMPLETED).content
    assert reading(content) == ["", []]


def test_searches_without_ids_never_share_one(answer: Any) -> None:
    events = [("output_item.done", n, search(id=None)) for n in range(2)]
    content = [
        *answer(*events, COMPLETED, message_id="m1").content,
        *answer(*events, COMPLETED, message_id="m2").content,
    ]
    assert len({block["id"] for block in content if "id" in block}) == 4


CITING = text(SAID, cite(A, 7, 12))
CITED = ("output_text.annotation.added", 1, {"content_index": 0, "annotation_index": 0, "annotation": cite(A, 7, 12)})


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([*STREAMED, CITED, COMPLETED], id="annotation.added alone"),
        pytest.param([*STREAMED, CITED, ("output_text.done", 1, {"text": SAID}),
                      ("content_part.done", 1, {"content_index": 0, "part": CITING["item"]["content"][0]}),
                      ("output_item.done", 1, CITING), COMPLETED], id="everywhere"),
        pytest.param([*STREAMED, ("content_part.done", 1, {"content_index": 0, "part": CITING["item"]["content"][0]}),
                      COMPLETED], id="part.done alone"),
        pytest.param([*STREAMED, ("output_item.done", 1, CITING), COMPLETED],
                     id="output_item.done alone"),
        pytest.param([("output_item.done", 1, CITING), COMPLETED], id="without deltas"),
        pytest.param([*STREAMED, ("completed", {"response": {"output": [search()["item"], CITING["item"]]}})],
                     id="the final response alone"),
    ],
)  # fmt: skip
def test_a_citation_is_given_once_wherever_it_is_said(answer: Any, accumulate: Any, events: list[Any]) -> None:
    answered = answer(("output_item.done", 0, search()), *events)
    assert accumulate(answered.events) == answered.message
    [block] = [block for block in answered.content if block["type"] == "text"]
    [citation] = block["citations"]
    assert citation.pop("encrypted_index").startswith("packy1:")
    assert citation == {"type": "web_search_result_location", "url": A[0], "title": A[1], "cited_text": "world"}
    assert reading(answered.content) == ["packy", SAID, [A]]
    assert answered.translator.ignored == 0


@pytest.mark.parametrize(
    ("annotation", "cited"),
    [
        pytest.param(cite(A, 0, 13), SAID, id="all of it"),
        pytest.param(cite(A, 0, 14), "", id="beyond the end"),
        pytest.param(cite(A, 5, 5), "", id="nothing"),
        pytest.param(cite(A, -5, 5), "", id="before the beginning"),
        pytest.param(cite(A, 7, 3), "", id="backwards"),
        pytest.param(cite(A, None, None), "", id="no indexes"),
        pytest.param(cite(A, "0", 5), "", id="odd indexes"),
    ],
)
def test_the_cited_text_is_the_piece_that_the_indexes_mark(answer: Any, annotation: Json, cited: str) -> None:
    content = answer(("output_item.done", 1, text(SAID, annotation)), COMPLETED).content
    assert content[0]["citations"][0]["cited_text"] == cited


def test_the_indexes_count_in_the_part_that_is_annotated(answer: Any) -> None:
    second = {"content_index": 1, "annotation": cite(A, 0, 5)}
    events = [
        *STREAMED,
        ("output_text.delta", 1, {"content_index": 1, "delta": "Second."}),
        ("output_text.annotation.added", 1, second),
    ]
    content = answer(("output_item.done", 0, search()), *events, COMPLETED).content
    assert reading(content) == ["packy", SAID, "Second.", [A]]
    assert content[2]["citations"][0]["cited_text"] == "Secon"


def test_a_long_piece_is_cited_by_its_beginning(answer: Any) -> None:
    content = answer(("output_item.done", 1, text("é" * 500, cite(A, 100, 400))), COMPLETED).content
    assert content[0]["citations"][0]["cited_text"] == "é" * 150


@pytest.mark.parametrize(
    "annotation",
    [
        {"type": "file_citation", "file_id": "file_1", "index": 0},
        {"type": "container_file_citation", "file_id": "file_1", "start_index": 0, "end_index": 3},
        {"type": "url_citation", "url": None},
        {"type": "url_citation", "url": ""},
        {"type": ["odd"], "url": {}},
    ],
    ids=str,
)
def test_another_annotation_is_left_out_and_counted_once(answer: Any, annotation: Json) -> None:
    said = text(SAID, annotation)
    added = {"content_index": 0, "annotation": annotation}
    events = [*STREAMED, ("output_text.annotation.added", 1, added), ("output_item.done", 1, said)]
    answered = answer(*events, COMPLETED)
    assert answered.content == [{"type": "text", "text": SAID}]
    assert answered.translator.ignored == 1


def test_a_citation_without_a_text_to_put_it_on_is_still_a_page_that_was_found(answer: Any) -> None:
    answered = answer(("output_item.done", 0, search()), ("output_item.done", 1, text("", cite(A))), COMPLETED)
    assert reading(answered.content) == ["packy", [A]]


def test_text_after_a_search_is_handed_on_as_it_arrives(answer: Any) -> None:
    _, _, hello, world, *_ = answer(("output_item.done", 0, search()), *STREAMED, COMPLETED).written
    assert b'"text_delta","text":"Hello, "' in hello
    assert b'"text_delta","text":"world."' in world


def test_a_search_that_failure_ends_is_a_valid_stream(sse: Any, read_stream: Any) -> None:
    writer = StreamWriter()
    translator = ResponseTranslator(writer, message_id="msg_1", model="m", names=ToolNames())
    translator.feed(sse([("output_item.done", 0, search()), *STREAMED]))
    translator.end()
    assert read_stream(writer.take())[-1]["type"] == "error"
