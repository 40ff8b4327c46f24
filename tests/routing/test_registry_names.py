"""What a model name leads to: aliases, patterns, suffixes, and which of them goes first."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.config import ConfigSchema, Snapshot
from packy.routing import EFFORTS, registry_of, resolve

Json = dict[str, Any]

PROVIDERS: Json = {
    "codex-api-key": [
        {
            "base-url": "https://listed.test/v1",
            "api-key": "sk-of-listed",
            "models": ["claude-relayed", "team-high", "gpt-5-codex", "o3"],
        },
        {"base-url": "https://any.test/v1", "api-key": "sk-of-any"},
    ]
}
PLAIN: Json = {}
OWN: Json = {
    "aliases": {
        "fast": {"model": "gpt-5-mini", "effort": "low"},
        "fast-high": "gpt-5-nano",
        "haiku": {"effort": "minimal"},
        "deep": "gpt-5.2-xhigh",
        "deeper": {"model": "gpt-5.2(xhigh)", "effort": "medium"},
        "claude-gpt-5": "o3",
        "team": "team-high",
        "quick-*": "gpt-5-nano",
        "gpt-5-c*": "gpt-5.1",
        "gpt-5.1*": "gpt-5.2",
        "claude-opus-*": {"model": "gpt-5.1", "effort": "high"},
        "claude-*-mini": "gpt-5-mini",
    }
}
GREEDY: Json = {"aliases": {"gpt-5-*": "o3"}}
TWINS: Json = {"codex-api-key": [{**PROVIDERS["codex-api-key"][0], "models": ["o3", "claude-o3"]}]}


def configure(config: Json) -> Snapshot:
    snapshot = ConfigSchema().load({**PROVIDERS, **config})
    assert isinstance(snapshot, Snapshot)
    return snapshot


@pytest.mark.parametrize(
    ("config", "name", "target"),
    [
        # Names of models
        pytest.param(PLAIN, "gpt-5", "gpt-5", id="a model"),
        pytest.param(PLAIN, "gpt-5-mini", "gpt-5-mini", id="a model, although it looks like one with a suffix"),
        pytest.param(PLAIN, "gpt-5.1-codex-max", "gpt-5.1-codex-max", id="max is no effort word of the upstream"),
        pytest.param(PLAIN, "gpt-9-ultra", "gpt-9-ultra", id="an unknown name goes upstream as it is"),
        pytest.param(PLAIN, "GPT-5", "GPT-5", id="names are case-sensitive"),
        # Suffixes
        pytest.param(PLAIN, "gpt-5-high", "gpt-5(high)", id="a dash and an effort"),
        pytest.param(PLAIN, "gpt-5(high)", "gpt-5(high)", id="an effort in parentheses"),
        pytest.param(PLAIN, "gpt-5.2-xhigh", "gpt-5.2(xhigh)", id="xhigh is not high behind an x"),
        pytest.param(PLAIN, "gpt-9-ultra-low", "gpt-9-ultra(low)", id="behind an unknown name too"),
        pytest.param(PLAIN, "gpt-5-mini(minimal)", "gpt-5-mini(minimal)", id="behind a variant"),
        pytest.param(PLAIN, "gpt-5(turbo)", "gpt-5(turbo)", id="an unknown word is none"),
        pytest.param(PLAIN, "gpt-5-high-low", "gpt-5-high(low)", id="one suffix only"),
        pytest.param(PLAIN, "team-high", "team-high", id="a listed model may end in an effort word"),
        pytest.param(PLAIN, "team-high-low", "team-high(low)", id="and take an effort all the same"),
        # The mark for long contexts
        pytest.param(PLAIN, "gpt-5[1m]", "gpt-5", id="1m is stripped"),
        pytest.param(PLAIN, "gpt-5-high[1m]", "gpt-5(high)", id="1m is stripped behind a suffix"),
        pytest.param(PLAIN, "opus[1m]", "gpt-5", id="1m is stripped behind an alias"),
        # Default aliases
        pytest.param(PLAIN, "opus", "gpt-5", id="opus"),
        pytest.param(PLAIN, "sonnet-low", "gpt-5(low)", id="an alias takes a suffix"),
        pytest.param(PLAIN, "claude-opus-4-8", "gpt-5", id="any claude"),
        pytest.param(PLAIN, "claude-haiku-4-5-20251001(low)", "gpt-5(low)", id="any claude takes a suffix"),
        pytest.param(PLAIN, "claude-relayed", "claude-relayed", id="a listed model goes before a pattern"),
        # Claude Code's picker
        pytest.param(PLAIN, "claude-gpt-5-nano", "gpt-5-nano", id="a name from the picker"),
        pytest.param(PLAIN, "claude-gpt-5-nano-low", "gpt-5-nano(low)", id="a name from the picker takes a suffix"),
        pytest.param(PLAIN, "claude-o3", "o3", id="a listed model's name in the picker"),
        pytest.param(OWN, "claude-gpt-5-mini", "gpt-5-mini", id="the picker's goes before a pattern"),
        pytest.param(OWN, "claude-gpt-5", "o3", id="an own alias goes before the picker's"),
        pytest.param(TWINS, "claude-o3", "claude-o3", id="a listed model goes before the picker's"),
        # Own aliases
        pytest.param(OWN, "fast", "gpt-5-mini(low)", id="an alias with an effort"),
        pytest.param(OWN, "fast-medium", "gpt-5-mini(medium)", id="a suffix goes before the alias's effort"),
        pytest.param(OWN, "fast-high", "gpt-5-nano", id="an exact alias goes before a suffix"),
        pytest.param(OWN, "haiku", "gpt-5(minimal)", id="an alias with an effort only"),
        pytest.param(OWN, "deep", "gpt-5.2(xhigh)", id="an alias to a model with a suffix"),
        pytest.param(OWN, "deeper", "gpt-5.2(medium)", id="the alias's effort goes before that suffix"),
        pytest.param(OWN, "deep-low", "gpt-5.2(low)", id="the name's suffix goes before that suffix"),
        pytest.param(OWN, "team", "team-high", id="an alias to a listed model that ends in an effort word"),
        # Own patterns
        pytest.param(OWN, "claude-opus-4-8", "gpt-5.1(high)", id="a pattern goes before the default one"),
        pytest.param(OWN, "claude-opus-mini", "gpt-5.1(high)", id="the first pattern that fits"),
        pytest.param(OWN, "claude-sonnet-mini", "gpt-5-mini", id="the second pattern"),
        pytest.param(OWN, "claude-sonnet-5", "gpt-5", id="no pattern but the default one"),
        pytest.param(OWN, "gpt-5.1-codex", "gpt-5.2", id="a pattern covers models of the catalogue"),
        pytest.param(OWN, "gpt-5-codex", "gpt-5-codex", id="but not listed ones"),
        pytest.param(OWN, "gpt-5-codex-mini", "gpt-5.1", id="and leads no further"),
        pytest.param(OWN, "quick-thing", "gpt-5-nano", id="a pattern"),
        pytest.param(GREEDY, "gpt-5-mini", "o3", id="a pattern that covers variants"),
        pytest.param(GREEDY, "gpt-5-high", "gpt-5(high)", id="does not cover efforts"),
        pytest.param(OWN, "quick-high", "gpt-5-nano", id="a pattern that the suffix is part of"),
        pytest.param(OWN, "quick-thing-high", "gpt-5-nano(high)", id="a pattern and a suffix"),
    ],
)
def test_a_name_leads_to_one_model(config: Json, name: str, target: str) -> None:
    assert str(registry_of(configure(config)).names.read(name)) == target


@pytest.mark.parametrize(
    ("name", "request_body", "effort"),
    [
        pytest.param("gpt-5-low", {"output_config": {"effort": "medium"}}, "low", id="the name"),
        pytest.param("fast", {"output_config": {"effort": "medium"}}, "low", id="the alias"),
        pytest.param("gpt-5", {"output_config": {"effort": "medium"}}, "medium", id="the request"),
        pytest.param("gpt-5", {}, "high", id="the configured default"),
        pytest.param("gpt-5-xhigh", {}, "high", id="clamped to what the model has"),
        pytest.param("gpt-5.2-minimal", {}, "low", id="clamped from below"),
        pytest.param("gpt-4.1-high", {}, None, id="none for a model that does not reason"),
    ],
)
def test_an_effort_is_taken_from_the_nearest_that_names_one(name: str, request_body: Json, effort: str | None) -> None:
    assert resolve(configure(OWN), name, request_body).effort == effort


@given(st.text(), st.sampled_from(EFFORTS), st.sampled_from(["{}-{}", "{}({})"]))
def test_any_name_with_an_effort_behind_it_asks_for_that_effort(name: str, effort: str, form: str) -> None:
    names = registry_of(configure(PLAIN)).names
    written = form.format(name, effort)
    # Nothing before the suffix is no name.
    if name and len(written) <= 200 and written not in names.models:
        assert names.read(written).effort == effort


@given(st.text(st.sampled_from("claude-gpt5.highlow()[1m]*"), max_size=30))
def test_every_name_can_be_read_and_what_it_leads_to_is_the_same_every_time(name: str) -> None:
    names = registry_of(configure(OWN)).names
    assert names.read(name) == names.read(name)
    assert len(names.read(name).model) <= max(len(name), *map(len, names.models))


@given(st.sampled_from(("gpt-5", "o3", "team-high", "house-model")), st.sampled_from(EFFORTS))
def test_an_alias_is_what_it_stands_for(model: str, effort: str) -> None:
    snapshot = configure({"aliases": {"mine": {"model": model, "effort": effort}}})
    assert resolve(snapshot, "mine", {}) == resolve(snapshot, f"{model}({effort})", {})


@pytest.mark.parametrize(
    ("pattern", "fits", "misses"),
    [
        ("a*", ["a", "ab", "a\nb", "a*"], ["b", "ba", "A"]),
        ("*a", ["a", "ba"], ["ab"]),
        ("a*c*e", ["ace", "abcde", "a*c*e", "acce"], ["ae", "aec", "acef"]),
        ("a.b*", ["a.bc"], ["axbc"]),
        ("a?[bc]*", ["a?[bc]", "a?[bc]d"], ["axb", "a?b"]),
        ("[!a]*", ["[!a]"], ["b"]),
        ("*", ["", "gpt-9", "x" * 200], []),
    ],
)
def test_only_the_star_of_a_pattern_is_special(pattern: str, fits: list[str], misses: list[str]) -> None:
    names = registry_of(configure({"aliases": {pattern: "met"}})).names
    assert [name for name in (*fits, *misses) if names.read(name).model == "met"] == fits


@pytest.mark.parametrize("name", ["a" * 200, "a" * 10_000_000], ids=["as long as a name may be", "longer"])
def test_no_name_takes_long_to_read(name: str) -> None:
    patterns = ["*a*a*a*a*a*a*b", *(f"*{i}*" for i in range(30))]
    names = registry_of(configure({"aliases": dict.fromkeys(patterns, "gpt-5")})).names
    began = time.perf_counter()
    assert names.read(name).model == name
    assert time.perf_counter() - began < 0.5
