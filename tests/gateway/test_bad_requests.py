"""Whatever is wrong with a request: 4xx in the Anthropic envelope, naming the path; the worker carries on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo import DemoUpstream
    from tests.support.gateway import Gateway

Json = dict[str, Any]

TYPES = {400: "invalid_request_error", 404: "not_found_error", 405: "invalid_request_error"}
LEVELS = 10_000


def assert_refused(response: requests.Response, status: int, begins: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document.keys() == {"type", "error", "request_id"}
    assert document["type"] == "error"
    assert document["request_id"] == response.headers["request-id"]
    assert document["error"].keys() == {"type", "message"}
    assert document["error"]["type"] == TYPES[status]
    assert document["error"]["message"].startswith(begins)


def said(*content: Any, role: str = "user") -> list[Json]:
    """Give `messages` with one message of these blocks."""
    return [{"role": role, "content": list(content)}]


def answered(call: Json, *results: Json) -> list[Json]:
    """Give `messages` with a tool_use and what follows it."""
    return [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "Read", "input": {}, **call}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", **result} for result in results]},
    ]


def image(**source: Any) -> Json:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA", **source}}


# field, values of a wrong type or out of range, path if not the field itself
FIELDS: list[tuple[str, list[Any]]] = [
    ("model", [None, True, 5, 1.5, "", [], {}]),
    ("max_tokens", [None, True, 0, -1, 1.5, "100", [], {}]),
    ("messages", [None, True, 5, "Hi.", [], {}, [None], ["Hi."], [[]], [{}]]),
    ("system", [True, 5, {}, [5], [None], [{"type": "image"}], [{"type": "text"}]]),
    ("tools", [True, 5, "Read", {}, [5], [None], [{}], [{"name": 5}], [{"name": ""}], [{"name": "a", "type": 5}]]),
    ("tool_choice", [True, 5, "auto", [], {}, {"type": 5}, {"type": "some"}, {"type": "tool"}]),
    ("stream", [5, "true", [], {}]),
    ("temperature", [True, "1", -1, 1.5, [], {}]),
    ("top_p", [True, "1", -1, 1.5, [], {}]),
    ("top_k", [True, "1", -1, [], {}]),
    ("metadata", [True, 5, "me", []]),
    ("stop_sequences", [True, 5, "stop", {}, [5], [None]]),
    (
        "thinking",
        [True, 5, "enabled", [], {}, {"type": 5}, {"type": "deep"}, {"type": "enabled", "budget_tokens": "9"}],
    ),
    ("output_config", [True, 5, "high", [], {"format": 5}, {"format": {"type": "json_schema", "schema": []}}]),
    ("output_format", [True, 5, "json", [], {"type": "json_schema"}]),
]
BROKEN: dict[str, tuple[list[Json], str]] = {
    "an unknown role": ([{"role": "wizard", "content": "Hi."}], "messages.0.role"),
    "a role of a wrong type": ([{"role": 5, "content": "Hi."}], "messages.0.role"),
    "content of a wrong type": ([{"role": "user", "content": 5}], "messages.0.content"),
    "a block that is no object": (said("Hi."), "messages.0.content.0"),
    "a block without a type": (said({"text": "Hi."}), "messages.0.content.0.type"),
    "a block of an unknown type": (said({"type": "smell"}), "messages.0.content.0.type"),
    "text of a wrong type": (said({"type": "text", "text": 5}), "messages.0.content.0.text"),
    "the second of two": (said({"type": "text", "text": "a"}, {"type": "text"}), "messages.0.content.1.text"),
    "an orphan tool_result": (said({"type": "tool_result", "tool_use_id": "b"}), "messages.0.content.0.tool_use_id"),
    "a tool_use without a result": (answered({}), "messages.1.content.0"),
    "two results": (answered({}, {}, {}), "messages.2.content.1.tool_use_id"),
    "tool input that is no object": (answered({"input": [1]}, {}), "messages.1.content.0.input"),
    "a tool_use without a name": (answered({"name": None}, {}), "messages.1.content.0.name"),
    "a result of a wrong type": (answered({}, {"content": 5}), "messages.2.content.0.content"),
    "a result with a bad image": (
        answered({}, {"content": [image(data="?")]}),
        "messages.2.content.0.content.0.source.data",
    ),
    "bad base64": (said(image(data="not base64!")), "messages.0.content.0.source.data"),
    "base64 cut short": (said(image(data="AAA")), "messages.0.content.0.source.data"),
    "base64 with line ends": (said(image(data="AAAA\nAAAA")), "messages.0.content.0.source.data"),
    "no base64 at all": (said(image(data="")), "messages.0.content.0.source.data"),
    "base64 with a lone surrogate": (said(image(data="\ud83d")), "messages.0.content.0.source.data"),
    "an image of another kind": (said(image(media_type="image/tiff")), "messages.0.content.0.source.media_type"),
    "a file URL": (said(image(type="url", url="file:///etc/passwd")), "messages.0.content.0.source.url"),
    "a source of a wrong type": (said({"type": "image", "source": "AAAA"}), "messages.0.content.0.source"),
    "nothing to send": (said(), "messages"),
}
# Bodies that are no JSON object. Each holds the canary, which no answer may repeat.
UNREADABLE: dict[str, bytes] = {
    "empty": b"",
    "blanks": b"  \n",
    "a bare word": b"canary",
    "cut off": b'{"model": "canary", "messages": [',
    "two documents": b'{"a": "canary"}{"b": 1}',
    "an array": b'["canary"]',
    "a string": b'"canary"',
    "null": b"null",
    "a trailing comma": b'{"model": "canary",}',
    "single quotes": b"{'model': 'canary'}",
    "a form": b"model=canary&max_tokens=5",
    "not UTF-8": b'{"model": "canary\xff"}',
    "UTF-16": '{"model": "canary"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"model": "canary"}',
    "a NUL": b'{"model": "canary\x00"}',
    "gzip": bytes.fromhex("1f8b0800000000000003abae050043bfa6a302000000"),
    "NaN": b'{"model": "canary", "max_tokens": NaN}',
    "Infinity": b'{"model": "canary", "max_tokens": -Infinity}',
    "NaN beside a lone surrogate": b'{"model": "canary\\ud83d", "max_tokens": NaN}',
    "a float out of range": b'{"model": "canary", "max_tokens": 1e999}',
    "a float out of range beside a lone surrogate": b'{"model": "canary\\ud83d", "max_tokens": 1e999}',
    "an integer without end": b'{"model": "canary", "max_tokens": %s}' % (b"9" * 5000),
    "deep arrays": b"[" * LEVELS + b"]" * LEVELS,
    "deep arrays, never closed": b"[" * LEVELS,
}
# Where JSON may nest inside a request; %s is the place.
HI = '"messages": [{"role": "user", "content": "Hi."}]'
CALL = '{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": %s}]}'
RESULT = '{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}'
PLACES = {
    "messages": '"messages": %s',
    "content": '"messages": [{"role": "user", "content": %s}]',
    "tool input": f'"messages": [{CALL}, {RESULT}]',
    "schema": HI + ', "tools": [{"name": "a", "input_schema": %s}]',
    "format": HI + ', "output_config": {"format": {"type": "json_schema", "schema": %s}}',
    "metadata": HI + ', "metadata": %s',
    "an unknown field": HI + ', "more": %s',
    "a field beside a lone surrogate": HI + ', "system": "\\ud83d", "metadata": %s',
}


@pytest.mark.parametrize(("field", "values"), FIELDS, ids=[name for name, _ in FIELDS])
def test_a_field_of_a_wrong_type_is_named(
    post: Any, question: Callable[..., Json], field: str, values: list[Any]
) -> None:
    for value in values:
        assert_refused(post(question(**{field: value})), 400, field)


@pytest.mark.parametrize("field", ["model", "max_tokens", "messages"])
def test_a_missing_field_is_named(post: Any, question: Callable[..., Json], field: str) -> None:
    request = question()
    del request[field]

    assert_refused(post(request), 400, field)


@pytest.mark.parametrize(("messages", "path"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_conversation_is_refused_where_it_breaks(
    post: Any, question: Callable[..., Json], upstream: DemoUpstream, messages: list[Json], path: str
) -> None:
    # With the standard library: lone surrogates are part of the table.
    response = post(data=json.dumps(question(messages=messages, stream=True)))

    assert_refused(response, 400, f"{path}: ")
    assert upstream.requests == []


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_json_object_is_refused_and_not_repeated(post: Any, body: bytes, path: str) -> None:
    response = post(data=body, path=path)

    assert_refused(response, 400, "the body ")
    assert "canary" not in response.text


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_nesting_without_end_is_refused(post: Any, place: str, path: str) -> None:
    deep = '{"a":' * LEVELS + "1" + "}" * LEVELS

    response = post(data=f'{{"model": "gpt-5", "max_tokens": 5, {place % deep}}}', path=path)

    assert_refused(response, 400, "the body is not valid JSON: ")


@pytest.mark.parametrize("levels", [300, 600, 900, 970, 1000])
@pytest.mark.parametrize("place", [PLACES["tool input"], PLACES["metadata"]], ids=["tool input", "metadata"])
def test_nesting_within_reason_is_carried_or_refused(post: Any, place: str, levels: int) -> None:
    deep = '{"a":' * levels + "1" + "}" * levels

    response = post(data=f'{{"model": "gpt-5", "max_tokens": 5, {place % deep}}}')

    if response.status_code != 200:
        assert_refused(response, 400, "the ")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"messages": [{"role": "user", "content": "half an emoji: \ud83d"}]}, id="text"),
        pytest.param({"system": "\ud83d"}, id="system"),
        pytest.param({"tools": [{"name": "\ud83d", "input_schema": {}}]}, id="a tool's name"),
        pytest.param({"tools": [{"name": "a", "input_schema": {"properties": {"\ud83d": {}}}}]}, id="a schema's key"),
        pytest.param({"metadata": {"user_id": '{"session_id": "\ud83d"}'}}, id="the session"),
        pytest.param({"model": "\ud83d"}, id="the model"),
        pytest.param({"\ud83d": 5}, id="a field's name"),
        pytest.param({"messages": answered({"input": {"\ud83d": "\ud83d"}}, {})}, id="tool input"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_lone_surrogates_are_carried_or_refused_by_the_upstream(
    post: Any, question: Callable[..., Json], fields: Json, path: str
) -> None:
    response = post(data=json.dumps(question(**fields)), path=path)

    if response.status_code != 200:
        assert_refused(response, 400, "")


def test_a_key_given_twice_counts_as_its_last_one(post: Any, upstream: DemoUpstream) -> None:
    body = f'{{"model": "gpt-4.1", "model": "gpt-5", "max_tokens": 5, {HI}}}'

    assert post(data=body).status_code == 200
    assert upstream.requests[0].json["model"] == "gpt-5"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_is_judged_by_what_it_is_whatever_it_is_called(
    post: Any, question: Callable[..., Json], kind: str
) -> None:
    assert post(question(), headers={"content-type": kind}).status_code == 200
    assert_refused(post(data=b"model=gpt-5", headers={"content-type": kind}), 400, "the body ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/messages", 405),
        ("PUT", "/v1/messages", 405),
        ("DELETE", "/v1/messages/count_tokens", 405),
        ("POST", "/", 405),
        ("POST", "/v1/complete", 404),
        ("POST", "/v1/messages/", 404),
        ("GET", "/v1/messages/../../etc/passwd", 404),
        ("GET", "/%00%ff", 400),
    ],
)
def test_other_paths_and_methods_are_answered_in_the_envelope(
    gateway: Gateway, method: str, path: str, status: int
) -> None:
    response = requests.request(method, gateway.url + path, headers=gateway.headers, timeout=10)

    assert_refused(response, status, "")
