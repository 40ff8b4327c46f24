"""The `packy` command: thin, each command hands on to the room that does the work."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from packy import __version__
from packy.examples import epilog

if TYPE_CHECKING:
    from packy.ledger import GroupBy

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
_PROGRAM = os.environ.get("PACKY_PROGRAM", "packy")
_PORTS = click.IntRange(0, 65535)
_SECONDS = click.FloatRange(0.1, 600)
_LONGEST_KEY = 65536
_configuration = click.option(
    "--config", metavar="FILE", help="Configuration file.  [default: $PACKY_CONFIG, or ./config.yaml if there]"
)


def _address(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """Judge `--host` like `host` of config.yaml."""
    from packy.config import rules

    if given is not None and (finding := rules.host(given)):
        raise click.BadParameter(f"{finding.problem}. To repair it: {finding.fix}.")
    return given


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="packy")
def main() -> None:
    """A gateway that lets Claude Code run on Packycode and other Responses API providers.

    \b
    See it work, with no account and no key:   ./run demo
    Use Packycode:                             PACKYCODE_API_KEY=… ./run serve
    Then, in another terminal:                 ./run claude

    With a Codex CLI already set up for Packycode, `./run serve` needs nothing else.
    """  # noqa: D301 - \b is click's mark for text that keeps its lines


@main.command(short_help="Start the gateway.")
@_configuration
@click.option("--host", metavar="ADDRESS", callback=_address, help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=_PORTS, help="Port to listen on.  [default: 8317]")
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes.  [default: one for each core]")
@click.option(
    "--packycode", is_flag=True, help="Insist on Packycode: refuse to start unless it is enabled and complete."
)
def serve(config: str | None, host: str | None, port: int | None, workers: int | None, *, packycode: bool) -> None:
    """Start the gateway, under gunicorn with gevent workers, until Ctrl-C.

    Configuration comes from config.yaml, the environment (PACKYCODE_API_KEY, PACKYCODE_BASE_URL, PACKYCODE_MODEL,
    PACKYCODE_REASONING_EFFORT, PACKYCODE_ENABLED) and Codex CLI's files, field by field, in this order. None is needed
    if another has it all. Options go before config.yaml.
    """
    from packy.launch import serve_gateway

    serve_gateway(ROOT, config=config, host=host, port=port, workers=workers, packycode=packycode)


@main.command(short_help="Show it working, without an account.")
@click.option("--once", is_flag=True, help="Stop after one answer; exit status 0 only if it was complete and valid.")
@click.option("--port", type=_PORTS, help="Port of the gateway.  [default: 8317; with --once a free one]")
def demo(*, once: bool, port: int | None) -> None:
    """Start a demo upstream and the gateway, ask one question as Claude Code would, show the answer streaming.

    Then it keeps serving, and prints the lines that point Claude Code at it. Nothing leaves this machine, and no
    configuration of yours is read or changed.
    """
    from packy.tour import run_tour

    sys.exit(run_tour(ROOT, once=once, port=port))


@main.command(
    short_help="Start Claude Code on the gateway.",
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["--help"],
    },
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def claude(args: tuple[str, ...]) -> None:
    """Start Claude Code against the running gateway; ARGS are its own.

    It finds the gateway by host and port of config.yaml (PACKY_CONFIG, PACKY_HOST and PACKY_PORT count), and takes
    the client key from ANTHROPIC_AUTH_TOKEN, else the first one in config.yaml.
    """
    from packy.launch import start_claude

    start_claude(args)


@main.command(short_help="Show the models in force.")
@_configuration
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def models(config: str | None, *, as_json: bool) -> None:
    """Show the models that the configuration gives, with their efforts, context windows and aliases.

    Exit status 1 if no provider is enabled, so that there are none.
    """
    from packy.overview import show_models

    sys.exit(show_models(config, as_json=as_json))


@main.command(short_help="Show what was used, and what it may have cost.")
@click.option("--window", default="7d", metavar="W", help="How far back, as in 30m, 24h or 7d.  [default: 7d]")
@click.option(
    "--by",
    type=click.Choice(["model", "provider", "client", "day"]),
    default="model",
    help="What to tell apart; days are those of UTC.  [default: model]",
)
@click.option("--model", metavar="NAME", help="Only this model, as asked for or as sent upstream.")
@click.option("--provider", metavar="NAME", help="Only this provider.")
@click.option("--client", metavar="LABEL", help="Only this client key.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets and scripts.")
@_configuration
def usage(window: str, by: GroupBy, config: str | None, *, as_csv: bool, **filters: str | None) -> None:
    """Show requests and tokens from the usage ledger, which a running gateway fills; it need not be running now.

    The ledger is a file in $PACKY_STATE, by default ~/.local/state/packy, or the database that ledger.url names.
    Costs are estimates from `prices` in config.yaml. Cached tokens are part of the input, reasoning part of the output.

    Exit status: 0 if all is well, 1 if there is no ledger, 2 if the configuration or an option is not valid.
    """
    from packy.ledger.report import show_usage

    sys.exit(show_usage(config, window=window, by=by, filters=filters, as_csv=as_csv))


@main.command(short_help="Check the configuration, and with --live the providers.")
@_configuration
@click.option("--live", is_flag=True, help="Ask each provider in use for the least there is to ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
@click.option(
    "--connect-timeout", type=_SECONDS, default=5.0, help="Seconds for --live to connect.  [default: 5]", metavar="S"
)
@click.option(
    "--timeout", type=_SECONDS, default=20.0, help="Seconds for --live to be answered.  [default: 20]", metavar="S"
)
def check(config: str | None, *, live: bool, as_json: bool, connect_timeout: float, timeout: float) -> None:
    """Check the configuration: print it as it is in force, each field with its source, or all that is wrong with it.

    With --live each provider in use gets one small request, which costs next to nothing: what is wrong with network,
    certificate, proxy, base URL, key, model or quota is named, with its repair.

    Exit status: 0 if all is well, 1 if not. Keys are never printed.
    """
    from packy.inspection import run_check
    from packy.upstream.probe import Patience

    patience = Patience(connect=connect_timeout, first_byte=timeout)
    sys.exit(run_check(config, live=live, as_json=as_json, patience=patience))


@main.command(short_help="Show what a bug report needs; no key is in it.")
@_configuration
def doctor(config: str | None) -> None:
    """Show what a bug report needs: versions, the configuration with its sources, providers, address, limits, folders.

    What is wrong comes last, with its repair. Keys are masked, variables are named without their values, and the home
    folder is written as ~; base URLs and the labels of client keys are shown. Nothing is sent anywhere.

    Exit status: 0 if nothing is wrong, 1 if something is.
    """
    from packy.inspection import run_doctor

    sys.exit(run_doctor(config))


@main.command(short_help="Complete packy's commands in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that teaches SHELL to complete packy's commands and options.

    `packy` has to be on PATH, as .venv/bin/packy of the checkout is if you link to it. A new shell knows them.
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 - one of the choices above
    click.echo(complete(main, {}, "packy", "_PACKY_COMPLETE").source())


@main.command("import-codex", short_help="Take over the Codex CLI's settings for Packycode.")
@click.option("--config", metavar="FILE", help="File to write.  [default: $PACKY_CONFIG, or ./config.yaml]")
@click.option("--write", is_flag=True, help="Write the block into the file; other lines stay as they are.")
@click.option("--include-key", is_flag=True, help="Take over the key too. Without, it goes on counting where it is.")
@click.option("--force", is_flag=True, help="Replace fields of the file that say something else.")
def import_codex(config: str | None, *, write: bool, include_key: bool, force: bool) -> None:
    """Show how config.toml and auth.json of the Codex CLI become the packycode block of config.yaml, or write it.

    They are looked for in $CODEX_HOME, else in ~/.codex. Exit status: 0 if done, 1 if something is in the way.
    """
    from packy.inspection import run_import

    sys.exit(run_import(config, write=write, include_key=include_key, force=force))


@main.command("hash-key", short_help="Hash a key for the management API.")
def hash_key() -> None:
    """Turn a key for the management API into a hash, for `remote-management.secret-key` in config.yaml.

    The key is read from the terminal without being shown, or from a pipe. It is then presented as before; the file
    does not give it away.
    """
    from packy.config import rules
    from packy.config.management_key import hash_key as make_hash

    if sys.stdin.isatty():
        key = click.prompt("Key", hide_input=True, confirmation_prompt=True, err=True)
    else:
        key = sys.stdin.buffer.read(_LONGEST_KEY).decode(errors="replace").rstrip("\r\n")
    if finding := rules.long_key(key):
        raise click.ClickException(f"the key {finding.problem}. To repair it: {finding.fix}")
    click.echo(make_hash(key))
    click.echo("It goes into config.yaml as remote-management.secret-key.", err=True)


@main.command(short_help="Run the demo upstream alone.")
@click.option("--port", type=_PORTS, default=0, help="Port to listen on.  [default: a free one]")
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, help="Events per second and stream; 0 for no pause.")
def upstream(port: int, rate: float) -> None:
    """Run a Responses API upstream on 127.0.0.1 that answers by itself: for trying packy out, and for its tests.

    It is strict where the real API is, and can be scripted over HTTP. Any key opens it.
    """
    from packy.demo import serve as serve_upstream

    def ready(url: str) -> None:
        click.echo(f"demo upstream at {url}", nl=True)
        sys.stdout.flush()

    try:
        serve_upstream("127.0.0.1", port, rate, ready)
    except OSError as error:
        # gevent's own text holds the address a second time.
        why = os.strerror(error.errno or 0)
        raise click.ClickException(f"cannot listen on port {port}: {why}. Choose another --port.") from None


@main.command(short_help="Measure packy.")
@click.option("--quick", is_flag=True, help="One short round of everything: figures are rough.")
@click.option("--only", metavar="NAME", multiple=True, help="Measure this only; may be repeated.")
@click.option("--out", metavar="DIR", help="Write raw results and a picture here.")
@click.option("--profile", metavar="LOAD", help="Show where the CPU time of this load goes, instead.")
@click.option("--profiler", metavar="NAME", help="For --profile: py-spy or perf.  [default: the first installed]")
def bench(*, quick: bool, only: tuple[str, ...], out: str | None, profile: str | None, profiler: str | None) -> None:
    """Measure packy, with nginx in the same run as the yardstick: CPU per event, added delays, memory, start-up.

    NAME is paced, burst, first-token, translation, capacity, memory, telemetry, counting or lifecycle; LOAD is paced,
    burst or first-token. Takes some minutes. docs/performance.md explains the figures.
    """
    if not (ROOT / "bench" / "__main__.py").is_file():
        raise click.ClickException("the measurements are not installed with packy; run `./run bench` in a checkout.")
    args = ["--quick"] if quick else []
    args += [f"--only={name}" for name in only]
    named = {"--out": out, "--profile": profile, "--profiler": profiler}
    args += [f"{option}={value}" for option, value in named.items() if value is not None]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    os.execve(sys.executable, [sys.executable, "-P", "-m", "bench", *args], environment)  # noqa: S606 - our own interpreter


@main.command(
    short_help="Run the tests.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def test(args: tuple[str, ...]) -> None:
    """Run packy's own tests; ARGS are pytest's."""
    try:
        import pytest  # noqa: F401 - only whether it is there
    except ImportError:
        raise click.ClickException("pytest is not installed here; `./run test` installs it.") from None
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *args])  # noqa: S606 - our own interpreter


for _name, _command in main.commands.items():
    _command.epilog = epilog(_name, _PROGRAM)
