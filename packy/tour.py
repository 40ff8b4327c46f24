"""`packy demo`: an upstream, the gateway, one question, the answer as it streams."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
import requests

from packy.demo import demo_request
from packy.launch import claude_environment, gunicorn_command
from packy.translation import SseDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run_tour"]

_HOST = "127.0.0.1"
_PORT = 8317
_START_SECONDS = 30
_STOP_SECONDS = 10
_RATE = 40
_CONFIG = """\
packycode:
  enabled: true
  base-url: {url}
  credentials:
    openai-api-key: demo-upstream-key
"""


def run_tour(root: Path, *, once: bool, port: int | None) -> int:
    """Run the demo.

    Args:
        root: the folder of gunicorn.conf.py.
        once: stop after the answer.
        port: of the gateway; None for 8317, or with `once` any free one.

    Returns:
        Exit status: 0 if the answer was complete and valid.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = port if port is not None else (0 if once else _PORT)
    if chosen == 0:
        chosen = _free_port()
    elif not _is_free(chosen):
        click.echo(f"packy: port {chosen} is in use. Choose another one: ./run demo --port {chosen + 1}", err=True)
        return 1
    base_url = f"http://{_HOST}:{chosen}"
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="packy-demo-")))
            upstream_url = stack.enter_context(_upstream())
            stack.enter_context(_gateway(root, folder, upstream_url, base_url))
            complete = _ask(base_url)
            if once or not complete:
                return 0 if complete else 1
            _explain(base_url)
            signal.pause()
    except KeyboardInterrupt:
        click.echo("\npacky: demo stopped.", err=True)
    except _NotStarted as error:
        click.echo(f"packy: {error}", err=True)
        return 1
    return 0


class _NotStarted(Exception):
    """A part of the demo did not come up."""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401 - Popen's own
    process: subprocess.Popen[str] | None = None
    try:
        with _signals_held():
            # In a session of its own: Ctrl-C reaches this process alone, which then ends its parts in order.
            process = subprocess.Popen(command, text=True, start_new_session=True, **options)  # noqa: S603 - our own
        yield process
    finally:
        if process is not None:
            _end(process)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Put off Ctrl-C and SIGTERM: in the midst of a process's birth they would leave it behind, an orphan."""
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda received, _: held.append(received))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


@contextmanager
def _upstream() -> Iterator[str]:
    command = [sys.executable, "-c", "from packy.cli import main; main()", "upstream", "--rate", str(_RATE)]
    with _running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - asked for above
        line = process.stdout.readline()
        if " at " not in line:
            raise _NotStarted("the demo upstream did not start; what it said stands above")
        yield line.split(" at ")[1].strip()


@contextmanager
def _gateway(root: Path, folder: Path, upstream_url: str, base_url: str) -> Iterator[None]:
    config = folder / "config.yaml"
    config.write_text(_CONFIG.format(url=upstream_url))
    host, _, port = base_url.removeprefix("http://").partition(":")
    # The demo must not meet the person's own settings: neither their config.yaml nor their variables nor Codex's files.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PACKYCODE_", "PACKY_"))}
    environment |= {"PACKY_CONFIG": str(config), "PACKY_HOST": host, "PACKY_PORT": port, "CODEX_HOME": str(folder)}
    # Nor does the demo enter anything into their ledger.
    environment |= {"PACKY_WORKERS": "1", "PACKY_STATE": str(folder)}
    log = folder / "gateway.log"
    with log.open("w") as stderr, _running(gunicorn_command(root), env=environment, stderr=stderr) as process:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(base_url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise _NotStarted(f"the gateway did not start. Its log:\n{log.read_text()}")
            time.sleep(0.05)
        yield


def _answers(base_url: str) -> bool:
    try:
        return requests.head(base_url, timeout=2, proxies={"http": ""}).ok
    except requests.RequestException:
        return False


def _ask(base_url: str) -> bool:
    """Send one request as Claude Code would; show the answer; tell whether it was complete and valid."""
    request = demo_request()
    click.secho(f"packy demo: POST {base_url}/v1/messages, as Claude Code would", dim=True)
    click.secho("packy demo: Claude Code ⇄ packy ⇄ demo upstream (Responses API), all on this machine\n", dim=True)
    seen: list[str] = []
    with requests.post(
        f"{base_url}/v1/messages?beta=true",
        json=request,
        headers={"x-api-key": "packy", "anthropic-version": "2023-06-01"},
        stream=True,
        timeout=60,
        proxies={"http": ""},
    ) as response:
        if not response.ok:
            click.secho(f"the gateway answered {response.status_code}: {response.text}", fg="red", err=True)
            return False
        decoder = SseDecoder()
        while chunk := response.raw.read1(65536):
            for _, data in decoder.feed(chunk):
                _show(orjson.loads(data), seen)
    click.echo("\n")
    complete = (
        seen[:1] == ["message_start"] and seen[-1:] == ["message_stop"] and "text" in seen and "error" not in seen
    )
    if not complete:
        click.secho("packy demo: the stream was not complete", fg="red", err=True)
    return complete


def _show(event: dict[str, Any], seen: list[str]) -> None:
    kind = event["type"]
    if kind == "content_block_start":
        block = event["content_block"]["type"]
        seen.append(block)
        if block != "text":
            click.secho(f"[{block}] ", fg="cyan", nl=False)
        return
    if kind == "content_block_delta":
        delta = event["delta"]
        if delta["type"] == "thinking_delta":
            click.secho(delta["thinking"], dim=True, nl=False)
        elif delta["type"] == "text_delta":
            click.echo(delta["text"], nl=False)
        return
    if kind == "content_block_stop":
        click.echo("\n" if seen[-1] != "text" else "", nl=False)
        return
    if kind == "message_delta":
        usage = event["usage"]
        summary = (
            f"\n\n[{event['delta']['stop_reason']}] {usage['input_tokens']} tokens in, {usage['output_tokens']} out"
        )
        click.secho(summary, dim=True, nl=False)
    if kind == "error":
        click.secho(f"\n{event['error']['type']}: {event['error']['message']}", fg="red", nl=False)
    seen.append(kind)


def _explain(base_url: str) -> None:
    settings = claude_environment(base_url, "packy", "gpt-5")
    click.echo("It works. To try it in Claude Code, in another terminal:\n")
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"):
        click.secho(f"  export {name}={settings[name]}", bold=True)
    click.secho("  claude\n", bold=True)
    click.echo(
        "The answers come from the demo upstream. For real ones, stop this and start the gateway on Packycode:\n"
    )
    click.secho("  PACKYCODE_API_KEY=… ./run serve\n", bold=True)
    click.echo("Ctrl-C stops the demo.")
