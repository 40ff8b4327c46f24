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
    """An MCP server that the client can start; its tools say what they are told as `text`.

    Attributes:
        tools: the tools' names, as the client knows them.
        options: the client's options that bring the server in.
        record: file with a line for each call.
    """

    tools: tuple[str, ...]
    options: tuple[str, ...]
    record: Path

    @property
    def tool(self) -> str:
        """The first tool's name, as the client knows it."""
        return self.tools[0]

    @property
    def short_tool(self) -> str:
        """The first tool's name, as the upstream knows it."""
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
def upstream_process() -> Iterator[DemoUpstream]:
    with DemoUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def gateway_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the gateway's config.yaml is."""
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="session")
def gateway(
    program: Path,  # noqa: ARG001 - where the client cannot be had, nothing needs to start
    upstream_process: DemoUpstream,
    gateway_folder: Path,
) -> Iterator[Gateway]:
    with Gateway(gateway_folder, config_for(upstream_process.url)) as gateway:
        yield gateway


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
def refused() -> set[int]:
    """Numbers of the requests that the upstream is meant to refuse; for a test to fill."""
    return set()


@pytest.fixture
def sound(
    gateway: Gateway,
    gateway_folder: Path,
    upstream: DemoUpstream,
    logged: Callable[..., list[Json]],
    canary: str,
    refused: set[int],
) -> Iterator[None]:
    """Sees after the test to what holds for every one: nothing refused upstream, nothing odd or private left behind."""
    yield

    assert upstream.wait(lambda it: it.in_flight == 0)
    exchanges = upstream.requests
    # A request that no rule was chosen for was found wrong; other failures are those that the test's script has in it.
    wrong = {each.number for each in exchanges if each.status != 200 and each.rule is None}
    assert wrong == refused, "the upstream must accept every request"
    came = [canary.encode() in exchange.body for exchange in exchanges]
    assert not exchanges or any(came), "the canary must have come through"
    gateway.until(lambda _: _asked(logged("request")) == len(exchanges))
    assert not _ALARMING & {line["event"] for line in logged()}
    assert not [line for line in logged() if "dropped_fields" in line]
    left = [path for path in gateway_folder.rglob("*") if path.is_file()]
    assert gateway_folder / "gateway.log" in left
    assert not [path for path in left if canary.encode() in path.read_bytes()]


def _asked(lines: list[Json]) -> int:
    """Count how often the upstream was asked for an answer."""
    return sum(1 + line.get("retries", 0) for line in lines if "upstream_status" in line)


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
def echo_server_of(tmp_path: Path) -> Callable[..., EchoServer]:
    """Tools as `tools/list` gives them, and a server's name → that server."""

    def build(*tools: Json, name: str = "echo") -> EchoServer:
        record = tmp_path / "calls"
        program = str(Path(__file__).with_name("mcp_server.py"))
        command = {"command": sys.executable, "args": [program, json.dumps(tools), str(record)]}
        options = ("--strict-mcp-config", "--mcp-config", json.dumps({"mcpServers": {name: command}}))
        return EchoServer(tuple(f"mcp__{name}__{tool['name']}" for tool in tools), options, record)

    return build


@pytest.fixture
def echo_server(echo_server_of: Callable[..., EchoServer]) -> EchoServer:
    """A server whose name and one tool make a tool name of 81 characters."""
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    name = "say_again_whatever_was_said_before_word_for_word"
    tool = {"name": name, "description": "Says what it is told.", "inputSchema": schema}
    return echo_server_of(tool, name="server-with-a-telling-name")
