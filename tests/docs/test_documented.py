"""What the code reads, the documentation names; what the documentation says to run is there."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from packy.cli import main
from packy.config.environment import VARIABLES
from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = ("README.md", "config.example.yaml", "docs/configuration.md")
# Set by one of packy's programs for another, not by people.
INTERNAL = {"PACKY_PROGRAM"}
# How modules call the process's environment; a WSGI environ goes by the same name in middleware, blueprints and demo.
ENVIRONMENT = re.compile(r"(os\.environ|os)(\.get|\.getenv|\.pop)?|(self\.)?environ(\.get)?")


def sources() -> list[Path]:
    modules = [path for path in (ROOT / "packy").rglob("*.py") if "demo" not in path.parts]
    return [ROOT / "wsgi.py", ROOT / "gunicorn.conf.py", *modules]


def variables_read(path: Path) -> Iterator[str]:
    """Yield the constant names that a module looks up in its environment."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=place, args=[ast.Constant(value=str() as name), *_]):
                pass
            case ast.Subscript(value=place, slice=ast.Constant(value=str() as name), ctx=ast.Load()):
                pass
            case ast.Compare(left=ast.Constant(value=str() as name), comparators=[place]):
                pass
            case _:
                continue
        if ENVIRONMENT.fullmatch(ast.unparse(place)):
            yield name


def read_anywhere() -> set[str]:
    shell = re.findall(r"\$\{?(PACKY_[A-Z]+)", (ROOT / "run").read_text())
    found = {name.upper() for path in sources() for name in variables_read(path)} | set(VARIABLES) | set(shell)
    return found - INTERNAL


def test_the_search_finds_what_there_is() -> None:
    assert {"PACKY_CONFIG", "PACKY_PYTHON", "PACKYCODE_API_KEY", "CODEX_HOME", "SSL_CERT_FILE"} <= read_anywhere()


@pytest.mark.parametrize("variable", sorted(read_anywhere()))
def test_each_environment_variable_is_documented(variable: str) -> None:
    assert any(variable in (ROOT / page).read_text() for page in PAGES)


def test_each_variable_of_packy_in_the_readme_is_read() -> None:
    named = set(re.findall(r"`((?:PACKY|CODEX)[A-Z_]+)`", (ROOT / "README.md").read_text()))

    assert named <= read_anywhere()


def test_each_command_in_the_readme_is_one() -> None:
    named = set(re.findall(r"\./run ([a-z][a-z-]*)", (ROOT / "README.md").read_text()))

    assert named
    assert named <= main.commands.keys()
