"""A request that is not a Messages request is refused: where, why, and never with a word of what it held."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.translation import InvalidRequest, Target, Translation, loads, translate_request

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Path = tuple[str | int, ...]

CANARY = "canary"
SMALLEST: Json = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}
USE = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
SEARCHED = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
ARRAY_OR_STRING = "must be a string or an array of content blocks"


def talk(*messages: tuple[Any, Any]) -> Json:
    return {"messages": [{"role": role, "content": content} for role, content in messages]}


def block(**fields: Any) -> Json:
    return talk(("user", [fields]))


def source(kind: str, **fields: Any) -> Json:
    return block(type=kind, source=fields)


def results(*ids: str, **fields: Any) -> Json:
    answers = [{"type": "tool_result", "tool_use_id": id_, **fields} for id_ in ids]
    return talk(("user", "Hi"), ("assistant", [USE]), ("user", answers))


def in_tool(**fields: Any) -> Json:
    return {"tools": [{"name": "n", **fields}]}


B, S = "messages.0.content.0", "messages.0.content.0.source"
REFUSED: list[tuple[Json, str, str]] = [
    ({"model": None}, "model", "must be a non-empty string"),
    ({"model": ""}, "model", "must be a non-empty string"),
    ({"max_tokens": None}, "max_tokens", "must be a whole number of at least 1"),
    ({"max_tokens": 0}, "max_tokens", "must be a whole number of at least 1"),
    ({"max_tokens": True}, "max_tokens", "must be a whole number of at least 1"),
    ({"max_tokens": "9"}, "max_tokens", "must be a whole number of at least 1"),
    ({"stream": "yes"}, "stream", "must be true or false"),
    ({"temperature": 1.5}, "temperature", "must be between 0 and 1"),
    ({"temperature": "hot"}, "temperature", "must be a number"),
    ({"top_p": -0.1}, "top_p", "must be between 0 and 1"),
    ({"top_k": -1}, "top_k", "must not be negative"),
    ({"metadata": []}, "metadata", "must be an object"),
    ({"stop_sequences": "END"}, "stop_sequences", "must be an array of strings"),
    ({"stop_sequences": ["a", 1]}, "stop_sequences.1", "must be a string"),
    ({"stop_sequences": ["a", ""]}, "stop_sequences.1", "must hold more than whitespace"),
    ({"stop_sequences": [" \n"]}, "stop_sequences.0", "must hold more than whitespace"),
    ({"service_tier": "priority"}, "service_tier", "must be auto or standard_only"),
    ({"compaction": {"type": "summary"}}, "compaction", "cannot be carried"),
    ({"thread": {"type": "continue", "previous_message_id": CANARY}}, "thread", "send all of its messages"),
    ({"system": 1}, "system", "must be a string or an array of text blocks"),
    ({"system": [{"type": "image"}]}, "system.0", "must be a text block"),
    ({"system": [{"type": "text"}]}, "system.0.text", "must be a string"),
    ({"thinking": "on"}, "thinking", "must be an object with a type of enabled, adaptive, between_tools, disabled"),
    (
        {"thinking": {"type": "maybe"}},
        "thinking",
        "must be an object with a type of enabled, adaptive, between_tools, disabled",
    ),
    ({"thinking": {"type": "enabled", "budget_tokens": "9"}}, "thinking.budget_tokens", "must be a whole number"),
    (
        {"thinking": {"type": "adaptive", "display": CANARY}},
        "thinking.display",
        "must be summarized, omitted or updates",
    ),
    ({"output_config": []}, "output_config", "must be an object"),
    ({"output_config": {"effort": 3}}, "output_config.effort", "must be one of minimal, low"),
    ({"output_config": {"format": 1}}, "output_config.format", "must be of type json_schema with a `schema`"),
    ({"output_format": {"type": "x"}}, "output_format", "must be of type json_schema with a `schema`"),
    # messages
    ({"messages": None}, "messages", "must be an array with at least one message"),
    ({"messages": []}, "messages", "must be an array with at least one message"),
    ({"messages": ["Hi"]}, "messages.0", "must be an object with `role` and `content`"),
    (talk(("robot", "Hi")), "messages.0.role", "must be user, assistant or system"),
    (talk((["user"], "Hi")), "messages.0.role", "must be user, assistant or system"),
    (talk(("user", None)), "messages.0.content", ARRAY_OR_STRING),
    (talk(("user", {})), "messages.0.content", ARRAY_OR_STRING),
    (talk(("user", "")), "messages", "hold nothing that can be sent upstream"),
    (talk(("user", ["Hi"])), B, "must be a content block: an object with a `type`"),
    (block(text="Hi"), f"{B}.type", "must be a string naming the kind of block"),
    (block(type="text", text=1), f"{B}.text", "must be a string"),
    (block(type=CANARY), f"{B}.type", "no content block of this kind is allowed here; allowed: text, image, "),
    (talk(("user", [USE])), f"{B}.type", "no content block of this kind is allowed here"),
    (talk(("assistant", [{"type": "tool_result"}])), f"{B}.type", "is allowed in an assistant message"),
    (talk(("system", [{"type": "image"}])), f"{B}.type", "a system message takes text and tool changes only"),
    ({"messages": [{"role": "system", "content": "s", "clear_at": CANARY}]}, "messages.0.clear_at", "must be never or"),
    ({"messages": [{"role": "system"}]}, "messages.0.content", ARRAY_OR_STRING),
    (talk(("system", [{"type": "tool_addition"}])), f"{B}.tool", "must be an object with a `type`"),
    (
        talk(
            (
                "assistant",
                [{"type": "text", "text": "t", "citations": {}}, {"type": "text", "text": "t", "citations": 1}],
            )
        ),
        "messages.0.content.1.citations",
        "must be an array",
    ),
    (talk(("assistant", [SEARCHED | {"id": 1}])), f"{B}.id", "must be a string"),
    (talk(("assistant", [FOUND | {"content": CANARY}])), f"{B}.content", "must be an array of results, or an error"),
    (talk(("assistant", [FOUND | {"tool_use_id": None}])), f"{B}.tool_use_id", "must be a string"),
    # media
    (block(type="image"), S, "must be an object with a `type`"),
    (source("image", type=CANARY), f"{S}.type", "must be base64, url or file"),
    (source("image", type="base64", media_type="image/tiff", data="AAAA"), f"{S}.media_type", "must be one of image/"),
    (source("image", type="base64", media_type="image/png"), f"{S}.data", "must be a string"),
    (source("image", type="base64", media_type="image/png", data=""), f"{S}.data", "is empty"),
    (source("image", type="base64", media_type="image/png", data="not base64"), f"{S}.data", "is not valid base64"),
    (source("image", type="base64", media_type="image/png", data="AAA"), f"{S}.data", "is not valid base64"),
    (source("image", type="base64", media_type="image/png", data="ÄÄÄÄ"), f"{S}.data", "is not valid base64"),
    (source("image", type="url", url="file:///etc/passwd"), f"{S}.url", "must be an http(s) URL"),
    (source("document", type="base64", media_type="text/html", data="AAAA"), f"{S}.media_type", "application/pdf"),
    (source("document", type="text"), f"{S}.data", "must be a string"),
    (source("document", type="text", media_type="text/html", data="d"), f"{S}.media_type", "must be text/plain"),
    (block(type="document", title=1, source={"type": "text", "data": "d"}), f"{B}.title", "must be a string"),
    (block(type="document", context=[], source={"type": "text", "data": "d"}), f"{B}.context", "must be a string"),
    (source("document", type="content", content=1), f"{S}.content", ARRAY_OR_STRING),
    (source("document", type="content", content=[{"type": "image"}]), f"{S}.content.0.source", "must be an object"),
    # tools in the history
    (talk(("user", "Hi"), ("assistant", [USE])), "messages.1.content.0", "this tool_use has no tool_result"),
    (results("other"), "messages.2.content.0.tool_use_id", "no tool_use with this id in the messages before"),
    (results("t", "t"), "messages.2.content.1.tool_use_id", "this tool_use has a tool_result already"),
    (results("t", content=1), "messages.2.content.0.content", ARRAY_OR_STRING),
    (results("t", content=[1]), "messages.2.content.0.content.0", "must be a content block"),
    (talk(("user", [{"type": "tool_result"}])), f"{B}.tool_use_id", "must be a string"),
    (talk(("assistant", [USE, USE])), "messages.0.content.1.id", "tool_use ids must be unique"),
    (talk(("assistant", [USE | {"id": ""}])), B, "must have an id and a name"),
    (talk(("assistant", [USE | {"name": 1}])), f"{B}.name", "must be a string"),
    (talk(("assistant", [USE | {"input": "{}"}])), f"{B}.input", "must be an object"),
    (talk(("assistant", [{"type": "thinking", "thinking": ""}])), f"{B}.signature", "must be a string"),
]


@pytest.mark.parametrize(("fields", "path", "problem"), REFUSED, ids=lambda value: value if type(value) is str else "")
def test_bad_input_is_refused_naming_path_and_problem(fields: Json, path: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate_request(SMALLEST | fields, Target("gpt-5"))
    assert caught.value.path == path
    assert problem in caught.value.problem
    assert str(caught.value) == f"{path}: {caught.value.problem}"
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("body", [None, [], "text", 1, True], ids=repr)
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^the body must be a JSON object$"):
        translate_request(body, Target("gpt-5"))


@pytest.mark.parametrize("key", ["model", "max_tokens", "messages"])
def test_each_required_field_is_missed(key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate_request({k: v for k, v in SMALLEST.items() if k != key}, Target("gpt-5"))
    assert caught.value.path == key


def nested(depth: int) -> Json:
    value: Json = {}
    for _ in range(depth):
        value = {"properties": {"a": value}}
    return value


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(in_tool(input_schema=nested(5000)), id="tool schema"),
        pytest.param({"output_format": {"type": "json_schema", "schema": nested(5000)}}, id="output schema"),
        pytest.param(talk(("assistant", [USE | {"input": nested(5000)}])), id="arguments"),
    ],
)
def test_nesting_deeper_than_python_goes_is_refused(fields: Json) -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        translate_request(SMALLEST | fields, Target("gpt-5"))


RICH: Json = {
    "model": "m",
    "max_tokens": 100,
    "stream": True,
    "temperature": 1,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "metadata": {"user_id": "u"},
    "output_config": {
        "effort": "high",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"anyOf": [{"type": "null"}]}},
                "required": ["a"],
                "additionalProperties": False,
                "$defs": {"d": {"type": "string"}},
            },
        },
    },
    "stop_sequences": ["x"],
    "tools": [
        {"name": "n", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"pattern": "."}}}},
        {
            "name": "n" * 65,
            "input_schema": {
                "anyOf": [{"$ref": "#/$defs/d"}],
                "$defs": {"d": {"type": "array", "items": {}}},
                "not": {"if": {}, "required": []},
                "patternProperties": {".": {}},
            },
        },
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "allowed_domains": ["a"],
            "user_location": {"type": "approximate"},
        },
    ],
    "tool_choice": {"type": "tool", "name": "n", "disable_parallel_tool_use": True},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "t"}]},
        {"role": "system", "content": "s"},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "t", "signature": "packy1:e30="}, USE, {**USE, "id": "u"}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "u", "content": "r", "is_error": True},
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                        {
                            "type": "search_result",
                            "title": "t",
                            "source": "s",
                            "content": [{"type": "text", "text": "t"}],
                        },
                        {"type": "tool_reference", "tool_name": "n"},
                    ],
                },
                {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "t"}]}},
            ],
        },
    ],
}


def test_the_request_that_is_spoilt_below_is_a_good_one() -> None:
    assert translate_request(RICH, Target("gpt-5")).payload


def paths(value: object, here: Path = ()) -> Iterator[Path]:
    yield here
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*here, key))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([CANARY, "", "text", "tool", "json_schema", "\ud800"]),
)  # fmt: skip
ANY = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([CANARY, "type", "name", "text", "properties", "$ref", "items"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(path=st.sampled_from([path for path in paths(RICH) if path]), value=ANY, removed=st.booleans())
def test_anything_anywhere_is_translated_or_refused(path: Path, value: object, *, removed: bool) -> None:
    request = copy.deepcopy(RICH)
    holder: Any = request
    for key in path[:-1]:
        holder = holder[key]
    if removed:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    try:
        translation = translate_request(request, Target("gpt-5"))
    except InvalidRequest as refusal:
        assert refusal.path  # noqa: PT017 - a refusal is one of two right outcomes
        assert CANARY not in str(refusal)  # noqa: PT017 - the same
    else:
        assert isinstance(translation, Translation)
        assert isinstance(loads(translation.payload), dict)
