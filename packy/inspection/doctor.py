"""`packy doctor`: what a bug report needs, in one piece, and without a secret in it."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from packy.config import start_of
from packy.inspection.check import load_and_judge
from packy.inspection.effective import effective_fields
from packy.inspection.machine import limits, listener, packages, programs, tilde, variables_set, writable
from packy.inspection.providers import provider_states
from packy.ledger import LedgerUnavailable, ledger_file, state_folder
from packy.tables import render_table, terminal_width

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from packy.config import Snapshot

__all__ = ["run_doctor"]


def run_doctor(config: str | None) -> int:
    """Print what is installed, configured and allowed here, and then all that is wrong with it.

    Keys are masked, and of environment variables only the names are shown; the user's home is `~`.

    Args:
        config: path of the configuration file; None for the usual one.

    Returns:
        Exit status: 0 if nothing is wrong.
    """
    snapshot, problems = load_and_judge(config)
    found = (*problems, *(snapshot.warnings if snapshot else ()))
    # Without values: whoever has put a key into the wrong field will pass this on all the same.
    wrong = [str(replace(each, value="")) for each in found]
    installed = packages()
    missing = [name for name, version in installed.items() if version is None]
    if missing:
        wrong.append(f"packages: {', '.join(missing)} missing\n    fix: install requirements.lock, as ./run does")
    listed = ", ".join(f"{name} {version or 'missing'}" for name, version in installed.items())
    _section("packy", [*programs(), ("packages", listed)])
    if snapshot is not None:
        _show_configuration(snapshot)
    if snapshot is not None and not problems:
        wrong += _show_address(snapshot)
    _section("machine", [*limits(os.environ), ("variables that are set", ", ".join(variables_set(os.environ)) or "-")])
    if snapshot is None or (snapshot.ledger.enabled and snapshot.ledger.url is None):
        wrong += _show_state()
    if not wrong:
        click.secho("Nothing is wrong here.", fg="green")
        return 0
    click.secho("wrong", fg="red")
    for each in wrong:
        click.echo(f"  {tilde(each)}")
    return 1


def _section(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a title."""
    # The header is there for the widths of a table; these have none.
    table = render_table([""] * len(rows[0]), [[tilde(cell) for cell in row] for row in rows], width=terminal_width())
    click.echo("\n".join([title, *(f"  {line}" for line in table.splitlines()[1:]), ""]))


def _show_configuration(snapshot: Snapshot) -> None:
    sources = snapshot.sources
    read = [sources.config_file, sources.env_file, *sources.codex_files]
    _section("files", [(str(file), _state(file)) for file in read if file])
    fields = [each for each in effective_fields(snapshot, os.environ) if each.source != "default"]
    if fields:
        _section("set; all else has its default", [(each.field, each.text, each.source) for each in fields])
    states = provider_states(snapshot)
    _section("providers", [(e.name, e.kind, e.state, e.base_url or "-", ", ".join(e.models) or "any") for e in states])


def _state(file: Path) -> str:
    try:
        return "read" if stat.S_ISREG(file.stat().st_mode) else "not a file"
    except PermissionError:
        return "not readable"
    except OSError:
        return "does not exist"


def _show_address(snapshot: Snapshot) -> list[str]:
    """Show where packy listens; return what is wrong with that."""
    server = start_of(snapshot, os.environ).server
    host, port = server.host, server.port
    found = listener(host, port)
    _section("address", [(f"{host} port {port}", "packy answers" if found == "packy" else found)])
    if found == "another program":
        return [
            f"{host} port {port}: taken by another program\n    fix: end it, or choose another port: packy serve --port"
        ]
    if found == "not for this user":
        return [f"{host} port {port}: {found}\n    fix: choose a port above 1023: packy serve --port"]
    if found == "not an address of this machine":
        return [f"{host}: {found}\n    fix: listen on 127.0.0.1, or on an address that `ip address` shows"]
    return []


def _show_state() -> list[str]:
    """Show the state folder and the ledger in it; return what is wrong with them."""
    try:
        folder, file = state_folder(), ledger_file()
    except LedgerUnavailable:
        return ["the ledger: there is no home folder for it\n    fix: export PACKY_STATE with a folder for packy alone"]
    fit = writable(folder)
    size = f"{file.stat().st_size >> 10} KiB" if fit and file.is_file() else "not there yet"
    _section("state", [(str(folder), "writable" if fit else "not writable"), (file.name, size)])
    if fit:
        return []
    return [f"{folder}: cannot be written\n    fix: make it writable, or export PACKY_STATE with another folder"]
