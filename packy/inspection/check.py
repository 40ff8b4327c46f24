"""`packy check`: is the configuration valid, what does it amount to, and with `--live`: do the providers answer."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from packy.config import ConfigError, Problem, load_snapshot, variable_problems
from packy.inspection.effective import effective_fields
from packy.inspection.providers import key_place, probe_model, provider_states
from packy.tables import render_table, terminal_width
from packy.upstream import Connector
from packy.upstream.probe import probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packy.config import Provider, Snapshot
    from packy.upstream.probe import Patience, ProbeResult

__all__ = ["load_and_judge", "run_check"]

_STILL: Final = {"resting": "rests while packycode is enabled", "disabled": "is disabled"}
_TICK_SECONDS: Final = 1.0
_BAR: Final = "\r\033[K"


def run_check(config: str | None, *, live: bool, as_json: bool, patience: Patience) -> int:
    """Check the configuration and say what was found.

    Args:
        config: path of the configuration file; None for the usual one.
        live: probe the providers in use as well.
        as_json: say it as one JSON document, for scripts.
        patience: how long a probe waits.

    Returns:
        Exit status: 0 if the configuration is valid and, with `live`, each provider in use answered, of which there
        is at least one.
    """
    snapshot, problems = load_and_judge(config)
    if snapshot is None or problems:
        click.echo(_json(problems=problems) if as_json else ConfigError(problems).render())
        return 1
    if not as_json:
        _show(snapshot)
    results = list(_probe_all(snapshot, patience, aloud=not as_json)) if live else []
    ok = not live or (bool(results) and all(result.ok for _, result in results))
    if as_json:
        click.echo(_json(snapshot, ok=ok, results=results if live else None))
    return 0 if ok else 1


def load_and_judge(config: str | None) -> tuple[Snapshot | None, tuple[Problem, ...]]:
    """Load the configuration, and find all that would keep the gateway from starting with it.

    Args:
        config: path of the configuration file; None for the usual one.

    Returns:
        The configuration, None where it is not valid; and the problems.
    """
    problems = tuple(variable_problems(os.environ))
    try:
        snapshot = load_snapshot(Path(config) if config else None)
    except ConfigError as error:
        return None, problems + error.problems
    return snapshot, problems + tuple(_open_to_all(snapshot, os.environ))


def _open_to_all(snapshot: Snapshot, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Say what the gateway says when it refuses to start."""
    server = replace(snapshot.server, host=environ.get("PACKY_HOST") or snapshot.server.host)
    if snapshot.client_keys.open and not server.loopback:
        what = f"are missing, while packy is to listen on {server.host}, where others than this machine can connect"
        yield Problem("client-keys", what, "add a key, or listen on 127.0.0.1", "", str(snapshot.sources.config_file))


def _show(snapshot: Snapshot) -> None:
    sources = snapshot.sources
    click.echo(f"{sources.config_file}{'' if sources.config_found else ' (does not exist)'}\n")
    rows = [(each.field, each.text, each.source) for each in effective_fields(snapshot, os.environ)]
    click.echo(render_table(("FIELD", "VALUE", "SOURCE"), rows, width=terminal_width()))
    providers = [
        (each.name, each.state, each.base_url or "-", ", ".join(each.models) or "any")
        for each in provider_states(snapshot)
    ]
    click.echo(f"\n{render_table(('PROVIDER', 'STATE', 'BASE URL', 'MODELS'), providers, width=terminal_width())}")
    for warning in snapshot.warnings:
        click.echo(f"\n{click.style('warning', fg='yellow')}  {warning}")
    click.secho("\nThe configuration is valid.", fg="green")


def _probe_all(snapshot: Snapshot, patience: Patience, *, aloud: bool) -> Iterator[tuple[Provider, ProbeResult]]:
    connector = Connector(len(snapshot.providers))
    if aloud:
        click.echo("")
    for provider in snapshot.providers:
        model = probe_model(snapshot, provider)
        with _waiting(f"asking {provider.name} at {provider.base_url} for {model}"):
            result = probe(
                provider,
                model,
                connector,
                key_place=key_place(snapshot, provider),
                developer_message=snapshot.compatibility.system_prompt == "developer-message",
                patience=patience,
            )
        if aloud:
            _tell(result)
        yield provider, result
    if aloud:
        for each in provider_states(snapshot):
            if each.state in _STILL:
                click.echo(f"not asked  {each.name}: it {_STILL[each.state]}")
        if not snapshot.providers:
            click.secho("failed     no provider is in use; see the warning above", fg="red")


def _tell(result: ProbeResult) -> None:
    label, colour = ("ok", "green") if result.ok else ("failed", "red")
    click.echo(f"{click.style(f'{label:<10}', fg=colour)} {result.message}")
    if result.fix:
        click.echo(f"{'':<10} fix: {result.fix}")


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    """Say on stderr what is being waited for: on a terminal with the seconds so far, and only until it is over."""
    if not sys.stderr.isatty():
        click.echo(f"packy: {what}", err=True)
        yield
        return
    over = threading.Event()
    began = time.monotonic()

    def tick() -> None:
        while True:
            click.echo(f"{_BAR}packy: {what} ({time.monotonic() - began:.0f} s)", err=True, nl=False)
            if over.wait(_TICK_SECONDS):
                return

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        over.set()
        ticker.join()
        click.echo(_BAR, err=True, nl=False)


def _json(
    snapshot: Snapshot | None = None,
    *,
    ok: bool = False,
    problems: tuple[Problem, ...] = (),
    results: list[tuple[Provider, ProbeResult]] | None = None,
) -> str:
    document: dict[str, Any] = {"ok": ok, "problems": [asdict(each) for each in problems]}
    if snapshot is not None:
        document["config_file"] = {"path": str(snapshot.sources.config_file), "found": snapshot.sources.config_found}
        document["fields"] = [
            {"field": each.field, "value": each.value, "source": each.source}
            for each in effective_fields(snapshot, os.environ)
        ]
        document["providers"] = [asdict(each) for each in provider_states(snapshot)]
        document["warnings"] = [asdict(each) for each in snapshot.warnings]
    if results is not None:
        document["live"] = [{"provider": provider.name, **asdict(result)} for provider, result in results]
    return json.dumps(document, indent=2)
