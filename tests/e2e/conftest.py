"""One gateway and one upstream for all tests here, a fresh client for each; what holds for every one of them."""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import DemoUpstream
from packy.translation import ToolNames
from tests.e2e.claude_code import ClaudeCode, install
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

_ALARMING = {"uncaught", "unknown_event", "stray_output", "python_warning"}


@dataclass(frozen=True)
class EchoServer:
    """An MCP server that the client can start; its one tool takes an optional `text`.

    Attributes:
        tool: the tool's name, as the client knows it.
        options: the client's options that bring the server in.
        record: file with a line for each call.
    """

    tool: str
    options: tuple[str, ...]
    record: Path

    @property
    def short_tool(self) -> str:
        """The tool's name, as the upstream knows it."""
        return ToolNames([self.tool]).upstream(self.tool)

    @property
    def calls(self) -> list[Json]:
        """The arguments of all calls so far."""
        return [json.loads(line) for line in self.record.read_text().splitlines()] if self.record.exists() else []


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest) -> Path:
    """The client's program."""
    terminal: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = request.config.pluginmanager.get_plugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(f"e2e: {line}")

    return install(say)


@pytest.fixture(scope="session")
def standing_upstream() -> Iterator[DemoUpstream]:
    with DemoUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def gateway_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the gateway's config.yaml is."""
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="session")
def gateway(
    program: Path,  # noqa: ARG001 - where the client cannot be had, nothing needs to start
    standing_upstream: DemoUpstream,
    gateway_folder: Path,
) -> Iterator[Gateway]:
    with Gateway(gateway_folder, config_for(standing_upstream.url)) as gateway:
        yield gateway


@pytest.fixture
def upstream(standing_upstream: DemoUpstream) -> DemoUpstream:
    """The upstream, without script and without memory."""
    standing_upstream.reset()
    return standing_upstream


@pytest.fixture
def canary() -> str:
    """A word that stands for user content: it must go through the gateway and stay out of its log."""
    return f"canary{secrets.token_hex(8)}"


@pytest.fixture
def logged(gateway: Gateway) -> Callable[..., list[Json]]:
    """The gateway's log lines since the test began; those of one event only, if asked."""
    before = len(gateway.lines())

    def lines(event: str | None = None) -> list[Json]:
        return [line for line in gateway.lines()[before:] if event is None or line["event"] == event]

    return lines


@pytest.fixture
def sound(
    gateway: Gateway, gateway_folder: Path, upstream: DemoUpstream, logged: Callable[..., list[Json]], canary: str
) -> Iterator[None]:
    """Sees after the test to what holds for every one: nothing refused upstream, nothing odd or private left behind."""
    yield

    assert upstream.wait(lambda it: it.in_flight == 0)
    exchanges = upstream.requests
    refused = [(exchange.number, exchange.status) for exchange in exchanges if exchange.status != 200]
    assert not refused, "the upstream must accept every request"
    assert not exchanges or canary.encode() in exchanges[-1].body, "the canary must have come through"
    gateway.until(lambda _: len([line for line in logged("request") if "upstream_status" in line]) == len(exchanges))
    assert not _ALARMING & {line["event"] for line in logged()}
    assert not [line for line in logged() if "dropped_fields" in line]
    left = [path for path in gateway_folder.rglob("*") if path.is_file()]
    assert gateway_folder / "gateway.log" in left
    assert not [path for path in left if canary.encode() in path.read_bytes()]


@pytest.fixture
def claude(
    program: Path,
    gateway: Gateway,
    canary: str,
    tmp_path: Path,
    sound: None,  # noqa: ARG001 - used by its effect
) -> ClaudeCode:
    """A client on the gateway, with the launcher's settings."""
    return ClaudeCode(program, tmp_path, gateway.url, canary)


@pytest.fixture
def echo_server(tmp_path: Path) -> EchoServer:
    """A server whose name and tool make a tool name of 81 characters."""
    name, tool = "server-with-a-telling-name", "say_again_whatever_was_said_before_word_for_word"
    record = tmp_path / "calls"
    command = {"command": sys.executable, "args": [str(Path(__file__).with_name("mcp_server.py")), tool, str(record)]}
    options = ("--strict-mcp-config", "--mcp-config", json.dumps({"mcpServers": {name: command}}))
    return EchoServer(f"mcp__{name}__{tool}", options, record)
