from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from openai.types.responses import Response

from packy.demo import (
    call,
    completed,
    error,
    failed,
    incomplete,
    reasoning,
    refusal,
    rule,
    source,
    text,
    usage,
    web_search,
)

if TYPE_CHECKING:
    from packy.demo import (
        DemoUpstream,
    )

Json = dict[str, Any]
Events = Callable[..., list[Json]]

EVERYTHING = {
    "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
    "reasoning": {"effort": "high", "summary": "auto"},
    "tools": [{"type": "web_search"}],
}
PAGE = source("https://example.com/a", "A page")


def types(found: list[Json]) -> list[str]:
    """Event types in order, without the common start of their names; repeated ones once."""
    return [name.removeprefix("response.") for name, _ in itertools.groupby(event["type"] for event in found)]


def test_the_order_of_events_is_that_of_the_real_api(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(reasoning("Hm."), web_search("q"), text("Hello", PAGE), call("Read", {"a": "bcdef"})))
    assert types(events(**EVERYTHING)) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "web_search_call.in_progress",
        "web_search_call.searching",
        "web_search_call.completed",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        (text("abc"), ["output_text.delta", "output_text.done", "content_part.done", "output_item.done"]),
        (text("abc", via="part"), ["output_text.done", "content_part.done", "output_item.done"]),
        (text("abc", via="item"), ["output_item.done"]),
        (text("abc", via="response"), []),
        (call("abc", via="part"), ["function_call_arguments.done", "output_item.done"]),
        (call("abc", via="item"), ["output_item.done"]),
        (refusal("abc"), ["refusal.delta", "refusal.done", "content_part.done", "output_item.done"]),
        (text("abc", unfinished=True), ["output_text.delta"]),
    ],
    ids=lambda value: f"{value['type']}-{value['via']}" if isinstance(value, dict) else "",
)
def test_via_says_where_the_content_is_first_seen(
    step: Json, seen: list[str], upstream: DemoUpstream, events: Events
) -> None:
    upstream.script(rule(step))
    started = {"created", "in_progress", "output_item.added", "content_part.added", "completed"}
    assert [name for name in types(events()) if name not in started] == seen


def test_content_that_is_finished_is_in_the_final_response_however_it_travels(
    upstream: DemoUpstream, events: Events
) -> None:
    for via in ("delta", "part", "item", "response"):
        upstream.script(rule(text("abc", via=via), call("f", {"a": 1}, via=via)))
        message, function_call = events()[-1]["response"]["output"]
        assert message["content"][0]["text"] == "abc"
        assert function_call["arguments"] == '{"a":1}'


@pytest.mark.parametrize("chunk", [0, 1, 3, 100])
def test_deltas_are_chunk_characters_long_and_add_up(chunk: int, upstream: DemoUpstream, events: Events) -> None:
    said = "Zwölf Boxkämpfer 🥊 jagen Viktor"
    upstream.script(rule(text(said)), chunk=chunk)
    deltas = [sent["delta"] for sent in events() if sent["type"] == "response.output_text.delta"]
    assert "".join(deltas) == said
    assert all(len(delta) == (chunk or len(said)) for delta in deltas[:-1])


def test_obfuscation_pads_deltas_to_sixteen_characters_unless_it_is_switched_off(
    upstream: DemoUpstream, events: Events
) -> None:
    upstream.script(rule(text("a"), text("a" * 16), text("a" * 27)), chunk=0)
    assert [len(sent["obfuscation"]) for sent in events() if "obfuscation" in sent] == [15, 16, 5]
    assert not any("obfuscation" in sent for sent in events(stream_options={"include_obfuscation": False}))


def test_encrypted_content_differs_from_event_to_event_and_comes_only_where_it_is_asked_for(
    upstream: DemoUpstream, events: Events
) -> None:
    upstream.script(rule(reasoning(encrypted=4000)))
    found = events(include=["reasoning.encrypted_content"])
    added, done = (sent["item"] for sent in found if "item" in sent)
    final = found[-1]["response"]["output"][0]
    tokens = [one["encrypted_content"] for one in (added, done, final)]
    assert len(set(tokens)) == 3
    assert all(token.startswith("gAAAAA") for token in tokens)
    assert abs(len(tokens[1]) - 4000) < 4
    assert len(tokens[0]) < len(tokens[1])
    assert added["id"] == done["id"] == final["id"]
    assert not any("encrypted_content" in json.dumps(sent) for sent in events())


def test_summaries_come_only_where_they_are_asked_for(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(reasoning("A summary.")))
    assert "reasoning_summary_text.delta" in types(events(reasoning={"summary": "auto"}))
    assert "reasoning_summary_text.delta" not in types(events(reasoning={"effort": "high"}))


def test_citations_cover_the_link_that_they_stand_for(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(text("Dry.", PAGE, source("https://example.com/b", "Another"))))
    found = events()
    said = next(sent["text"] for sent in found if sent["type"] == "response.output_text.done")
    cited = [sent["annotation"] for sent in found if sent["type"] == "response.output_text.annotation.added"]
    assert [said[one["start_index"] : one["end_index"]] for one in cited] == [
        "([A page](https://example.com/a))",
        "([Another](https://example.com/b))",
    ]


def test_an_annotation_comes_as_soon_as_its_text_has_been_said(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(text("Dry.", PAGE, source("https://example.com/b", "Another"))), chunk=3)
    said, ends = "", []
    for sent in events():
        said += sent["delta"] if sent["type"] == "response.output_text.delta" else ""
        if sent["type"] == "response.output_text.annotation.added":
            assert 0 <= len(said) - sent["annotation"]["end_index"] < 3
            ends.append(sent["annotation_index"])
    assert ends == [0, 1]


def test_a_search_shows_its_sources_only_where_they_are_asked_for(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(web_search("q", PAGE), text("Dry.")))
    for include, shown in ((["web_search_call.action.sources"], [{"type": "url", "url": PAGE["url"]}]), ([], None)):
        found = events(include=include, tools=[{"type": "web_search"}])
        added, done = (sent["item"] for sent in found if "item" in sent and sent["item"]["type"] == "web_search_call")
        assert (added["status"], done["status"], added["id"]) == ("in_progress", "completed", done["id"])
        assert done["action"]["query"] == "q"
        assert done["action"].get("sources") == shown
        assert found[-1]["response"]["output"][0] == done


def test_parallel_calls_have_ids_of_their_own_and_a_given_one_is_kept(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(call("a"), call("b"), call("c", call_id="call_mine")))
    calls = events()[-1]["response"]["output"]
    assert [one["name"] for one in calls] == ["a", "b", "c"]
    assert calls[2]["call_id"] == "call_mine"
    assert len({one["call_id"] for one in calls} | {one["id"] for one in calls}) == 6


def test_no_two_responses_share_an_id(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(reasoning(), text("x"), call("f")))
    first, second = (
        {sent["response"]["id"] for sent in found if "response" in sent}
        | {sent["item"]["id"] for sent in found if "item" in sent}
        for found in (events(), events())
    )
    assert len(first) == 4
    assert not first & second


@pytest.mark.parametrize(
    ("end", "status", "details", "problem"),
    [
        (completed(), "completed", None, None),
        (incomplete(), "incomplete", {"reason": "max_output_tokens"}, None),
        (incomplete("content_filter"), "incomplete", {"reason": "content_filter"}, None),
        (failed("server_error", "No."), "failed", None, {"code": "server_error", "message": "No."}),
    ],
    ids=["completed", "max_output_tokens", "content_filter", "failed"],
)
def test_the_terminal_event_says_how_it_ended(
    *, end: Json, status: str, details: Json | None, problem: Json | None, upstream: DemoUpstream, events: Events
) -> None:
    upstream.script(rule(text("Hello"), end))
    last = events()[-1]
    response = last["response"]
    assert last["type"] == f"response.{status}"
    assert (response["status"], response["incomplete_details"], response["error"]) == (status, details, problem)
    assert (response["usage"] is None) == (status == "failed")
    assert response["output"][0]["status"] == ("incomplete" if status == "incomplete" else "completed")


def test_error_events_are_flat_or_nested_and_may_precede_a_failure(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(error("rate_limit_exceeded", "Slow down."), times=1))
    assert events()[-1] | {"sequence_number": 0} == {
        "type": "error",
        "code": "rate_limit_exceeded",
        "message": "Slow down.",
        "param": None,
        "sequence_number": 0,
    }
    upstream.script(rule(error("rate_limit_exceeded", "Slow down.", nested=True), failed("rate_limit_exceeded", "S.")))
    nested, last = events()[-2:]
    assert nested["error"]["code"] == "rate_limit_exceeded"
    assert last["type"] == "response.failed"


def test_usage_is_estimated_or_as_scripted(upstream: DemoUpstream, events: Events) -> None:
    upstream.script(rule(reasoning("Thinking of it."), text("x" * 400), times=1))
    estimated = events(instructions="y" * 4000)[-1]["response"]["usage"]
    assert 1000 < estimated["input_tokens"] < 1100
    assert (estimated["output_tokens"], estimated["output_tokens_details"]) == (164, {"reasoning_tokens": 64})
    upstream.script(rule(text("x"), usage(input=900, cached=512, output=12, reasoning=5)))
    assert events()[-1]["response"]["usage"] == {
        "input_tokens": 900,
        "input_tokens_details": {"cached_tokens": 512, "cache_write_tokens": 0},
        "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 912,
    }


def test_the_response_echoes_the_request_and_answers_under_a_dated_model_name(events: Events) -> None:
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False}]
    response = events(tools=tools, instructions="Be brief.", prompt_cache_key="k", service_tier="priority")[0][
        "response"
    ]
    assert response["model"] == "gpt-5-2025-08-07"
    assert response["tools"] == [{"description": None, **tools[0]}]
    assert (response["instructions"], response["prompt_cache_key"]) == ("Be brief.", "k")
    assert (response["service_tier"], response["store"], response["status"]) == ("priority", False, "in_progress")
    Response.model_validate(response)


@pytest.mark.parametrize(("asked", "given"), [(None, "default"), ("auto", "default"), ("priority", "priority")])
def test_the_tier_that_was_given_stands_in_the_end(asked: str | None, given: str, events: Events) -> None:
    assert events(service_tier=asked)[-1]["response"]["service_tier"] == given
