"""Folders that this user may not enter, such as the home of whoever called `sudo`: told, and in the way of nothing."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Packy

PACKY = str(Path(sys.executable).with_name("packy"))
# Root may enter everything, unless it gives that up.
MORTAL = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []

pytestmark = pytest.mark.skipif(
    bool(MORTAL) and shutil.which("setpriv") is None, reason="root may enter every folder here"
)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment all of whose folders are in one that is closed."""
    folder = tmp_path / "closed"
    (folder / ".codex").mkdir(parents=True)
    folder.chmod(0)
    inside = {"HOME": folder, "CODEX_HOME": folder / ".codex", "PACKY_STATE": folder / "state"}
    yield {name: str(path) for name, path in inside.items()}
    folder.chmod(0o700)


@pytest.mark.parametrize("variables", [["HOME"], ["HOME", "CODEX_HOME", "PACKY_STATE"]], ids=["home", "each"])
@pytest.mark.parametrize(
    ("args", "status"),
    [
        pytest.param(["check"], 0, id="check"),
        pytest.param(["models"], 0, id="models"),
        pytest.param(["doctor"], 1, id="doctor"),
        pytest.param(["usage"], 1, id="usage"),
        pytest.param(["import-codex"], 1, id="import-codex"),
    ],
)
def test_commands_say_what_they_cannot_read(
    packy: Packy, closed: dict[str, str], variables: list[str], args: list[str], status: int
) -> None:
    environ = {name: closed[name] for name in variables}

    result = packy(command=[*MORTAL, PACKY, *args], PACKYCODE_API_KEY="sk-env", **environ)

    text = result.stdout + result.stderr
    assert result.returncode == status, text
    assert "Traceback" not in text
    if args != ["models"]:
        assert re.search(r"is not readable|cannot be written", text)


def test_without_another_source_it_is_a_problem_with_its_repair(packy: Packy, closed: dict[str, str]) -> None:
    result = packy(command=[*MORTAL, PACKY, "serve"], CODEX_HOME=closed["CODEX_HOME"])

    assert result.returncode == 2
    assert "config.toml: is not readable\n    fix: make it readable for this user" in result.stderr


def test_the_gateway_serves(tmp_path: Path, closed: dict[str, str]) -> None:
    environ = {**closed, "PACKYCODE_API_KEY": "sk-env"}

    with Gateway(tmp_path / "gateway", None, environ=environ, prefix=MORTAL) as gateway:
        assert requests.get(f"{gateway.url}/readyz", timeout=10).ok
        gateway.until(lambda _: gateway.lines("config_watched"))
        assert gateway.lines("uncaught") == []
