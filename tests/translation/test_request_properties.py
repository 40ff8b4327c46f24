"""Any valid Messages request becomes one that the Responses API takes, and nothing of it is lost in silence."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from packy.demo import Settings
from packy.demo.validate import validate
from packy.translation import Target, loads, translate_request
from tests.support.messages_strategies import REQUESTS

if TYPE_CHECKING:
    from packy.translation import Translation

Json = dict[str, Any]

# The contract with Codex-compatible upstreams: what is not in it, some of them refuse.
ALLOWED = {
    "model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "store", "stream",
    "include", "prompt_cache_key", "text", "service_tier",
}  # fmt: skip
SAMPLING = {"max_output_tokens", "temperature", "top_p"}
OPENAI: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)
UPSTREAM = Settings(accept=("temperature", "top_p"))
TARGETS = st.builds(
    Target,
    model=st.just("gpt-5"),
    effort=st.sampled_from([None, "minimal", "high"]),
    cache_key=st.sampled_from([None, "4b4b4b4b-0000-5000-8000-000000000000"]),
    leading_developer_message=st.booleans(),
    parameters=st.frozensets(st.sampled_from(["max_tokens", "temperature", "top_p"])),
)
# Six tests look at such requests: half the examples each.
thorough = settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def translate(request: Json, target: Target) -> tuple[Json, Translation]:
    translation = translate_request(request, target)
    payload: Json = loads(translation.payload)
    return payload, translation


def as_the_types_have_it(payload: Json) -> Json:
    """Give what the model said and did the keys of an answer's items.

    The package's types know it in that form only; the API asks for none of them in a request, and Codex sends none.
    """
    answered = json.loads(json.dumps(payload))
    for item in answered["input"]:
        if item["type"] == "web_search_call":
            item["id"] = "ws_1"
        elif item.get("role") == "assistant":
            item |= {"id": "msg_1", "status": "completed"}
            for part in item["content"]:
                part["annotations"] = []
    return cast("Json", answered)


def whole(value: Any) -> Any:
    """Read what pydantic reads lazily; keys that the types do not know are gone."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, str | int | float | None):
        return value
    return [whole(each) for each in value]


@given(REQUESTS, TARGETS)
@thorough
def test_the_openai_packages_types_know_all_that_is_sent(request: Json, target: Target) -> None:
    payload, _ = translate(request, target)
    expected = as_the_types_have_it(payload)
    assert whole(OPENAI.validate_python(expected)) == expected


@given(REQUESTS, TARGETS)
@thorough
def test_the_upstream_takes_it_and_it_holds_nothing_outside_the_contract(request: Json, target: Target) -> None:
    payload, _ = translate(request, target)
    validate(payload, UPSTREAM)
    assert payload.keys() <= ALLOWED | SAMPLING
    assert payload.keys() & {"temperature", "top_p"} <= target.parameters
    assert (payload["store"], payload["stream"]) == (False, True)
    assert "reasoning.encrypted_content" in payload["include"]
    assert payload.get("prompt_cache_key") == target.cache_key


@given(REQUESTS, TARGETS)
@thorough
def test_each_tool_has_a_name_of_its_own_and_each_call_its_output(request: Json, target: Target) -> None:
    payload, translation = translate(request, target)
    names = [tool["name"] for tool in payload.get("tools", ()) if "name" in tool]
    calls = [item for item in payload["input"] if item.get("type") == "function_call"]
    outputs = [item["call_id"] for item in payload["input"] if item.get("type") == "function_call_output"]
    assert len(set(names)) == len(names)
    for name in {*names, *(call["name"] for call in calls)}:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
    assert sorted(call["call_id"] for call in calls) == sorted(set(outputs)) == sorted(outputs)
    used = [
        block["name"] for message in request["messages"] if message["role"] == "assistant"
        for block in message["content"] if block["type"] == "tool_use"
    ]  # fmt: skip
    assert [translation.names.downstream(call["name"]) for call in calls] == used


# What a field holds that asks for nothing but what happens anyway.
NOTHING = {
    "speed": ("standard",),
    "service_tier": ("standard_only", "auto"),
    "tool_choice": ({"type": "auto"}, {"type": "auto", "disable_parallel_tool_use": False}),
    "thinking": ({"type": "disabled"},),
    "fallbacks": (),
}
# No request of one caller differs from another's by these: docs/fidelity.md says why.
NO_EFFECT = {"cache_control", "metadata", "stream"}


def is_idle(key: str, value: Any, request: Json, payload: Json) -> bool:
    """Tell whether the request would be answered alike without this."""
    if key == "tools":
        # A choice among no tools is refused; and a deferred tool is not offered until it is asked for.
        return "tool_choice" in request or all(tool.get("defer_loading") for tool in value)
    if key == "system":
        return isinstance(value, list) and not any(block["text"] for block in value)
    if key == "thinking" and value.get("display") == "omitted":
        return True  # blocks without text: their reasoning is asked for anyway
    if key == "output_config":
        return not any(held for name, held in value.items() if name != "effort")  # the target has it
    return key == "tool_choice" and "tools" not in payload


@given(REQUESTS, TARGETS)
@thorough
def test_a_field_shows_in_the_request_or_is_named_as_dropped(request: Json, target: Target) -> None:
    payload, translation = translate(request, target)
    for key in request.keys() - {"model", "max_tokens", "messages"} - NO_EFFECT:
        value = request[key]
        without = {other: each for other, each in request.items() if other != key}
        if not value or value in NOTHING.get(key, ()) or is_idle(key, value, request, payload):
            continue
        named = any(name == key or name.startswith((f"{key}.", f"{key}[")) for name in translation.dropped)
        if named or (key == "stop_sequences" and set(translation.stop_sequences) == set(value)):
            continue
        other, _ = translate(without, target)
        assert payload != other, f"{key} is lost"


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [
            text
            for key, each in value.items()
            for text in ([each] if key in {"text", "output"} and isinstance(each, str) else texts(each))
        ]
    return [text for each in value for text in texts(each)] if isinstance(value, list) else []


@given(REQUESTS, TARGETS)
@thorough
def test_every_word_that_was_said_is_sent_in_its_order(request: Json, target: Target) -> None:
    payload, _ = translate(request, target)
    said = []
    for message in request["messages"]:
        if message.get("clear_at") == "next_user_message":
            continue
        content = message.get("content", "")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        said += [block["text"] for block in blocks if block["type"] == "text" and block["text"]]
    sent = iter(texts(payload["input"]))
    for text in said:
        assert any(text == each for each in sent), "a text is missing, or out of its order"


@given(REQUESTS, TARGETS)
@thorough
def test_the_same_request_is_the_same_bytes_and_is_not_changed(request: Json, target: Target) -> None:
    before = json.dumps(request)
    first, second = translate_request(request, target), translate_request(json.loads(before), target)
    assert first.payload == second.payload
    assert first.dropped == second.dropped
    assert json.dumps(request) == before


@pytest.mark.parametrize("count", [200])
def test_a_long_conversation_with_many_tools_is_taken(count: int) -> None:
    tools = [{"name": f"mcp__server__{'x' * 60}{n}", "input_schema": {"type": "object"}} for n in range(count)]
    messages: list[Json] = [{"role": "user", "content": "begin"}]
    for n in range(count):
        use = {"type": "tool_use", "id": f"toolu_{'y' * 70}{n}", "name": tools[n]["name"], "input": {"n": n}}
        messages.append({"role": "assistant", "content": [use]})
        messages.append(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use["id"], "content": "ok"}]}
        )
    request = {"model": "m", "max_tokens": 1, "tools": tools, "messages": messages}
    validate(translate(request, Target("gpt-5"))[0], UPSTREAM)
