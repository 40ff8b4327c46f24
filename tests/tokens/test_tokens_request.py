import struct
import time
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.tokens import count_json, count_request, count_text, image_tokens
from packy.tokens.documents import UNKNOWN_PAGES, pages_tokens
from packy.translation import pack_reasoning


def png(width: int, height: int) -> str:
    return b64encode(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)).decode()


def function(name: str, description: str, **properties: dict[str, str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": description, "input_schema": schema}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}


def result(content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}


def image(**source: Any) -> dict[str, Any]:
    return {"type": "image", "source": source}


# Requests whose answers were recorded in the public test suites of fantasy and langchain-openai, with the
# `usage.input_tokens` that OpenAI billed for them.
WEATHER = function(
    "weather", "Get weather information for a location", location={"type": "string", "description": "the city"}
)
NUMBERS = {
    name: {"type": "integer", "description": f"{place} number"} for name, place in (("a", "first"), ("b", "second"))
}
FLORENCE = {
    "system": "You are a helpful assistant",
    "messages": [user("What's the weather in Florence, Italy?")],
    "tools": [WEATHER],
}
BILLED = [
    pytest.param(FLORENCE, "gpt-5", 63, id="one function"),
    pytest.param(
        {
            "system": [
                {
                    "type": "text",
                    "text": "You are a helpful assistant. Always use both add and multiply at the same time.",
                }
            ],
            "messages": [user([{"type": "text", "text": "Add and multiply the number 2 and 3"}])],
            "tools": [
                function("add", "Add two numbers", **NUMBERS),
                function("multiply", "Multiply two numbers", **NUMBERS),
            ],
        },
        "gpt-5",
        109,
        id="two functions",
    ),
    pytest.param(
        {
            **FLORENCE,
            "messages": [
                *FLORENCE["messages"],
                assistant(call("weather", location="Florence, Italy")),
                user([result("40 C")]),
            ],
        },
        "gpt-5",
        92,
        id="a call and its result",
    ),
    pytest.param(
        {
            "system": "You are terse. Answer in five words or fewer.",
            "messages": [
                user(
                    [
                        {"type": "text", "text": "Give a concise description of this image."},
                        image(type="base64", media_type="image/png", data=png(1245, 1395)),
                    ]
                )
            ],
        },
        "gpt-5.5",
        2089,
        id="an image",
    ),
]


@pytest.mark.parametrize(("body", "model", "billed"), BILLED)
def test_the_count_is_what_was_billed(body: dict[str, Any], model: str, billed: int) -> None:
    assert count_request(body, model) == billed


def test_reasoning_that_goes_back_counts_nearly_what_was_billed() -> None:
    # ruby_llm's recorded conversation with gpt-5-nano: 3,172 characters of encrypted_content, 458 tokens in all.
    position = {
        name: {"type": "string", "description": f"{name.title()} (e.g., {example})"}
        for name, example in (("latitude", "52.5200"), ("longitude", "13.4050"))
    }
    reasoning = pack_reasoning({"id": "rs_1", "summary": [], "encrypted_content": "g" * 3172})
    body = {
        "messages": [
            user("What's the weather in Berlin? (52.5200, 13.4050)"),
            assistant(
                {"type": "thinking", "thinking": "", "signature": reasoning},
                call("weather", latitude="52.5200", longitude="13.4050"),
            ),
            user([result("Current weather at 52.5200, 13.4050: 15°C, Wind: 10 km/h")]),
        ],
        "tools": [function("weather", "Gets current weather for a location", **position)],
    }
    assert count_request(body) == pytest.approx(458, rel=0.04)


def message_tokens(*blocks: Any, role: str = "user") -> int:
    """What these blocks add to a request."""
    return count_request({"messages": [{"role": role, "content": list(blocks)}]}) - count_request({"messages": []})


@pytest.mark.parametrize(
    ("block", "tokens"),
    [
        pytest.param({"type": "text", "text": "hello world"}, 2 + 4, id="text"),
        pytest.param({"type": "thinking", "thinking": "long " * 99, "signature": "RIgP/58w"}, 0, id="foreign thinking"),
        pytest.param({"type": "thinking", "thinking": "long " * 99}, 0, id="unsigned thinking"),
        pytest.param({"type": "redacted_thinking", "data": "A" * 999}, 0, id="redacted thinking"),
        pytest.param(
            {"type": "web_search_tool_result", "content": [{"encrypted_content": "A" * 999}]}, 0, id="not sent"
        ),
        pytest.param(result("40 C"), 7 + 2, id="result"),
        pytest.param(result([{"type": "text", "text": "40 C"}]), 7 + 2, id="result of blocks"),
        pytest.param(result(None), 7, id="empty result"),
        pytest.param(result([image(type="base64", data=png(512, 512))]), 7 + 210, id="image in a result"),
        pytest.param(call("weather"), 10 + 2 + 1, id="call without arguments"),
        pytest.param(image(type="url", url="https://example.com/a.png"), 4 + 630, id="image behind a URL"),
        pytest.param({"type": "image"}, 4 + 630, id="image without a source"),
    ],
)
def test_a_block_counts_what_is_sent_of_it(block: dict[str, Any], tokens: int) -> None:
    assert message_tokens(block) == tokens


@pytest.mark.parametrize(
    ("source", "tokens"),
    [
        pytest.param({"type": "text", "data": "hello world"}, lambda: 2, id="text"),
        pytest.param({"type": "content", "content": "hello world"}, lambda: 2, id="content"),
        pytest.param(
            {"type": "content", "content": [{"type": "text", "text": "hello world"}, image(type="url")]},
            lambda: 2 + 630,
            id="content blocks",
        ),
        pytest.param(
            {"type": "base64", "media_type": "application/pdf", "data": b64encode(b"/Type/Page " * 3).decode()},
            lambda: pages_tokens(3, "gpt-5"),
            id="pdf",
        ),
        pytest.param(
            {"type": "url", "url": "https://example.com"}, lambda: pages_tokens(UNKNOWN_PAGES, "gpt-5"), id="url"
        ),
        pytest.param("hello world", lambda: 2, id="malformed"),
    ],
)
def test_a_document_counts_its_content_and_its_labels(source: object, tokens: Any) -> None:
    document = {"type": "document", "source": source}
    assert message_tokens(document) == 4 + tokens()
    assert message_tokens(result([document])) == 7 + tokens()
    assert message_tokens({**document, "title": "hello", "context": "world"}) == 4 + 2 + tokens()


@pytest.mark.parametrize(
    "odd",
    [{"type": "hologram", "data": [1, 2]}, {"type": ["text"]}, {"text": "no type"}, {}, 5, ["list"]],
    ids=repr,
)
def test_an_unknown_block_counts_as_its_json(odd: object) -> None:
    assert message_tokens(odd) == 4 + count_json(odd)


def test_the_billing_header_of_claude_code_is_not_counted() -> None:
    block = {"type": "text", "text": "You are terse."}
    billing = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.9d2; cc_entrypoint=sdk-cli;"}
    assert count_request({"system": [billing, block]}) == count_request({"system": [block]})
    assert count_request({"system": [billing]}) == count_request({"system": ""}) == count_request({})


def test_each_role_has_its_overhead() -> None:
    assert message_tokens({"type": "text", "text": "hello world"}, role="assistant") == 2 + 6
    assert message_tokens({"type": "text", "text": "hello world"}, role="system") == 2 + 4
    assert count_request({"system": "hello world"}) == 2 + 4 + 2


def test_structured_output_counts_its_schema() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    config = {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    assert count_request({"output_config": config}) - count_request({}) == count_json(schema)


def test_the_model_decides_what_an_image_costs() -> None:
    body = {"messages": [user([image(type="base64", data=png(3840, 2160))])]}
    dearer = image_tokens(3840, 2160, "gpt-5.5") - image_tokens(3840, 2160, "gpt-5")
    assert count_request(body, "gpt-5.5") - count_request(body, "gpt-5") == dearer > 8000


_KEYS = st.sampled_from(
    [
        "messages",
        "role",
        "content",
        "type",
        "text",
        "source",
        "data",
        "input",
        "name",
        "system",
        "tools",
        "signature",
        "format",
    ]
)
_VALUES = st.sampled_from(
    [
        "text",
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "base64",
        "content",
        "user",
        "assistant",
        "packy1:e30=",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9) | _VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=4), inner, max_size=6),
    max_leaves=30,
)


@given(body=JSON)
def test_no_body_raises(body: Any) -> None:
    assert count_request(body) >= 0


@given(parts=st.fixed_dictionaries(dict.fromkeys(("system", "tools", "output_config"), JSON)), content=JSON)
def test_no_part_raises(parts: dict[str, Any], content: Any) -> None:
    blocks = content if isinstance(content, list) else [content]
    assert (
        count_request({**parts, "messages": [content, user(content), assistant(*blocks), user([result(content)])]}) >= 0
    )


@given(messages=st.lists(JSON, max_size=4), message=JSON)
def test_a_further_message_never_lowers_the_count(messages: list[Any], message: Any) -> None:
    assert count_request({"messages": [*messages, message]}) >= count_request({"messages": messages})


def test_deep_nesting_does_not_raise() -> None:
    block: dict[str, Any] = {"type": "text", "text": "core"}
    for _ in range(1000):
        block = result([{"type": "document", "source": {"type": "content", "content": [block]}}])
    assert count_request({"messages": [user([block])], "system": [block], "tools": [block]}) > 1000


def test_200_thousand_tokens_are_counted_in_well_under_a_second_each() -> None:
    turn = "def handler(request, response):\n    return response.write(request.body[:1024])  # 200 OK\n" * 40
    body = {"messages": [user([result([{"type": "text", "text": turn}])]) for _ in range(250)]}
    count_text("")  # loads the vocabulary
    started = time.perf_counter()
    assert count_request(body) > 200_000
    assert time.perf_counter() - started < 2
