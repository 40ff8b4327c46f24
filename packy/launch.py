"""Starting programs: the gateway under gunicorn, Claude Code on the gateway."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
import requests

from packy.config import ConfigError, load_to_start, start_of
from packy.config.document import read_document
from packy.inspection import listener
from packy.routing import describe_model, registry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packy.config import Server, Snapshot

__all__ = ["claude_environment", "gunicorn_command", "serve_gateway", "start_claude"]

_PROGRAM = os.environ.get("PACKY_PROGRAM", "packy")
_CONFIG_EXIT = 2
_ADDRESS_EXIT = 1
_HIGHEST_PORT = 65535


def gunicorn_command(root: Path) -> list[str]:
    """Give the command that runs the gateway.

    Args:
        root: the folder of gunicorn.conf.py.

    Returns:
        Program and arguments.
    """
    return [sys.executable, "-m", "gunicorn", "--config", str(root / "gunicorn.conf.py"), "wsgi:application"]


def serve_gateway(  # noqa: PLR0913 - the options of the command
    root: Path, *, config: str | None, host: str | None, port: int | None, workers: int | None, packycode: bool
) -> None:
    """Replace this process by the gateway.

    Args:
        root: the folder of gunicorn.conf.py.
        config: path of the configuration file.
        host: address, before the configured one.
        port: port, before the configured one.
        workers: number of worker processes, before the configured one.
        packycode: refuse to start without an enabled, complete Packycode.
    """
    for name, value in (("CONFIG", config), ("HOST", host), ("PORT", port), ("WORKERS", workers)):
        if value is not None:
            os.environ[f"PACKY_{name}"] = str(value)
    snapshot = _configured(config)
    server = start_of(snapshot, os.environ).server
    if taken := _in_the_way(server):
        click.echo(f"packy: {taken}", err=True)
        sys.exit(_ADDRESS_EXIT)
    if packycode and not snapshot.packycode.enabled:
        click.echo(
            "packy: --packycode was given, but Packycode is not enabled.\n"
            "       Write `enabled: true` under packycode in config.yaml, or export PACKYCODE_API_KEY.",
            err=True,
        )
        sys.exit(_CONFIG_EXIT)
    for warning in snapshot.warnings:
        click.echo(f"packy: warning: {warning}", err=True)
    if snapshot.providers:
        names = ", ".join(f"{each.name} ({each.base_url})" for each in snapshot.providers)
        click.echo(f"packy: upstream {names}, model {snapshot.packycode.defaults.model}", err=True)
    else:
        click.echo(
            "packy: no provider is enabled; requests will be answered with 503.\n"
            "Enable Packycode: set PACKYCODE_API_KEY in the environment, or packycode.enabled: true in config.yaml.",
            err=True,
        )
    click.echo(f"packy: starting on {_base_url(snapshot)}; then, elsewhere: {_PROGRAM} claude", err=True)
    command = gunicorn_command(root)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter


def start_claude(args: Sequence[str]) -> None:
    """Replace this process by Claude Code, pointed at the running gateway.

    Args:
        args: Claude Code's own arguments.

    Raises:
        click.ClickException: Claude Code is not installed, or no gateway runs.
    """
    program = shutil.which("claude")
    if program is None:
        raise click.ClickException(
            "Claude Code is not installed (no `claude` on PATH). Install it: npm install -g @anthropic-ai/claude-code"
        )
    snapshot = _configured()
    base_url = _base_url(snapshot)
    if not _answers(base_url):
        raise click.ClickException(f"no packy answers at {base_url}. Start it in another terminal: {_PROGRAM} serve")
    token = os.environ.get("ANTHROPIC_AUTH_TOKEN") or _first_client_key(snapshot)
    model = snapshot.packycode.defaults.model
    registry = registry_of(snapshot)
    window = registry.describe(registry.names.read(model).model).context_window
    environment = {**os.environ, **claude_environment(base_url, token, model, window)}
    # A key of its own would go first, and to the gateway.
    environment.pop("ANTHROPIC_API_KEY", None)
    # The gateway is on this machine, where no proxy looks; Claude Code asks one all the same.
    bypass = ",".join(
        filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), urlsplit(base_url).hostname])
    )
    environment |= {"NO_PROXY": bypass, "no_proxy": bypass}
    os.execve(program, [program, *args], environment)  # noqa: S606 - found on PATH, as the person would


def _answers(base_url: str) -> bool:
    """Tell whether packy, and not something else, listens there."""
    try:
        banner = requests.get(base_url, timeout=5, proxies={"http": "", "https": ""}).json()
    except requests.RequestException:
        return False
    return isinstance(banner, dict) and banner.get("name") == "packy"


def claude_environment(base_url: str, token: str, model: str, context_window: int = 0) -> dict[str, str]:
    """Give the settings with which Claude Code runs on packy.

    Args:
        base_url: the gateway's.
        token: a client key; anything while the gateway has none.
        model: the upstream model.
        context_window: its input tokens; 0 for what is known of it.

    Returns:
        Environment variables (measured with Claude Code 2.1.197).
    """
    return {
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_AUTH_TOKEN": token,
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_DEFAULT_OPUS_MODEL": model,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        # packy ends what is silent for too long; pings alone would not keep the client from giving up before.
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": "3600000",
        # Without it the client does not know when to compact a model that it has never heard of.
        "CLAUDE_CODE_AUTO_COMPACT_WINDOW": str(context_window or describe_model(model).context_window),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _configured(config: str | None = None) -> Snapshot:
    """Load the configuration, or end with what is in the way; a file that is named has to be there."""
    try:
        return load_to_start(Path(config) if config else None)
    except ConfigError as error:
        click.echo(error.render(), err=True)
        sys.exit(_CONFIG_EXIT)


def _base_url(snapshot: Snapshot) -> str:
    server = start_of(snapshot, os.environ).server
    # What listens everywhere is reached here on loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"


def _in_the_way(server: Server) -> str:
    """Tell what keeps packy from listening, and what to do about it; empty for nothing."""
    host, port = server.host, server.port
    other = f"{_PROGRAM} serve --port {port + 1 if port < _HIGHEST_PORT else port - 1}"
    match listener(host, port):
        case "free":
            return ""
        case "packy":
            return f"packy answers at {host} port {port} already. Use that one, end it, or choose another port: {other}"
        case "another program":
            return f"port {port} of {host} is taken by another program. End it, or choose another port: {other}"
        case "not for this user":
            return f"port {port} is not for this user. Choose one above 1023: {_PROGRAM} serve --port 8317"
        case "not an address of this machine":
            return f"{host} is not an address of this machine. Listen on 127.0.0.1, or on one that `ip address` shows."


def _first_client_key(snapshot: Snapshot) -> str:
    """Read the first client key from the file itself: the snapshot holds digests only."""
    path = snapshot.sources.config_file
    if snapshot.client_keys.open or path is None:
        return "packy"
    document = read_document(path)
    keys = document.root["client-keys"] if document else None
    first = keys[0] if isinstance(keys, list) else None
    return str(first["key"] if isinstance(first, dict) else first)
