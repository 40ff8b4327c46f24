"""`./run claude`: starts the client on the gateway that runs, with nothing to set beforehand."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import rule, text
from tests.e2e.claude_code import finish
from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode
    from tests.support.gateway import Gateway

pytestmark = pytest.mark.e2e

_LAUNCH = [str(ROOT / "run"), "claude"]


@pytest.fixture
def person(claude: ClaudeCode, gateway: Gateway, gateway_folder: Path, program: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has the client on PATH and the gateway's config.yaml, and no settings for it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "claude").symlink_to(program)
    kept = {name: value for name, value in claude.environ.items() if not name.startswith(("ANTHROPIC_", "CLAUDE_"))}
    return {
        **kept,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PACKY_CONFIG": str(gateway_folder / "config.yaml"),
        "PACKY_PORT": gateway.url.rpartition(":")[2],
    }


@pytest.fixture
def closed_port() -> Iterator[str]:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield str(bound.getsockname()[1])


def test_the_client_starts_where_it_was_called_with_the_key_of_the_configuration(
    claude: ClaudeCode,
    upstream: DemoUpstream,
    person: dict[str, str],
    canary: str,
    logged: Callable[..., list[dict[str, Any]]],
) -> None:
    upstream.script(rule(text(f"Hello, {canary}.")))

    status, output, errors = finish([*_LAUNCH, "-p", f"hi {canary}"], claude.folder, person, 60)

    assert (status, output.strip()) == (0, f"Hello, {canary}."), errors
    assert str(claude.folder).encode() in upstream.requests[0].body
    assert {line["client"] for line in logged("request") if line["method"] == "POST"} == {"tests"}


def test_a_key_for_anthropic_stays_out_of_it(
    claude: ClaudeCode, upstream: DemoUpstream, person: dict[str, str]
) -> None:
    upstream.script(rule(text("Hello.")))
    person["ANTHROPIC_API_KEY"] = "sk-ant-a-key-of-their-own"

    status, output, errors = finish([*_LAUNCH, "-p", f"hi {claude.canary}"], claude.folder, person, 60)

    assert (status, output.strip()) == (0, "Hello."), errors


def test_a_proxy_is_not_asked_for_the_gateway_on_this_machine(
    claude: ClaudeCode, upstream: DemoUpstream, person: dict[str, str], closed_port: str
) -> None:
    upstream.script(rule(text("Hello.")))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        person[name] = f"http://127.0.0.1:{closed_port}"

    status, output, errors = finish([*_LAUNCH, "-p", f"hi {claude.canary}"], claude.folder, person, 20)

    assert (status, output.strip()) == (0, "Hello."), errors


def test_options_are_the_clients_own(claude: ClaudeCode, upstream: DemoUpstream, person: dict[str, str]) -> None:
    upstream.script(rule(text("Hello.")))

    arguments = ["-p", f"hi {claude.canary}", "--output-format", "json", "--model", "gpt-5-mini"]
    _, output, errors = finish([*_LAUNCH, *arguments], claude.folder, person, 60)

    assert json.loads(output)["result"] == "Hello.", errors
    assert upstream.requests[0].json["model"] == "gpt-5-mini"


def test_without_a_running_gateway_it_says_how_to_start_one(
    claude: ClaudeCode, person: dict[str, str], closed_port: str
) -> None:
    person["PACKY_PORT"] = closed_port

    status, output, errors = finish([*_LAUNCH, "-p", "hi"], claude.folder, person, 60)

    assert (status, output) == (1, "")
    assert (
        errors
        == f"Error: no packy answers at http://127.0.0.1:{closed_port}. Start it in another terminal: ./run serve\n"
    )


def test_without_the_client_it_says_how_to_install_it(
    claude: ClaudeCode, person: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "bin" / "claude").unlink()
    person["PATH"] = str(tmp_path / "bin")
    packy = Path(sys.executable).with_name("packy")  # ./run itself needs more of PATH

    status, output, errors = finish([str(packy), "claude", "-p", "hi"], claude.folder, person, 60)

    assert (status, output) == (1, "")
    assert "npm install -g @anthropic-ai/claude-code" in errors
