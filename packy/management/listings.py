"""What `GET /providers` and `GET /models` show."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from packy.errors import ManagementError
from packy.inspection import provider_states
from packy.routing import registry_of, snapshot_key

if TYPE_CHECKING:
    from packy.config import Problem, Secret, Snapshot, SnapshotStore
    from packy.inspection import ProviderState
    from packy.routing import Cooldowns, LearnedParameters, Registration, Registry

__all__ = ["models_document", "providers_document"]

_PACKYCODE_KEY = "credentials.openai-api-key"


def providers_document(
    snapshot: Snapshot, store: SnapshotStore, cooldowns: Cooldowns, learned: LearnedParameters
) -> dict[str, Any]:
    """List the providers: in use, put to rest by Packycode, disabled by hand; and how the configuration is.

    Args:
        snapshot: the configuration.
        store: where it comes from.
        cooldowns: what is passed over at present.
        learned: what the providers have turned out not to take.

    Returns:
        `providers`, and `config` with `problems`: why the files as they are now are not in force.
    """
    return {
        "providers": [
            {
                **_provider(each, snapshot),
                "cooldowns": [
                    {"model": model, "seconds": math.ceil(seconds)}
                    for model, seconds in cooldowns.listed(each.id or "")
                ],
                "refused-parameters": list(learned.listed(each.id or "", snapshot_key(snapshot))),
            }
            for each in provider_states(snapshot)
        ],
        "config": {
            "file": str(snapshot.sources.config_file or ""),
            "valid": not store.problems,
            "loaded-at": datetime.fromtimestamp(store.loaded_at, UTC).isoformat(timespec="milliseconds"),
            "problems": [_problem(each) for each in store.problems],
            "warnings": [_problem(each) for each in snapshot.warnings],
        },
    }


def models_document(snapshot: Snapshot, provider: str | None) -> dict[str, Any]:
    """List the registered models.

    Args:
        snapshot: the configuration.
        provider: id or name of the provider whose models to list; None for all in use.

    Returns:
        `models`; none for a provider that is not in use.

    Raises:
        ManagementError: 404; no such provider.
    """
    if provider is not None and not any(provider in {each.name, each.id} for each in provider_states(snapshot)):
        text = "there is no such provider; GET /v0/management/providers lists them"
        raise ManagementError(404, "not_found", text)
    registry = registry_of(snapshot)
    return {
        "models": [
            model
            for each in registry.registrations
            if provider is None or provider in {each.provider.name, each.provider.id}
            for model in _models(each, registry)
        ]
    }


def _provider(state: ProviderState, snapshot: Snapshot) -> dict[str, Any]:
    key: Secret | None
    if state.kind == "packycode":
        key = snapshot.packycode.credentials.openai_api_key
        source = snapshot.packycode.effective_sources.get(_PACKYCODE_KEY)
    else:
        key = next(each.api_key for each in snapshot.codex_api_keys if each.name == state.name)
        source = "config.yaml"
    return {
        "id": state.id,
        "name": state.name,
        "kind": state.kind,
        "state": state.state,
        "toggled-by": "packycode" if state.state == "resting" else None,
        "base-url": state.base_url,
        "key": key.masked if key else None,
        "key-source": source,
        "models": list(state.models),
    }


def _models(registration: Registration, registry: Registry) -> list[dict[str, Any]]:
    return [
        {
            "id": model.name,
            "provider": registration.provider.name,
            "client-id": registration.client_id,
            "aliases": list(registry.aliases_of(model.name)),
            "efforts": list(model.efforts),
            "context-window": model.context_window,
        }
        for model in registration.models
    ]


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "field": problem.field,
        "problem": problem.problem,
        "fix": problem.fix,
        "source": problem.source,
        "line": problem.line,
    }
