"""What is in force, told on the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from packy.config import ConfigError, load_snapshot
from packy.routing import NoProvider, registry_of
from packy.tables import render_table, terminal_width

if TYPE_CHECKING:
    from packy.routing import Registry

__all__ = ["show_models"]

_NOTHING_EXIT = 1
_CONFIG_EXIT = 2


def show_models(config: str | None, *, as_json: bool) -> int:
    """Print the models of all providers in use.

    Args:
        config: path of config.yaml, which must exist; None for the usual one.
        as_json: as a JSON list of objects with `model`, `provider`, `kind`, `client_id`, `efforts`, `context_window`
            (input tokens), `released` (a date, or null) and `aliases`.

    Returns:
        The exit status: 1 if no provider is enabled, 2 if the configuration is not valid.
    """
    try:
        snapshot = load_snapshot(Path(config) if config else None)
    except ConfigError as error:
        click.echo(error.render(), err=True)
        return _CONFIG_EXIT
    registry = registry_of(snapshot)
    if as_json:
        click.echo(json.dumps(_objects(registry), indent=2))
    elif registry.models:
        click.echo(_table(registry))
    if not registry.models:
        click.echo(NoProvider().message, err=True)
        return _NOTHING_EXIT
    return 0


def _objects(registry: Registry) -> list[dict[str, object]]:
    return [
        {
            "model": model.name,
            "provider": each.provider.name,
            "kind": each.provider.kind,
            "client_id": each.client_id,
            "efforts": model.efforts,
            "context_window": model.context_window,
            "released": model.released.date().isoformat() if model.released.timestamp() else None,
            "aliases": registry.aliases_of(model.name),
        }
        for each in registry.registrations
        for model in each.models
    ]


def _table(registry: Registry) -> str:
    rows = [
        (
            model.name,
            each.provider.name,
            f"{model.context_window:,}",
            " ".join(model.efforts),
            ", ".join(registry.aliases_of(model.name)),
        )
        for each in registry.registrations
        for model in each.models
    ]
    header = ("MODEL", "PROVIDER", "CONTEXT", "EFFORTS", "ALIASES")
    name = rows[0][0]
    return (
        f"{render_table(header, rows, right={2}, width=terminal_width())}\n\n"
        f"An effort may stand behind any of these names, as in {name}-low or {name}(low). Claude Code's model picker\n"
        "knows them as claude-MODEL. A name that is not here goes upstream as it is, if a provider takes any."
    )
