"""Which names of models may be written down: those that are known, and none that is a caller's own text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.config import ConfigSchema, Snapshot
from packy.routing import CATALOGUE, EFFORTS, shown_model

CONFIG: dict[str, Any] = {
    "packycode": {
        "enabled": True,
        "base-url": "https://codex-api.packycode.com/v1",
        "credentials": {"openai-api-key": "sk-of-packycode"},
        "defaults": {"model": "house-special"},
    },
    "aliases": {"quick": "gpt-5-mini(low)", "team-*": "gpt-5"},
    "prices": {"priced-1": {"input": 1, "cached-input": 1, "output": 2}},
    "context-windows": {"wide-1": 1_000_000},
}


def configure(**config: Any) -> Snapshot:
    snapshot = ConfigSchema().load(config)
    assert isinstance(snapshot, Snapshot)
    return snapshot


SNAPSHOT = configure(**CONFIG)
KNOWN = (*CATALOGUE, "house-special", "quick", "opus", "claude-gpt-5", "priced-1", "wide-1")
# Of nobody's catalogue here, and made as their makers make them.
MADE = (
    "claude-sonnet-4-5-20250929", "claude-opus-4-1", "claude-3-5-haiku-20241022", "claude-3-7-sonnet-latest",
    "gpt-4o", "gpt-4o-mini", "gpt-4o-2024-08-06", "gpt-4.1", "gpt-7", "gpt-7.1-codex-mini", "gpt-3.5-turbo-0613",
    "o3", "o4-mini",
)  # fmt: skip


@pytest.mark.parametrize("name", [*KNOWN, *MADE])
def test_known_names_are_shown_as_they_are_written(name: str) -> None:
    for written in (name, f"{name}[1m]", f"{name}-high", f"{name}(low)", f"{name}-high[1m]"):
        assert shown_model(SNAPSHOT, written) == written


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("my-password-is-hunter2", "other"),
        ("gpt-5-my-password-is-hunter2", "other"),
        ("gpt-5-hunter2-high", "other"),
        ("hunter2[1m]", "other"),
        ("gpt-5\n", "other"),
        ("o3-" + "1-" * 40, "other"),
        ("gpt-4111111111111111", "other"),
        ("gpt-4111-1111-1111-1111", "other"),
        ("gpt-41-11-11-11-11-11-11-11", "other"),
        ("claude-hunter2", "claude-*"),
        ("claude-opus-hunter2", "claude-*"),
        ("team-hunter2", "team-*"),
        ("team-hunter2(high)", "team-*"),
        ("team-" + "x" * 300, "other"),
        ("", "other"),
        ("\ud83d", "other"),
    ],
)
def test_what_a_caller_made_up_is_not(name: str, shown: str) -> None:
    assert shown_model(SNAPSHOT, name) == shown


def test_without_any_provider_it_is_the_same() -> None:
    empty = configure()
    assert shown_model(empty, "hunter2") == "other"
    assert shown_model(empty, "claude-hunter2") == "claude-*"
    assert shown_model(empty, "claude-sonnet-4-5") == "claude-sonnet-4-5"


@given(
    st.text(max_size=40),
    st.sampled_from(["", "gpt-5-", "claude-", "team-", "claude-opus-4-"]),
    st.sampled_from(EFFORTS),
)
def test_no_text_gets_through_whatever_stands_around_it(word: str, before: str, effort: str) -> None:
    name = f"{before}hunter{word}-{effort}"
    assert "hunter" not in shown_model(SNAPSHOT, name)
