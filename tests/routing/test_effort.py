"""How hard to think, by what a request says and what its model can."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.config import ConfigSchema, Snapshot
from packy.routing import EFFORTS, clamp_effort, describe_model, requested_effort, resolve

SUBSETS = st.lists(st.sampled_from(EFFORTS), unique=True).map(lambda some: tuple(e for e in EFFORTS if e in some))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(EFFORTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def config(effort: Any) -> dict[str, Any]:
    return {"output_config": {"effort": effort}}


def budget(tokens: Any) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


@pytest.mark.parametrize(
    ("request_body", "effort"),
    [
        *(pytest.param(config(word), word, id=f"effort {word}") for word in EFFORTS),
        pytest.param(config("max"), "xhigh", id="effort max"),
        pytest.param(config("utmost"), None, id="an unknown effort"),
        pytest.param(config(5), None, id="an effort of a wrong type"),
        pytest.param(budget(0), "low", id="no budget"),
        pytest.param(budget(1024), "low", id="budget 1024"),
        pytest.param(budget(1025), "medium", id="budget 1025"),
        pytest.param(budget(8192), "medium", id="budget 8192"),
        pytest.param(budget(8193), "high", id="budget 8193"),
        pytest.param(budget(24576), "high", id="budget 24576"),
        pytest.param(budget(24577), "xhigh", id="budget 24577"),
        pytest.param(budget(10**9), "xhigh", id="a vast budget"),
        pytest.param(budget(None), None, id="enabled without a budget"),
        pytest.param({"thinking": {"type": "disabled"}}, "low", id="disabled"),
        pytest.param({"thinking": {"type": "adaptive"}}, None, id="adaptive"),
        pytest.param({"thinking": {"type": "adaptive", "budget_tokens": 9}}, None, id="adaptive with a budget"),
        pytest.param(config("low") | budget(30000), "low", id="an effort goes before a budget"),
        pytest.param(config("high") | {"thinking": {"type": "disabled"}}, "high", id="an effort goes before disabled"),
        pytest.param(config("utmost") | budget(9), "low", id="an unknown effort goes before nothing"),
        pytest.param({}, None, id="nothing said"),
    ],
)
def test_a_request_asks_for_an_effort(request_body: dict[str, Any], effort: str | None) -> None:
    assert requested_effort(request_body) == effort


@given(st.fixed_dictionaries({}, optional={"output_config": JSON, "thinking": JSON, "model": JSON}))
def test_any_request_asks_for_a_known_effort_or_none(request_body: dict[str, Any]) -> None:
    assert requested_effort(request_body) in {None, *EFFORTS}


@pytest.mark.parametrize(
    ("effort", "available", "clamped"),
    [
        ("minimal", ("low", "medium", "high"), "low"),
        ("xhigh", ("low", "medium", "high"), "high"),
        ("xhigh", ("minimal", "low", "medium", "high"), "high"),
        ("xhigh", ("low", "medium", "high", "xhigh"), "xhigh"),
        ("low", ("high",), "high"),
        ("medium", ("low", "high"), "low"),
        ("high", (), None),
    ],
)
def test_an_effort_is_brought_within_what_the_model_has(
    effort: str, available: tuple[str, ...], clamped: str | None
) -> None:
    assert clamp_effort(effort, available) == clamped


@given(st.sampled_from(EFFORTS), SUBSETS)
def test_no_available_effort_is_nearer_than_the_clamped_one(effort: str, available: tuple[str, ...]) -> None:
    def distance(other: str) -> int:
        return abs(EFFORTS.index(other) - EFFORTS.index(effort))

    clamped = clamp_effort(effort, available)

    assert (clamped is None) == (not available)
    if clamped:
        assert clamped in available
        assert distance(clamped) == min(map(distance, available))


@pytest.mark.parametrize(
    ("model", "request_body", "effort"),
    [
        pytest.param("gpt-5", {}, "medium", id="the configuration's, where nobody says more"),
        pytest.param("gpt-5", config("low"), "low", id="the request's"),
        pytest.param("gpt-5-high", config("low"), "high", id="the suffix goes before the request"),
        pytest.param("gpt-5(high)", config("low"), "high", id="so does the other form"),
        pytest.param("gpt-5-minimal", {}, "minimal", id="minimal where asked for"),
        pytest.param("gpt-5-high[1m]", {}, "high", id="the suffix before [1m]"),
        pytest.param("gpt-5-mini", {}, "medium", id="a model's own name is no suffix"),
        pytest.param("gpt-5", budget(30000), "high", id="xhigh, on a model without"),
        pytest.param("gpt-5.2", budget(30000), "xhigh", id="xhigh, on a model with it"),
        pytest.param("gpt-5.2-minimal", {}, "low", id="minimal, on a model without"),
        pytest.param("gpt-4.1", config("high"), None, id="none, on a model that does not reason"),
        pytest.param("opus", {}, "medium", id="a name of Claude Code's"),
        pytest.param("deep", {}, "high", id="an alias's own"),
        pytest.param("deep", config("low"), "high", id="the alias's goes before the request"),
        pytest.param("deep-low", {}, "low", id="a suffix goes before the alias's"),
        pytest.param("claude-sonnet-4-5-20250929", config("max"), "high", id="a dated name of Claude Code's"),
    ],
)
def test_a_route_asks_for_the_first_effort_that_is_named(
    model: str, request_body: dict[str, Any], effort: str | None
) -> None:
    snapshot = ConfigSchema().load(
        {
            "packycode": {
                "enabled": True,
                "base-url": "https://codex.example/v1",
                "credentials": {"openai-api-key": "sk-made-up"},
                "defaults": {"model": "gpt-5", "model-reasoning-effort": "medium"},
            },
            "aliases": {"deep": {"model": "gpt-5", "effort": "high"}},
        }
    )
    assert isinstance(snapshot, Snapshot)

    route = resolve(snapshot, model, request_body)

    assert route.effort == effort
    assert route.effort is None or route.effort in describe_model(route.model.name).efforts
