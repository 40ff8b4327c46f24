"""The registry: models by provider, and what follows from a snapshot and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.config import ConfigSchema, Snapshot
from packy.errors import NotFound
from packy.routing import (
    CATALOGUE,
    EFFORTS,
    NoProvider,
    describe_model,
    packycode_models,
    registry_of,
    resolve,
)

if TYPE_CHECKING:
    from packy.routing import Registry

Json = dict[str, Any]

PACKYCODE: Json = {
    "enabled": True,
    "base-url": "https://codex-api.packycode.com/v1",
    "credentials": {"openai-api-key": "sk-of-packycode"},
}
ANY: Json = {"name": "any", "base-url": "https://any.test/v1", "api-key": "sk-of-any"}
FEW: Json = {"name": "few", "base-url": "https://few.test/v1", "api-key": "sk-of-few", "models": ["o3", "gpt-4.1"]}


def configure(**config: Any) -> Snapshot:
    snapshot = ConfigSchema().load(config)
    assert isinstance(snapshot, Snapshot)
    return snapshot


def models(registry: Registry) -> dict[str, list[str]]:
    return {each.provider.name: [model.name for model in each.models] for each in registry.registrations}


def test_packycode_registers_the_models_of_codex_compatible_upstreams() -> None:
    found = {model.name for model in packycode_models(configure(packycode=PACKYCODE))}
    assert found >= {
        "gpt-5",
        "gpt-5-mini",
        "gpt-5-nano",
        "gpt-5-codex",
        "gpt-5-codex-mini",
        "gpt-5.1",
        "gpt-5.1-codex",
        "gpt-5.1-codex-mini",
        "gpt-5.1-codex-max",
        "gpt-5.2",
        "gpt-5.2-codex",
        "codex-mini-latest",
    }
    assert found == set(CATALOGUE)


@pytest.mark.parametrize(
    ("config", "registered"),
    [
        pytest.param({}, {}, id="nothing configured"),
        pytest.param({"packycode": {**PACKYCODE, "enabled": False}}, {}, id="packycode disabled"),
        pytest.param({"packycode": PACKYCODE, "codex-api-key": [FEW]}, {"packycode": len(CATALOGUE)}, id="others rest"),
        pytest.param({"codex-api-key": [FEW]}, {"few": 2}, id="a provider that lists its models"),
        pytest.param({"codex-api-key": [ANY, FEW]}, {"any": len(CATALOGUE), "few": 2}, id="and one that does not"),
        pytest.param({"codex-api-key": [{**ANY, "enabled": False}]}, {}, id="disabled by hand"),
    ],
)
def test_models_are_registered_for_the_providers_in_use(config: Json, registered: dict[str, int]) -> None:
    snapshot = configure(**config)
    assert {name: len(found) for name, found in models(registry_of(snapshot)).items()} == registered
    assert bool(packycode_models(snapshot)) == ("packycode" in registered)


def test_equal_configurations_register_the_same_models_under_the_same_client_ids() -> None:
    first, second = (registry_of(configure(packycode=PACKYCODE)) for _ in range(2))
    assert first == second
    (registration,) = first.registrations
    assert registration.client_id == configure(packycode=PACKYCODE).providers[0].id
    assert len(registration.models) == len({model.name for model in registration.models})


def test_another_key_registers_under_another_client_id() -> None:
    other = {**PACKYCODE, "credentials": {"openai-api-key": "sk-another-one"}}
    ids = {registry_of(configure(packycode=each)).registrations[0].client_id for each in (PACKYCODE, other)}
    assert len(ids) == 2


def test_a_snapshot_is_registered_once() -> None:
    snapshot = configure(packycode=PACKYCODE)
    assert registry_of(snapshot) is registry_of(snapshot)


def test_each_of_many_snapshots_has_its_own_registry() -> None:
    # More than are kept, and disabled in turns: an address that is used again must not bring back an old registry.
    for round_ in range(20):
        enabled = round_ % 2 == 0
        assert bool(packycode_models(configure(packycode={**PACKYCODE, "enabled": enabled}))) is enabled


@pytest.mark.parametrize(
    ("defaults", "first"),
    [("gpt-5", "gpt-5"), ("gpt-5.2-codex", "gpt-5.2-codex"), ("gpt-5-high", "gpt-5"), ("house-model", "house-model")],
)
def test_the_default_model_comes_first_and_the_others_newest_first(defaults: str, first: str) -> None:
    (registration,) = registry_of(configure(packycode={**PACKYCODE, "defaults": {"model": defaults}})).registrations
    head, *tail = registration.models
    assert head.name == first
    assert [model.released for model in tail] == sorted((model.released for model in tail), reverse=True)


def test_what_an_alias_leads_to_is_registered_where_any_model_is_taken() -> None:
    aliases = {"fast": "house-model", "sharp": "house-model-high"}
    registered = models(registry_of(configure(**{"codex-api-key": [ANY, FEW]}, aliases=aliases)))
    assert "house-model" in registered["any"]
    assert registered["few"] == ["o3", "gpt-4.1"]
    assert not any(name.endswith("-high") for name in registered["any"])


def test_a_list_shows_models_then_exact_aliases_and_on_request_names_for_claude_codes_picker() -> None:
    aliases = {"claude-fast": {"model": "gpt-5-mini", "effort": "low"}, "claude-opus-*": "gpt-5-codex"}
    registry = registry_of(configure(packycode=PACKYCODE, aliases=aliases))
    plain = [entry.id for entry in registry.entries()]
    assert plain == [*registry.models, "claude-fast", "opus", "sonnet", "haiku"]
    picks = {entry.id: entry.label for entry in registry.entries(picks=True)}
    assert list(picks) == [*plain, *(f"claude-{name}" for name in registry.models)]
    assert picks["claude-gpt-5.1-codex-max"] == "gpt-5.1-codex-max"
    assert picks["claude-fast"] == "claude-fast → gpt-5-mini(low)"
    assert not any(name.endswith(EFFORTS) for name in picks), "a model takes its efforts without being listed for each"


def test_a_list_leaves_out_aliases_that_no_provider_can_serve() -> None:
    registry = registry_of(configure(**{"codex-api-key": [FEW]}, aliases={"think": "o3", "lost": "gpt-5"}))
    assert [entry.id for entry in registry.entries()] == ["o3", "gpt-4.1", "think"]


def test_a_model_that_the_picker_would_take_anyway_has_no_second_name() -> None:
    provider = {**FEW, "models": ["claude-relayed", "Anthropic.relayed", "o3"]}
    registry = registry_of(configure(**{"codex-api-key": [provider]}, aliases={"claude-*": "o3"}))
    listed = [entry.id for entry in registry.entries(picks=True)]
    assert listed == ["claude-relayed", "Anthropic.relayed", "o3", "claude-o3"]


@pytest.mark.parametrize(
    "name",
    [
        "gpt-5",
        "gpt-5-high",
        "gpt-5-xhigh",
        "gpt-5(minimal)",
        "claude-gpt-5",
        "claude-gpt-5-low",
        "opus",
        "claude-opus-9",
        "gpt-5[1m]",
    ],
)
def test_what_is_found_by_a_name_is_what_requests_with_it_get(name: str) -> None:
    snapshot = configure(packycode=PACKYCODE)
    entry, route = registry_of(snapshot).find(name), resolve(snapshot, name, {})
    assert entry is not None
    assert (entry.id, entry.model, entry.provider) == (name, route.model, route.provider)
    assert entry.effort in (None, route.effort)


@pytest.mark.parametrize("name", ["gpt-7", "gpt-5-turbo", "", "-high", "(high)", "x" * 10_000, "gpt-5-high-low"])
def test_a_name_that_nothing_knows_is_not_found_but_goes_upstream_as_it_is(name: str) -> None:
    snapshot = configure(packycode=PACKYCODE)
    assert registry_of(snapshot).find(name) is None
    sent = {"gpt-5-high-low": "gpt-5-high"}.get(name, name)
    assert resolve(snapshot, name, {}).model.name == sent


def test_the_first_provider_that_takes_a_model_gets_it() -> None:
    snapshot = configure(**{"codex-api-key": [FEW, ANY]})
    assert resolve(snapshot, "o3", {}).provider.name == "few"
    assert resolve(snapshot, "gpt-5", {}).provider.name == "any"


def test_a_model_that_no_provider_lists_is_refused_with_those_that_are_listed() -> None:
    with pytest.raises(NotFound, match=r"Known models: o3, gpt-4\.1\. .*aliases"):
        resolve(configure(**{"codex-api-key": [FEW]}), "gpt-5", {})


def test_without_a_provider_nothing_is_registered_and_requests_are_told_how_to_enable_one() -> None:
    snapshot = configure()
    assert list(registry_of(snapshot).entries(picks=True)) == []
    with pytest.raises(NoProvider, match="PACKYCODE_API_KEY"):
        resolve(snapshot, "gpt-5", {})


@pytest.mark.parametrize(
    ("name", "efforts", "window"),
    [
        ("gpt-5", ("minimal", "low", "medium", "high"), 272_000),
        ("gpt-5-2025-08-07", ("minimal", "low", "medium", "high"), 272_000),
        ("gpt-5-codex-mini", ("low", "medium", "high"), 272_000),
        ("gpt-5.1-codex-max", ("low", "medium", "high", "xhigh"), 272_000),
        ("gpt-5.1", ("low", "medium", "high"), 272_000),
        ("gpt-5.10", ("low", "medium", "high", "xhigh"), 272_000),
        ("gpt-5.2", ("low", "medium", "high", "xhigh"), 272_000),
        ("gpt-5-pro", ("high",), 272_000),
        ("gpt-5.2-pro", ("medium", "high", "xhigh"), 272_000),
        ("gpt-5.3-codex-spark", ("low", "medium", "high", "xhigh"), 128_000),
        ("gpt-5-chat-latest", (), 128_000),
        ("codex-mini-latest", ("low", "medium", "high"), 200_000),
        ("gpt-4.1", (), 1_047_576),
        ("house-model", ("low", "medium", "high"), 272_000),
    ],
)
def test_a_model_is_described_by_its_family(name: str, efforts: tuple[str, ...], window: int) -> None:
    model = describe_model(name)
    assert (model.efforts, model.context_window) == (efforts, window)


def test_a_configured_context_window_goes_before_the_known_one() -> None:
    windows = {"gpt-5": 400_000}
    assert describe_model("gpt-5", windows).context_window == 400_000
    assert describe_model("gpt-5").context_window == 272_000
    assert describe_model("gpt-5-mini", windows).context_window == 272_000


def test_configured_context_windows_are_those_of_the_registry() -> None:
    snapshot = configure(packycode=PACKYCODE, **{"context-windows": {"gpt-5": 400_000, "house-model": 64_000}})
    windows = {model.name: model.context_window for model in packycode_models(snapshot)}
    assert (windows["gpt-5"], windows["gpt-5-mini"]) == (400_000, 272_000)
    assert resolve(snapshot, "house-model", {}).model.context_window == 64_000


def test_release_dates_are_told_where_they_are_known() -> None:
    assert describe_model("gpt-5").released.isoformat() == "2025-08-07T00:00:00+00:00"
    assert describe_model("house-model").released.timestamp() == 0
