"""What else a Messages request may hold: each field and key is carried, has no effect, or is named as lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.translation import InvalidRequest, Target, check_request, translate_request

Json = dict[str, Any]

TARGET = Target("gpt-5", effort="high")
ASKED: Json = {"role": "user", "content": "Hi"}
SMALLEST: Json = {"model": "m", "max_tokens": 9, "messages": [ASKED]}
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
CACHED = {"cache_control": {"type": "ephemeral"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}


def user(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def system(content: object, *after: Json, **fields: Any) -> Json:
    return {"messages": [ASKED, {"role": "system", "content": content, **fields}, *after]}


def assistant(*blocks: Json) -> Json:
    return {"messages": [ASKED, {"role": "assistant", "content": list(blocks)}, ASKED]}


def called(use: Json, result: Json) -> Json:
    use = {"type": "tool_use", "id": "t", "name": "n", "input": {}, **use}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "ok", **result}
    return {"messages": [ASKED, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]}


def image(**more: Any) -> Json:
    return user({"type": "image", "source": {"type": "url", "url": "https://a.example/i"}, **more})


def document(source: Json | None = None, **more: Any) -> Json:
    return user({"type": "document", "source": source or PDF, **more})


def formatted(schema: Json, **more: Any) -> Json:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema, **more}}}


def lost(fields: Json, target: Target = TARGET) -> set[str]:
    return set(translate_request(SMALLEST | fields, target).dropped) - {"max_tokens"}


def sent(fields: Json, target: Target = TARGET) -> Json:
    payload: Json = json.loads(translate_request(SMALLEST | fields, target).payload)
    return payload


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        # the request
        ({"stop_sequences": ["END"]}, set()),
        ({"service_tier": "standard_only"}, set()),
        ({"service_tier": "standard_only", "speed": "fast"}, {"service_tier"}),
        ({"metadata": {"user_id": "u"}}, set()),
        ({"metadata": {"team": "t"}}, {"metadata.team"}),
        ({"system": [{"type": "text", "text": "s", **CACHED, "citations": None}]}, set()),
        ({"system": [{"type": "text", "text": "s", "citations": [{}], "mine": 1}]},
         {"system.citations", "system.mine"}),
        ({"thread": {"type": "create"}, "billing_policy": {"type": "billing_policy"}}, {"thread", "billing_policy"}),
        # thinking and output
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, set()),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, set()),
        ({"thinking": {"type": "adaptive", "display": "updates"}}, {"thinking.display"}),
        ({"thinking": {"type": "between_tools", "block_binding": {"prefix_mismatch_behavior": "error"}}}, set()),
        ({"thinking": {"type": "adaptive", "mine": 1}}, {"thinking.mine"}),
        ({"output_config": {"effort": "max"}}, set()),
        ({"output_config": {"effort": "ultra"}}, {"output_config.effort"}),
        ({"output_config": {"task_budget": {"type": "tokens", "total": 9}}}, {"output_config.task_budget"}),
        ({"output_config": {"mine": 1}}, {"output_config.mine"}),
        (formatted(CLOSED), set()),
        (formatted({"$schema": "http://json-schema.org/draft-07/schema#", **CLOSED}), set()),
        (formatted(CLOSED, name="mine"), {"output_config.format.name"}),
        (formatted({**CLOSED, "required": []}), {"output_config.format.schema"}),
        (formatted({**CLOSED, "properties": {"a": {"type": "string", "pattern": "[[:alpha:"}}}),
         {"output_config.format.schema"}),
        (formatted({"type": "array", "items": {"type": "string"}}), {"output_config.format"}),
        # content
        (image(**CACHED, transformations={"oversized_image": "downsize"}), set()),
        (image(transformations={"oversized_image": "error"}), {"messages.content.image.transformations"}),
        (image(mine=1), {"messages.content.image.mine"}),
        (image(source={"type": "url", "url": "https://a.example/i", "mine": 1}),
         {"messages.content.image.source.mine"}),
        (document(**CACHED, title="t", context="c", citations={"enabled": False}), set()),
        (document(citations={"enabled": True}), {"messages.content.document.citations"}),
        (user({"type": "search_result", "title": "t", "source": "s", "content": [], "citations": {"enabled": True}},
              {"type": "text", "text": "?"}), {"messages.content.search_result.citations"}),
        (user({"type": "text", "text": "t", **CACHED, "mine": 1}), {"messages.content.text.mine"}),
        ({"messages": [{**ASKED, "mine": 1}]}, {"messages.mine"}),
        (called({**CACHED, "caller": {"type": "direct"}}, CACHED), set()),
        (called({"caller": {"type": "code_execution_20250825"}}, {}), {"messages.content.tool_use.caller"}),
        (called({"toolset_name": "computer"}, {"toolset_name": "computer"}),
         {"messages.content.tool_use.toolset_name", "messages.content.tool_result.toolset_name"}),
        (called({}, {"content": [{"type": "browser_state"}]}), {"messages.content.browser_state"}),
        (called({}, {"content": [{"type": "tool_reference", "tool_name": "n", **CACHED}]}), set()),
        (assistant({"type": "fallback", "from": {}, "to": {}}), set()),
        (assistant({"type": "compaction", "content": "Before: a."}), set()),
        (assistant({"type": "compaction", "content": "a", "signature": "s", "encrypted_content": "e"}), set()),
        (assistant({"type": "compaction", "content": None}), set()),
        (assistant({"type": "compaction", "encrypted_content": "e"}), {"messages.content.compaction"}),
        (assistant({"type": "compaction", "content": "a", "tool_changes": [{}]}),
         {"messages.content.compaction.tool_changes"}),
        *((assistant({"type": kind}), {f"messages.content.{kind}"}) for kind in
          ("mcp_tool_use", "mcp_tool_result", "mcp_tool_listing", "advisor_tool_result", "code_execution_tool_result")),
        (system("s", clear_at="never"), set()),
        (system(None, output_config={"effort": "low"}), {"messages.output_config"}),
        (system([{"type": "tool_removal", "tool": {"type": "tool_reference", "name": "n"}}]),
         {"messages.content.tool_removal"}),
        (system([{"type": "tool_addition", "tool": {"type": "tool_definition"}}]), {"messages.content.tool_addition"}),
        # tools
        ({"tools": [{"type": "web_search_20260318", "name": "w", "response_inclusion": "full", "strict": True}]},
         set()),
        ({"tools": [{"type": "web_search_20260318", "name": "w", "response_inclusion": "excluded", "mine": 1}]},
         {"tools.web_search.response_inclusion", "tools.web_search.mine"}),
        ({"tools": [{"name": "n"}], "tool_choice": {"type": "auto", "mine": 1}}, {"tool_choice.mine"}),
    ],
    ids=lambda value: json.dumps(value)[:90] if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_is_lost_of_a_request_is_named(fields: Json, names: set[str]) -> None:
    translation = translate_request(SMALLEST | fields, TARGET)
    assert set(translation.dropped) - {"max_tokens"} == names
    assert translation.unknown == {name for name in names if name.endswith((".mine", ".team", ".format.name"))}


def test_what_a_model_without_reasoning_cannot_do_is_named() -> None:
    fields = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    assert lost(fields, Target("gpt-4o")) == {"thinking", "output_config.effort"}
    assert lost({"thinking": {"type": "disabled"}}, Target("gpt-4o")) == set()


def test_the_names_of_the_callers_own_keys_do_not_grow_without_bound() -> None:
    dropped = translate_request({**SMALLEST, **{f"mine{i}": 1 for i in range(1000)}}, TARGET).dropped
    assert len(dropped) < 20
    assert "unknown" in dropped


def test_stop_sequences_are_handed_on_for_the_answer() -> None:
    assert translate_request({**SMALLEST, "stop_sequences": ["END", "\n\nHuman:"]}, TARGET).stop_sequences == (
        "END", "\n\nHuman:",
    )  # fmt: skip
    assert translate_request(SMALLEST, TARGET).stop_sequences == ()


def test_thinking_that_is_not_to_be_shown_is_not_summarised_but_comes_back() -> None:
    translation = translate_request({**SMALLEST, "thinking": {"type": "adaptive", "display": "omitted"}}, TARGET)
    assert json.loads(translation.payload)["reasoning"] == {"effort": "high"}
    assert translation.reasoning


def test_a_summary_of_what_was_compacted_stands_in_its_place() -> None:
    block = {"type": "compaction", "content": "Before: a."}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Before: a."}]}
    assert sent(assistant(block))["input"][1] == said
    assert sent(user(block))["input"][0]["content"] == [{"type": "input_text", "text": "Before: a."}]


def test_system_text_for_one_turn_is_gone_after_it() -> None:
    answer = {"role": "assistant", "content": "b"}
    now = sent(system("Hurry.", answer, clear_at="next_user_message"))["input"]
    then = sent(system("Hurry.", answer, ASKED, clear_at="next_user_message"))["input"]
    assert [item["role"] for item in now] == ["user", "developer", "assistant"]
    assert [item["role"] for item in then] == ["user", "assistant", "user"]


def test_a_tool_that_is_added_in_mid_conversation_is_offered_from_then_on() -> None:
    tools = [{"name": "n", "defer_loading": True}]
    change = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "n"}, **CACHED}
    payload = sent({**system([change]), "tools": tools})
    assert [tool["name"] for tool in payload["tools"]] == ["n"]
    assert payload["input"][1]["content"] == [{"type": "input_text", "text": "Tool available: n"}]
    assert lost({**system([change]), "tools": tools}) == set()


@pytest.mark.parametrize("kind", ["url", "text"])
def test_the_title_of_a_document_that_has_no_file_name_is_told(kind: str) -> None:
    source = {"url": {"type": "url", "url": "https://a.example/d"}, "text": {"type": "text", "data": "d"}}[kind]
    assert sent(document(source, title="T"))["input"][0]["content"][0] == {"type": "input_text", "text": "T"}


def test_a_structured_output_is_repaired_where_the_upstream_would_refuse_it() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **CLOSED,
              "properties": {"a": {"type": "string", "pattern": "[[:alpha:"}}}  # fmt: skip
    assert sent(formatted(schema))["text"]["format"]["schema"] == CLOSED
    assert "text" not in sent(formatted({"type": "array", "items": {"type": "string"}}))


@pytest.mark.parametrize("key", ["max_tokens", "stream"])
def test_a_request_to_count_is_checked_as_one_to_answer(key: str) -> None:
    check_request({name: value for name, value in SMALLEST.items() if name != key})
    several: list[Json] = [{"messages": []}, {"tools": [{}]}, {"system": 1}, {"model": ""}]
    for spoilt in several:
        with pytest.raises(InvalidRequest):
            check_request(SMALLEST | spoilt)
    with pytest.raises(InvalidRequest, match="must be a JSON object"):
        check_request([])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["", "type", "direct", "tool_reference"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "enabled", "mine"]), inner),
    max_leaves=4,
)
HOLDERS: dict[str, Any] = {
    "request": dict,
    "text": lambda more: user({"type": "text", "text": "t"} | more),
    "document": lambda more: document(**more),
    "tool": lambda more: {"tools": [{"name": "n"} | more]},
    "search tool": lambda more: {"tools": [{"type": "web_search_20250305", "name": "n"} | more]},
    "thinking": lambda more: {"thinking": {"type": "adaptive"} | more},
    "system message": lambda more: system("s", **more),
}


@given(holder=st.sampled_from(sorted(HOLDERS)), value=VALUES)
def test_a_key_that_nobody_knows_is_named_wherever_it_stands(holder: str, value: object) -> None:
    translation = translate_request(SMALLEST | HOLDERS[holder]({"nobody_knows": value}), TARGET)
    named = [name for name in translation.unknown if name.endswith("nobody_knows")]
    assert bool(named) is bool(value)
    assert set(named) <= set(translation.dropped)
