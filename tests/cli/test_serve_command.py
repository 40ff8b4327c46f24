"""`packy serve`: the gateway from nothing but what is there, or a message that says what is missing."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from packy.demo import DemoUpstream
    from tests.cli.conftest import Packy, Running

    Start = Callable[..., AbstractContextManager[Running]]

PACKY = str(Path(sys.executable).with_name("packy"))
# The other way to start it: the person's own gunicorn.
PLAIN = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:application"]
CODEX_CONFIG = """
model = "gpt-5-codex"
model_reasoning_effort = "low"
model_provider = "packycode"

[model_providers.packycode]
name = "packycode"
base_url = "{url}"
wire_api = "responses"
requires_openai_auth = true
"""
REQUEST = {"model": "opus", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}


def listening(running: Running) -> str:
    return str(running.until(lambda text: re.search(r"Listening at: (http://[0-9.:]+)", text))[1])


def ask(url: str) -> requests.Response:
    return requests.post(f"{url}/v1/messages", json=REQUEST, timeout=10)


def test_a_key_in_the_environment_is_enough(start: Start, upstream: DemoUpstream) -> None:
    environ = {"PACKYCODE_API_KEY": "sk-env", "PACKYCODE_BASE_URL": upstream.url, "PACKYCODE_MODEL": "gpt-5-mini"}

    with start("serve", "--port", "0", "--workers", "1", **environ) as gateway:
        assert ask(listening(gateway)).status_code == 200

    assert upstream.requests[0].headers["authorization"] == "Bearer sk-env"
    assert upstream.requests[0].json["model"] == "gpt-5-mini"
    assert f"packy: upstream packycode ({upstream.url}), model gpt-5-mini\n" in gateway.text
    assert "sk-env" not in gateway.text


def test_the_files_of_a_codex_cli_are_enough(start: Start, upstream: DemoUpstream, tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text(CODEX_CONFIG.format(url=upstream.url))
    (tmp_path / ".codex" / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": "sk-codex"}))

    with start("serve", "--port", "0", "--workers", "1") as gateway:
        assert ask(listening(gateway)).status_code == 200

    assert upstream.requests[0].headers["authorization"] == "Bearer sk-codex"
    assert upstream.requests[0].json["model"] == "gpt-5-codex"
    assert upstream.requests[0].json["reasoning"]["effort"] == "low"
    assert "sk-codex" not in gateway.text


def test_without_any_provider_it_serves_and_says_how_to_get_one(start: Start) -> None:
    with start("serve", "--port", "0", "--workers", "1") as gateway:
        response = ask(listening(gateway))

    assert response.status_code == 503
    assert response.headers["x-should-retry"] == "false"
    assert response.json()["error"]["type"] == "api_error"
    for text in (response.text, gateway.text):
        assert "PACKYCODE_API_KEY" in text
        assert "packycode.enabled: true" in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_all_its_workers(
    start: Start, left_over: Callable[[], list[str]], number: signal.Signals
) -> None:
    with start("serve", "--port", "0", "--workers", "2", PACKYCODE_API_KEY="sk-env") as gateway:
        gateway.until(lambda text: text.count("Booting worker") == 2)
        assert len(psutil.Process(gateway.process.pid).children()) == 2

        assert gateway.end(number) == 0
        assert left_over() == []
        assert "Traceback" not in gateway.text


def test_it_can_be_stopped_while_it_starts(start: Start, left_over: Callable[[], list[str]]) -> None:
    with start("serve", "--port", "0", "--workers", "1", PACKYCODE_API_KEY="sk-env") as gateway:
        gateway.until(lambda text: "Starting gunicorn" in text)

        assert gateway.end(signal.SIGINT) in {0, 130}
        assert left_over() == []
        assert "Traceback" not in gateway.text
        assert "uncaught" not in gateway.text


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([PACKY, "serve", "--host", "0.0.0.0", "--port", "0"], id="packy serve"),
        pytest.param([*PLAIN, "--bind", "[::]:0"], id="gunicorn"),
    ],
)
def test_the_network_is_not_served_without_client_keys(packy: Packy, command: list[str]) -> None:
    result = packy(command=command, PACKYCODE_API_KEY="sk-env")

    assert result.returncode != 0
    assert "without client keys packy serves this machine only" in result.stderr
    assert "client-keys:\n    - label: laptop\n      key: " in result.stderr
    assert "Listening at" not in result.stderr
    assert "Traceback" not in result.stderr


def test_the_network_is_served_with_client_keys(start: Start, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("client-keys: [a-long-random-key]\n")

    with start("serve", "--host", "0.0.0.0", "--port", "0", "--workers", "1") as gateway:
        port = listening(gateway).rpartition(":")[2]
        assert ask(f"http://127.0.0.1:{port}").status_code == 401


@pytest.mark.parametrize("command", [[PACKY, "serve"], PLAIN], ids=["packy serve", "gunicorn"])
def test_an_invalid_file_is_a_message_and_no_traceback(packy: Packy, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "config.yaml").write_text("port: high\npackycod: {}\npackycode: {enabled: true}\n")

    result = packy(command=command)

    assert result.returncode != 0
    assert "problems in the configuration" in result.stderr
    for place in ("config.yaml:1:7: port", "config.yaml:2:1: packycod", "packycode.credentials.openai-api-key"):
        assert place in result.stderr
    assert result.stderr.count("    fix: ") >= 3
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


UNUSABLE = {
    "PACKY_HOST": "no host",
    "PACKY_PORT": "99999",
    "PACKY_WORKERS": "0",
    "PACKY_GRACEFUL_TIMEOUT": "soon",
    "PACKY_WATCH": "poll",
}


@pytest.mark.parametrize("command", [[PACKY, "serve"], PLAIN], ids=["packy serve", "gunicorn"])
def test_variables_that_cannot_be_used_are_named_all_at_once(packy: Packy, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "config.yaml").write_text("prot: 8317\n")

    result = packy(command=command, **UNUSABLE)

    assert result.returncode != 0
    assert result.stderr.startswith(f"{len(UNUSABLE) + 1} problems in the configuration:")
    for variable in UNUSABLE:
        assert f"environment variable {variable}: must be " in result.stderr
    assert "config.yaml:1:1: prot" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Listening at" not in result.stderr


def test_workers_can_be_left_to_the_machine_by_variable_too(start: Start) -> None:
    with start("serve", "--port", "0", PACKYCODE_API_KEY="sk-env", PACKY_WORKERS="auto") as gateway:
        assert requests.head(listening(gateway), timeout=10).ok


def test_a_port_in_use_is_told_with_another_one(packy: Packy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.settimeout(0.2)
        result = packy("serve", "--port", str(port), PACKYCODE_API_KEY="sk-env")

    assert result.returncode == 1
    assert result.stderr == (
        f"packy: port {port} of 127.0.0.1 is taken by another program. "
        f"End it, or choose another port: packy serve --port {port + 1}\n"
    )


def test_a_gateway_that_is_there_already_is_told(packy: Packy, start: Start) -> None:
    with start("serve", "--port", "0", "--workers", "1", PACKYCODE_API_KEY="sk-env") as gateway:
        port = listening(gateway).rpartition(":")[2]
        result = packy("serve", "--port", port, PACKYCODE_API_KEY="sk-env")

    assert result.returncode == 1
    assert result.stderr.startswith(f"packy: packy answers at 127.0.0.1 port {port} already. Use that one")


@pytest.mark.parametrize(
    ("host", "status", "words"),
    [
        pytest.param("192.0.2.1", 1, "192.0.2.1 is not an address of this machine", id="of another machine"),
        pytest.param("no..name", 1, "no..name is not an address of this machine", id="no name in DNS"),
        pytest.param("no host", 2, "must be an IP address or a host name", id="no address"),
        pytest.param("", 2, "must be an IP address or a host name", id="nothing"),
    ],
)
def test_an_address_that_cannot_be_had_is_an_error(packy: Packy, host: str, status: int, words: str) -> None:
    result = packy("serve", "--host", host, PACKYCODE_API_KEY="sk-env")

    assert result.returncode == status
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_named_file_that_is_not_there_is_an_error(packy: Packy) -> None:
    result = packy("serve", "--config", "nowhere.yaml", PACKYCODE_API_KEY="sk-env")

    assert result.returncode != 0
    assert "nowhere.yaml" in result.stderr
    assert "does not exist" in result.stderr


def test_packycode_insisted_upon_and_not_there_is_an_error(packy: Packy) -> None:
    result = packy("serve", "--packycode")

    assert result.returncode != 0
    assert "Packycode is not enabled" in result.stderr
    assert "PACKYCODE_API_KEY" in result.stderr
