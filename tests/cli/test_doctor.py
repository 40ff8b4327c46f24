"""`packy doctor`: everything that a bug report needs, what is wrong with its repair, and never a key."""

from __future__ import annotations

import json
import re
import socket
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from packy import __version__
from tests.cli.desk import CANARY, KEY, Desk
from tests.support.gateway import Gateway
from tests.support.loopback import accepting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPLETE = f"""\
    packycode:
      enabled: true
      base-url: https://codex-api.packycode.com/v1
      credentials: {{openai-api-key: {KEY}}}
"""
# A key or a password wherever one may stand.
FULL = f"""\
    client-keys: [{{label: laptop, key: {KEY}-laptop}}]
    {COMPLETE.strip()}
    codex-api-key: [{{name: spare, base-url: https://api.openai.com/v1, api-key: {KEY}-spare}}]
    remote-management: {{secret-key: {KEY}-management}}
    ledger: {{url: "postgresql+psycopg://packy:{KEY}@db.example/packy"}}
"""
VARIABLES = {
    "PACKYCODE_API_KEY": KEY,
    "HTTPS_PROXY": f"http://user:{KEY}@proxy.example:3128",
    "ANTHROPIC_AUTH_TOKEN": KEY,
    "ANTHROPIC_API_KEY": KEY,
    "PACKY_STATE": "",
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path, monkeypatch)
    desk.codex_home.parent.mkdir()
    # Claude Code is looked for on PATH; starting a real one would take its time.
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PACKY_PORT", "0")
    return desk


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield server.getsockname()[1]


def test_a_machine_on_which_all_is_well_is_said_to_be(desk: Desk) -> None:
    desk.write(COMPLETE)

    result = desk.packy("doctor")

    assert result.exit_code == 0
    assert "Nothing is wrong here." in result.output


def test_it_names_versions_files_providers_limits_and_folders(desk: Desk, tmp_path: Path) -> None:
    desk.write(COMPLETE)
    claude = tmp_path / "claude"
    claude.write_text("#!/bin/sh\necho '2.1.197 (Claude Code)'\n")
    claude.chmod(0o755)

    text = desk.packy("doctor").output

    for expected in (
        rf"packy +{__version__}\n",
        r"Python +3\.\d+\.\d+",
        r"Claude Code +2\.1\.197\n",
        rf"gunicorn {re.escape(metadata.version('gunicorn'))}",
        r"config\.yaml +read\n",
        r"~/\.codex/auth\.json +does not exist\n",
        r"packycode\.enabled +true +config\.yaml\n",
        r"packycode +packycode +in use +https://codex-api\.packycode\.com/v1",
        r"127\.0\.0\.1 port 0 +free\n",
        r"open files +\d+",
        r"changes are seen by +\w+",
        r"variables that are set +.*PACKY_PORT",
        r"~/\.local/state/packy +writable\n",
        r"ledger\.sqlite3 +not there yet\n",
    ):
        assert re.search(expected, text), expected


def test_what_stands_beside_paths_in_the_home_stands_in_one_column(desk: Desk) -> None:
    desk.write(COMPLETE)

    files = desk.packy("doctor").output.partition("\nfiles\n")[2].partition("\n\n")[0].splitlines()

    ends = {re.sub(r"(read|does not exist)$", "", line) for line in files}
    assert len(files) == 4
    assert {len(each) for each in ends} == {max(map(len, ends))}


@pytest.mark.parametrize("config", [FULL, f"{FULL}    port: {KEY}\n", f"{KEY}: 1\n", f"'{KEY}\n"])
def test_no_key_and_no_home_is_in_it(desk: Desk, config: str) -> None:
    desk.write(config)
    desk.codex(f'experimental_bearer_token = "{KEY}"\n', {"OPENAI_API_KEY": KEY})
    (desk.folder / ".env").write_text(f"PACKYCODE_API_KEY={KEY}\n")

    text = desk.packy("doctor", **VARIABLES).output

    assert CANARY not in text
    assert str(desk.codex_home.parent) not in text
    assert "HTTPS_PROXY" in text


def test_a_configuration_that_is_not_valid_is_wrong_and_all_else_is_told(desk: Desk) -> None:
    desk.write("port: eighty\n")

    result = desk.packy("doctor")

    assert result.exit_code == 1
    assert "config.yaml:1:7: port" in result.output
    assert "fix: " in result.output
    assert "open files" in result.output


def test_a_port_that_is_taken_is_wrong(desk: Desk, taken: int) -> None:
    desk.write(COMPLETE)

    result = desk.packy("doctor", PACKY_PORT=str(taken))

    assert result.exit_code == 1
    assert f"port {taken}: taken by another program" in result.output


def test_a_port_that_is_taken_by_what_speaks_no_http_is_taken_all_the_same(desk: Desk) -> None:
    desk.write(COMPLETE)

    with accepting(socket.socket.close) as port:
        result = desk.packy("doctor", PACKY_PORT=str(port))

    assert result.exit_code == 1
    assert f"port {port}: taken by another program" in result.output


def test_an_address_of_another_machine_is_wrong(desk: Desk) -> None:
    desk.write(f"    host: 192.0.2.1\n    client-keys: [{KEY}]\n{COMPLETE}")

    result = desk.packy("doctor")

    assert result.exit_code == 1
    assert "192.0.2.1: not an address of this machine" in result.output


def test_a_port_that_packy_has_is_well(desk: Desk, tmp_path: Path) -> None:
    desk.write(COMPLETE)

    with Gateway(tmp_path / "gateway", None) as gateway:
        result = desk.packy("doctor", PACKY_PORT=gateway.url.rpartition(":")[2])

    assert result.exit_code == 0, result.output
    assert "packy answers" in result.output


def test_a_state_folder_that_is_none_is_wrong(desk: Desk, tmp_path: Path) -> None:
    desk.write(COMPLETE)
    (tmp_path / "file").write_text("")

    result = desk.packy("doctor", PACKY_STATE=str(tmp_path / "file" / "state"))

    assert result.exit_code == 1
    assert "cannot be written" in result.output


def test_a_program_that_says_more_than_its_version_is_not_quoted(desk: Desk, tmp_path: Path) -> None:
    desk.write(COMPLETE)
    claude = tmp_path / "claude"
    claude.write_text(f"#!/bin/sh\necho {json.dumps(KEY)}\n")
    claude.chmod(0o755)

    assert "of an unknown version" in desk.packy("doctor").output
