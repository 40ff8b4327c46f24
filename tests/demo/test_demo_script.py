from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.demo import (
    FAILURES,
    ScriptError,
    call,
    completed,
    failure,
    http,
    load_script,
    reasoning,
    rule,
    text,
    usage,
    when,
    wire,
)

if TYPE_CHECKING:
    import requests

    from packy.demo import (
        DemoUpstream,
    )

Json = dict[str, Any]
Ask = Callable[..., "requests.Response"]

OTHERWISE = rule(text("otherwise"))
FUNCTION = {"type": "function", "name": "Bash", "parameters": {"type": "object", "properties": {}}, "strict": False}
ASKED = {"role": "user", "content": [{"type": "input_text", "text": "What is in the file?"}]}
CALLED = {"type": "function_call", "call_id": "c", "name": "Read", "arguments": "{}"}
RETURNED = {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "A poem."}]}


def said(answer: requests.Response) -> str:
    words: str = answer.json()["output"][-1]["content"][0]["text"]
    return words


CONDITIONS: dict[str, tuple[Json, Json, Json]] = {
    # condition, a request for which it holds, one for which it does not
    "the last item": (when(last="function_call_output"), {"input": [CALLED, RETURNED]}, {"input": [ASKED]}),
    "a message as the last item": (when(last="message"), {"input": "Hi"}, {"input": [CALLED, RETURNED]}),
    "a text anywhere": (when(contains="poem"), {"input": [CALLED, RETURNED, ASKED]}, {"input": [ASKED]}),
    "a text in the instructions": (when(contains="brief"), {"instructions": "Be brief."}, {}),
    "a text in the last item": (
        when(last_contains="poem"),
        {"input": [ASKED, CALLED, RETURNED]},
        {"input": [CALLED, RETURNED, ASKED]},
    ),
    "the model": (when(model="gpt-5.1"), {"model": "gpt-5.1"}, {"model": "gpt-5"}),
    "the effort": (when(effort="low"), {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "high"}}),
    "a tool's name": (when(tool="Bash"), {"tools": [FUNCTION]}, {"tools": [{**FUNCTION, "name": "Read"}]}),
    "a tool's type": (when(tool="web_search"), {"tools": [{"type": "web_search"}]}, {"tools": [FUNCTION]}),
    "a mode of choice": (when(choice="none"), {"tool_choice": "none"}, {"tool_choice": "auto"}),
    "a forced tool": (
        when(choice="Bash"),
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "Bash"}},
        {"tools": [FUNCTION]},
    ),
    "a format": (when(format="json_object"), {"text": {"format": {"type": "json_object"}}}, {"text": {}}),
    "two of them": (when(model="gpt-5", contains="Hi"), {"input": "Hi"}, {"input": "Hi", "model": "gpt-5.1"}),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_rule_answers_only_where_its_condition_holds(name: str, upstream: DemoUpstream, ask: Ask) -> None:
    condition, holding, other = CONDITIONS[name]
    upstream.script(rule(text("held"), when=condition), OTHERWISE)
    assert said(ask(stream=False, **holding)) == "held"
    assert said(ask(stream=False, **other)) == "otherwise"


def test_headers_paths_and_streams_are_conditions_too(
    upstream: DemoUpstream, session: requests.Session, body: Json
) -> None:
    rules = {"path": when(path="/other/"), "header": when(header={"session_id": "s", "x-any": ""})}
    upstream.script(*(rule(text(name), when=one) for name, one in rules.items()), OTHERWISE)
    request = {**body, "stream": False}
    for address, headers, wanted in (
        (f"{upstream.origin}/other/v1/responses", {}, "path"),
        (f"{upstream.url}/responses?x=1", {"x-any": "thing"}, "otherwise"),
    ):
        assert said(session.post(address, json=request, headers=headers, timeout=10)) == wanted
    upstream.script(rule(text("header"), when=when(header={"session-id": "s", "x-any": ""})), OTHERWISE)
    headers = {"Session-Id": "s", "X-Any": "thing"}
    assert said(session.post(f"{upstream.url}/responses", json=request, headers=headers, timeout=10)) == "header"
    upstream.script(rule(text("streamed"), when=when(stream=True)), OTHERWISE)
    assert said(session.post(f"{upstream.url}/responses", json=request, timeout=10)) == "otherwise"


def test_the_first_rule_that_holds_answers_until_it_is_used_up(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(text("one"), times=1), rule(text("two"), times=2), OTHERWISE)
    assert [said(ask(stream=False)) for _ in range(4)] == ["one", "two", "two", "otherwise"]
    assert upstream.hits == [1, 2, 1]
    assert [exchange.rule for exchange in upstream.requests] == [0, 1, 1, 2]


def test_requests_can_be_told_apart_by_their_number(upstream: DemoUpstream, ask: Ask) -> None:
    ask(stream=False)
    upstream.script(rule(text("second"), when=when(nth=2)), OTHERWISE)
    assert [said(ask(stream=False)) for _ in range(3)] == ["otherwise", "second", "otherwise"]


def test_where_no_rule_holds_the_persona_answers(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(text("never"), when=when(model="gpt-5.2")))
    assert "demo upstream" in said(ask(stream=False))
    assert upstream.requests[0].rule is None


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_sent_with_their_status_body_and_headers(name: str, upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(failure(name, retry_after="7")))
    answer = ask()
    status, body = FAILURES[name]
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    assert (answer.json() if isinstance(body, dict) else answer.text) == body
    assert answer.headers["content-type"].startswith("application/json" if isinstance(body, dict) else "text/html")
    assert upstream.stats["statuses"] == {str(status): 1}


def test_an_answer_may_be_a_redirect(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(http(307, "", location="/elsewhere"), when=when(nth=1)))
    answer = ask()
    assert [one.status_code for one in answer.history] == [307]
    assert answer.status_code == 404


def test_an_answer_may_be_no_http_at_all(upstream: DemoUpstream, connect: Callable[..., Any]) -> None:
    upstream.script(rule(wire(b"220 mail.example.com ESMTP\r\n")))
    with connect() as sock:
        assert sock.makefile("rb").read() == b"220 mail.example.com ESMTP\r\n"


INVALID: dict[str, tuple[Any, list[str]]] = {
    "no object": ([], ["script: Invalid input type."]),
    "an unknown key": ({"rule": []}, ["rule: Unknown field."]),
    "an unknown step": ({"rules": [{"reply": [{"type": "txt"}]}]}, ["rules.0.reply.0.type: Not a step."]),
    "a step that is no object": ({"rules": [{"reply": ["text"]}]}, ["rules.0.reply.0.type: Not a step."]),
    "a reply that is no list": ({"rules": [{"reply": "Hello"}]}, ["rules.0.reply: Not a list of steps."]),
    "a wrong type": (
        {"rules": [{"reply": [{"type": "text", "text": 1}]}]},
        ["rules.0.reply.0.text: Not a valid string."],
    ),
    "a missing field": (
        {"rules": [{"reply": [{"type": "call"}]}]},
        ["rules.0.reply.0.name: Missing data for required field."],
    ),
    "an unknown field": (
        {"rules": [{"reply": [{**text("x"), "txt": ""}]}]},
        ["rules.0.reply.0.txt: Unknown field."],
    ),
    "steps after the end": (
        {"rules": [rule(completed(), text("x"))]},
        ["rules.0.reply.0.type: Nothing may follow 'completed'."],
    ),
    "no answer": ({"rules": [{"times": 1}]}, ["rules.0: None of reply, http, raw, wire."]),
    "two answers": ({"rules": [{**rule(text("x")), **http(200, "")}]}, ["rules.0: More than one of"]),
    "a status that is none": ({"rules": [rule(http(99, ""))]}, ["rules.0.http.status: Must be greater"]),
    "octets of nothing": ({"rules": [{"raw": "data"}]}, ['rules.0.raw: Neither {"text": …} nor {"base64": …}.']),
    "bad base64": ({"rules": [{"raw": {"base64": "*"}}]}, ["rules.0.raw: Not base64."]),
    "a rate below zero": ({"rules": [rule(text("x"), rate=-1)]}, ["rules.0.rate: Not a number of at least 0."]),
    "a number in words": ({"rules": [{**rule(text("x")), "times": "1"}]}, ["rules.0.times: Not a valid integer."]),
    "a flag in words": ({"rules": [rule(text("x"), gzip="yes")]}, ["rules.0.gzip: Not true or false."]),
    "an unknown cut": ({"rules": [rule(text("x"), cut="snip")]}, ["rules.0.cut: Must be one of: end, fin, reset."]),
    "an unknown condition": (
        {"rules": [rule(text("x"), when={"modell": "x"})]},
        ["rules.0.when.modell: Unknown field."],
    ),
    "an unknown setting": ({"settings": {"key": "x"}}, ["settings.key: Unknown field."]),
    "several problems": (
        {"settings": {"keys": "x"}, "rules": [rule(text("x"), times=0), rule(text("x"), chunk=1.5)]},
        [
            "settings.keys: Not a valid list.",
            "rules.0.times: Must be greater than or equal to 1.",
            "rules.1.chunk: Not a valid integer.",
        ],
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_script_is_refused_with_every_problem_and_its_place(name: str) -> None:
    source, problems = INVALID[name]
    with pytest.raises(ScriptError) as refusal:
        load_script(source)
    assert len(refusal.value.problems) == len(problems)
    for actual, expected in zip(sorted(refusal.value.problems), sorted(problems), strict=True):
        assert actual.startswith(expected)


def test_an_invalid_script_leaves_the_one_before_in_force(upstream: DemoUpstream, ask: Ask) -> None:
    upstream.script(rule(text("before")))
    with pytest.raises(ScriptError):
        upstream.script({"reply": 1})
    assert said(ask(stream=False)) == "before"


def test_what_json_leaves_out_has_the_default_that_the_constructors_have() -> None:
    short = [
        {"type": "reasoning"},
        {"type": "text", "text": "x"},
        {"type": "call", "name": "f"},
        {"type": "usage", "input": 1, "output": 2},
    ]
    (loaded,) = load_script({"rules": [{"reply": short}]}).rules
    assert loaded.answer == [reasoning(), text("x"), call("f"), usage(input=1, output=2)]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["text", "call", "fin", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rules", "settings", "reply", "type", "text", "when", "header", "http", "raw", "item"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(source=ANYTHING)
def test_whatever_the_script_it_is_loaded_or_refused_with_problems(source: Any) -> None:
    for one in (source, {"rules": [source]}, {"rules": [{"reply": source}]}, {"settings": source}):
        try:
            load_script(one)
        except ScriptError as refusal:
            problems = refusal.problems
            assert problems
