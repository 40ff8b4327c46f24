"""A Messages request → a Responses request: what each field and block becomes, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.translation import Target, translate_request

if TYPE_CHECKING:
    from collections.abc import Callable

    Translate = Callable[..., dict[str, Any]]

HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
SMALLEST = {
    "model": "gpt-5",
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "input": [HI],
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
BASH = {"name": "Bash", "description": "Runs a command.", "input_schema": SCHEMA}
BASH_FUNCTION = {
    "type": "function",
    "name": "Bash",
    "description": "Runs a command.",
    "parameters": SCHEMA,
    "strict": False,
}
SEARCHING = {"include": ["reasoning.encrypted_content", "web_search_call.action.sources"]}
FREE = {"tools": [BASH_FUNCTION], "tool_choice": "auto", "parallel_tool_calls": True}
LONG = "mcp__" + "server_" * 10 + "tool"
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def text_format(schema: dict[str, Any], *, strict: bool) -> dict[str, Any]:
    return {"text": {"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": strict}}}


def choice(kind: str, **more: Any) -> dict[str, Any]:
    return {"tools": [BASH], "tool_choice": {"type": kind, **more}}


ROWS = [
    pytest.param({}, {}, id="nothing but the required fields"),
    pytest.param({"stream": False}, {}, id="a caller that does not stream: the upstream streams all the same"),
    pytest.param({"system": "Be brief."}, {"instructions": "Be brief."}, id="system string"),
    pytest.param({"system": ""}, {}, id="empty system string"),
    pytest.param(
        {
            "system": [
                {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.9d2; cc_entrypoint=sdk-cli;"},
                {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "text", "text": "\nBe brief."},
            ]
        },
        {"instructions": "You are an agent.\n\n\nBe brief."},
        id="system blocks, the billing block dropped",
    ),
    pytest.param({"tools": [BASH]}, FREE, id="tools"),
    pytest.param({"tools": []}, {}, id="an empty tools array"),
    pytest.param(
        {
            "tools": [
                {
                    **BASH,
                    "type": "custom",
                    "cache_control": {"type": "ephemeral"},
                    "defer_loading": False,
                    "eager_input_streaming": True,
                }
            ]
        },
        FREE,
        id="only the known keys of a tool are sent",
    ),
    pytest.param(
        {"tools": [{"name": "Ping"}]},
        {
            **FREE,
            "tools": [
                {**BASH_FUNCTION, "name": "Ping", "description": "", "parameters": {"type": "object", "properties": {}}}
            ],
        },
        id="a tool without description and schema",
    ),
    pytest.param(choice("auto"), FREE, id="tool_choice auto"),
    pytest.param(choice("any"), {**FREE, "tool_choice": "required"}, id="tool_choice any"),
    pytest.param(choice("none"), {**FREE, "tool_choice": "none"}, id="tool_choice none"),
    pytest.param(
        choice("tool", name="Bash"),
        {**FREE, "tool_choice": {"type": "function", "name": "Bash"}},
        id="tool_choice tool",
    ),
    pytest.param(
        choice("auto", disable_parallel_tool_use=True),
        {**FREE, "parallel_tool_calls": False},
        id="disable_parallel_tool_use",
    ),
    pytest.param({"tool_choice": {"type": "auto"}}, {}, id="tool_choice without tools"),
    pytest.param(
        {
            "tools": [
                {**SEARCH, "allowed_domains": ["a.example"], "user_location": {"type": "approximate", "city": None}}
            ]
        },
        {
            **FREE,
            **SEARCHING,
            "tools": [
                {
                    "type": "web_search",
                    "filters": {"allowed_domains": ["a.example"]},
                    "user_location": {"type": "approximate"},
                }
            ],
        },
        id="web search",
    ),
    pytest.param(
        {"tools": [SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}},
        {**FREE, **SEARCHING, "tools": [{"type": "web_search"}], "tool_choice": "required"},
        id="forced web search, the only tool",
    ),
    pytest.param(
        {"output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}}},
        text_format(SCHEMA, strict=True),
        id="structured output",
    ),
    pytest.param(
        {"output_config": {"format": {"type": "json_schema", "schema": OPEN_SCHEMA}}},
        text_format(OPEN_SCHEMA, strict=False),
        id="structured output with a schema that strict mode would refuse",
    ),
    pytest.param(
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        text_format(SCHEMA, strict=True),
        id="structured output as the beta spelt it",
    ),
    pytest.param({"speed": "fast"}, {"service_tier": "priority"}, id="speed fast"),
    pytest.param({"speed": "standard"}, {}, id="speed standard"),
    pytest.param({"service_tier": "auto"}, {}, id="any service tier"),
    pytest.param({"service_tier": "standard_only"}, {"service_tier": "default"}, id="the standard service tier"),
    pytest.param(
        {"speed": "fast", "service_tier": "standard_only"}, {"service_tier": "priority"}, id="fast all the same"
    ),
    pytest.param(
        {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop_sequences": ["END"]},
        {},
        id="parameters that the upstream refuses",
    ),
    pytest.param(
        {
            "metadata": {"user_id": "someone"},
            "context_management": {"edits": []},
            "container": "c",
            "mcp_servers": [],
            "inference_geo": "eu",
            "surprise": 1,
        },
        {},
        id="keys outside the allow-list",
    ),
]


@pytest.mark.parametrize(("fields", "added"), ROWS)
def test_a_field_becomes_exactly_this(translate: Translate, fields: dict[str, Any], added: dict[str, Any]) -> None:
    assert translate(**fields) == SMALLEST | added


@pytest.mark.parametrize(
    ("target", "fields", "added"),
    [
        pytest.param(Target("o3"), {}, {"model": "o3"}, id="the target's model, not the request's"),
        pytest.param(Target("gpt-5", effort="high"), {}, {"reasoning": {"effort": "high"}}, id="effort alone"),
        pytest.param(
            Target("gpt-5", effort="minimal"), {}, {"reasoning": {"effort": "minimal"}}, id="as little as can be"
        ),
        pytest.param(
            Target("gpt-5", effort="minimal"),
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {
                **SEARCHING,
                "tools": [{"type": "web_search"}],
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "reasoning": {"effort": "low"},
            },
            id="an effort with which the upstream refuses to search",
        ),
        *(
            pytest.param(
                Target("gpt-5", effort="low"),
                {"thinking": thinking},
                {"reasoning": {"effort": "low", "summary": "auto"}},
                id=f"thinking {thinking['type']}",
            )
            for thinking in ({"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2048})
        ),
        pytest.param(
            Target("gpt-5", effort="low"),
            {"thinking": {"type": "disabled"}},
            {"reasoning": {"effort": "low"}},
            id="thinking disabled",
        ),
        pytest.param(
            Target("gpt-4o"), {"thinking": {"type": "adaptive"}}, {"model": "gpt-4o"}, id="a model that does not reason"
        ),
        pytest.param(Target("gpt-5", cache_key="k"), {}, {"prompt_cache_key": "k"}, id="cache key"),
        pytest.param(
            Target("gpt-5", leading_developer_message=True),
            {"system": "Be brief."},
            {
                "input": [
                    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
                    HI,
                ]
            },
            id="a relay that refuses instructions",
        ),
        pytest.param(
            Target("gpt-5", parameters=frozenset({"max_tokens", "temperature", "top_p"})),
            {"max_tokens": 4096, "temperature": 0, "top_p": 0.5, "top_k": 4},
            {"max_output_tokens": 4096, "temperature": 0, "top_p": 0.5},
            id="parameters that the provider takes",
        ),
        pytest.param(
            Target("gpt-5", parameters=frozenset({"max_tokens"})),
            {"max_tokens": 1},
            {"max_output_tokens": 16},
            id="the upstream's smallest max_output_tokens",
        ),
    ],
)
def test_the_target_adds_exactly_this(
    translate: Translate, target: Target, fields: dict[str, Any], added: dict[str, Any]
) -> None:
    assert translate(target, **fields) == SMALLEST | added


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, False),
        ({"thinking": {"type": "disabled"}}, False),
        ({"thinking": {"type": "adaptive"}}, True),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
        ({"thinking": {"type": "disabled"}, "tools": [BASH]}, True),
    ],
    ids=["plain", "disabled", "adaptive", "enabled", "tools, where the model needs its reasoning back"],
)
def test_reasoning_is_shown_where_it_is_wanted_or_needed(fields: dict[str, Any], *, wanted: bool) -> None:
    request = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}], **fields}
    assert translate_request(request, Target("gpt-5")).reasoning is wanted


def test_forced_choice_and_history_use_the_tools_short_name(translate: Translate) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": LONG, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]},
    ]
    tools = [{**BASH, "name": LONG}]
    payload = translate(messages=messages, tools=tools, tool_choice={"type": "tool", "name": LONG})
    short = payload["tools"][0]["name"]
    assert len(short) == 64
    assert payload["tool_choice"]["name"] == payload["input"][1]["name"] == short


def test_a_forced_search_is_forced_among_other_tools_too(translate: Translate) -> None:
    payload = translate(tools=[SEARCH, BASH], tool_choice={"type": "tool", "name": "web_search"})
    assert payload["tool_choice"] == {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}


def test_keys_stand_in_one_order_and_input_last(translate: Translate) -> None:
    fields = {"system": "s", "tools": [BASH], "speed": "fast", **choice("any")}
    once = list(translate(**fields))
    assert once == list(translate(**dict(reversed(fields.items()))))
    assert once[-1] == "input"
