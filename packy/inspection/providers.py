"""The providers that a configuration amounts to: which work, rest or are disabled, and where their keys stand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packy.inspection.places import KEY, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packy.config import Provider, Snapshot

__all__ = ["ProviderState", "key_place", "probe_model", "provider_states"]


@dataclass(frozen=True, slots=True)
class ProviderState:
    """One provider.

    Attributes:
        name: its name.
        kind: `packycode` or `codex-api-key`.
        state: `in use`; `resting` while Packycode is enabled; `disabled` by hand.
        base_url: where it is; None where Packycode is disabled and has none.
        models: the models it is limited to; empty for any.
        id: its stable id; None while it is disabled.
    """

    name: str
    kind: Literal["packycode", "codex-api-key"]
    state: Literal["in use", "resting", "disabled"]
    base_url: str | None
    models: tuple[str, ...] = ()
    id: str | None = None


def provider_states(snapshot: Snapshot) -> list[ProviderState]:
    """List all configured providers: Packycode, then the entries of `codex-api-key` in their order."""
    packycode = snapshot.packycode
    states = [] if packycode.enabled else [ProviderState("packycode", "packycode", "disabled", packycode.base_url)]
    states += [_state(each, "in use") for each in snapshot.providers]
    states += [_state(each, "resting") for each in snapshot.resting]
    disabled = (each for each in snapshot.codex_api_keys if not each.enabled)
    states += [ProviderState(e.name, "codex-api-key", "disabled", e.base_url, e.models) for e in disabled]
    order = ["packycode", *(each.name for each in snapshot.codex_api_keys)]
    return sorted(states, key=lambda state: order.index(state.name))


def _state(provider: Provider, state: Literal["in use", "resting"]) -> ProviderState:
    return ProviderState(provider.name, provider.kind, state, provider.base_url, provider.models, provider.id)


def probe_model(snapshot: Snapshot, provider: Provider) -> str:
    """Choose the model to ask a provider for: the default one, or the first that it is limited to."""
    default = snapshot.packycode.defaults.model
    return default if not provider.models or default in provider.models else provider.models[0]


def key_place(snapshot: Snapshot, provider: Provider, environ: Mapping[str, str] | None = None) -> str:
    """Name the place of a provider's key, so that it can be repaired there.

    Args:
        snapshot: the configuration.
        provider: one of its providers.
        environ: where the Codex CLI's files are looked for; the process's own where not given.
    """
    file = snapshot.sources.config_file or "config.yaml"
    if provider.kind != "packycode":
        return f"the api-key of codex-api-key entry {provider.name} in {file}"
    place = place_of(snapshot, KEY, os.environ if environ is None else environ)
    if place is None:
        return f"packycode.credentials.openai-api-key in {file}"
    return f"the {place}" if place.startswith("environment variable ") else place
