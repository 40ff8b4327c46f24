"""What a provider is known not to take is left out, and what the caller loses by it is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from packy.demo.validate import PARAMETERS
from packy.translation import OMITTABLE, Target, translate_request

Json = dict[str, Any]

SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
FULL: Json = {
    "model": "m",
    "max_tokens": 64,
    "temperature": 0.5,
    "top_p": 0.5,
    "system": "Be brief.",
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
    "speed": "fast",
    "tools": [{"name": "n"}, {"type": "web_search_20250305", "name": "web_search"}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "messages": [{"role": "user", "content": "Hi"}],
}
PLAIN: Json = {key: FULL[key] for key in ("model", "max_tokens", "system", "tools", "messages")}
LOST = {
    "max_output_tokens": {"max_tokens"},
    "temperature": {"temperature"},
    "top_p": {"top_p"},
    "service_tier": {"speed"},
    "text": {"output_config.format"},
    "tool_choice": {"tool_choice"},
    "parallel_tool_calls": {"tool_choice.disable_parallel_tool_use"},
    "reasoning": {"thinking", "output_config.effort"},
    "reasoning.effort": {"output_config.effort"},
    "reasoning.summary": {"thinking"},
}


def target(*omit: str) -> Target:
    taken = frozenset({"max_tokens", "temperature", "top_p"})
    return Target("gpt-5", effort="high", cache_key="k", parameters=taken, omit=frozenset(omit))


def payload(request: Json, *omit: str) -> Json:
    sent: Json = json.loads(translate_request(request, target(*omit)).payload)
    return sent


def lost(request: Json, *omit: str) -> set[str]:
    return set(translate_request(request, target(*omit)).dropped)


def test_nothing_is_lost_where_the_provider_takes_everything() -> None:
    assert lost(FULL) == lost(PLAIN) == set()


@pytest.mark.parametrize("name", [name for name in OMITTABLE if "." not in name and name != "instructions"])
def test_a_parameter_is_left_out_and_its_loss_is_named(name: str) -> None:
    whole = payload(FULL)
    assert name in PARAMETERS
    assert payload(FULL, name) == {key: value for key, value in whole.items() if key != name}
    assert list(payload(FULL, name)) == [key for key in whole if key != name]
    assert lost(FULL, name) == LOST.get(name, set())


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("reasoning.effort", {"summary": "auto"}),
        ("reasoning.summary", {"effort": "high"}),
        ("include.web_search_call.action.sources", ["reasoning.encrypted_content"]),
    ],
)
def test_a_part_of_a_parameter_is_left_out(name: str, part: object) -> None:
    assert payload(FULL, name) == payload(FULL) | {name.partition(".")[0]: part}
    assert lost(FULL, name) == LOST.get(name, set())


def test_a_parameter_of_which_nothing_is_left_is_left_out() -> None:
    assert "reasoning" not in payload(FULL, "reasoning.effort", "reasoning.summary")


def test_what_happens_anyway_is_not_lost_with_its_parameter() -> None:
    usual = FULL | {"temperature": 1, "top_p": 1}
    assert lost(usual, "temperature", "top_p") == set()


def test_instructions_become_a_developer_message() -> None:
    developer, _ = payload(FULL, "instructions")["input"]
    assert developer == {
        "type": "message",
        "role": "developer",
        "content": [{"type": "input_text", "text": "Be brief."}],
    }
    assert "instructions" not in payload(FULL, "instructions")
    assert lost(FULL, "instructions") == set()


@pytest.mark.parametrize("name", [name for name in OMITTABLE if name != "max_output_tokens"])
def test_what_the_caller_never_asked_for_is_not_named(name: str) -> None:
    assert lost(PLAIN, name) == set()


@pytest.mark.parametrize(
    ("name", "fields", "names"),
    [
        ("service_tier", {"service_tier": "standard_only"}, {"service_tier"}),
        ("text", {"output_format": {"type": "json_schema", "schema": SCHEMA}}, {"output_format"}),
        ("reasoning.effort", {"thinking": {"type": "disabled"}}, {"thinking"}),
        ("reasoning.effort", {"thinking": {"type": "adaptive"}}, set()),
        ("reasoning", {"thinking": {"type": "disabled"}}, {"thinking"}),
        ("tool_choice", {"tool_choice": {"type": "auto"}}, set()),
        ("tool_choice", {"tool_choice": {"type": "none"}}, {"tool_choice"}),
    ],
)
def test_the_loss_has_the_name_by_which_it_was_asked_for(name: str, fields: Json, names: set[str]) -> None:
    assert lost(PLAIN | fields, name) == names


@pytest.mark.parametrize("name", ["store", "stream", "model", "input", "tools", "nonsense", "input.0", "tools.name"])
def test_nothing_else_can_be_left_out(name: str) -> None:
    assert name not in OMITTABLE
    assert payload(FULL, name) == payload(FULL)


def test_every_omission_at_once_leaves_what_is_never_left_out() -> None:
    assert set(payload(FULL, *OMITTABLE)) == {"model", "tools", "store", "stream", "input"}
