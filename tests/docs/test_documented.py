"""What the code reads and serves, the documentation names; what the documentation names is there."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib
from typing import TYPE_CHECKING

import click
import pytest
from flask import Blueprint, Flask

import blueprints
from packy.cli import main
from packy.config import BEFORE_FILE
from packy.config.environment import VARIABLES
from packy.errors import MANAGEMENT_PATH
from packy.launch import claude_environment
from packy.telemetry.events import EVENTS
from tests.docs.pages import page, words
from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENT_PAGE = page("docs/configuration.md").section("Environment")
REFERENCE = page("docs/reference.md")
# Set by one of packy's programs for another, not by people.
INTERNAL = {"PACKY_PROGRAM"}
# Read by the standard library and by requests.
LIBRARIES = {"ALL_PROXY", "HTTPS_PROXY", "TMPDIR"}
# How modules call the process's environment; a WSGI environ goes by the same name in middleware, blueprints and demo.
PARAMETER = re.compile(r"<[^>]*>")
ENVIRONMENT = re.compile(r"(os\.environ|os)(\.get|\.getenv|\.pop)?|(self\.)?environ(\.get)?")


def sources() -> list[Path]:
    modules = [path for path in (ROOT / "packy").rglob("*.py") if "demo" not in path.parts]
    return [ROOT / "wsgi.py", ROOT / "gunicorn.conf.py", *modules]


def variables_read(path: Path) -> Iterator[str]:
    """Yield the names that a module looks up in its environment, as they are or by a constant of its own."""
    tree = ast.parse(path.read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.AnnAssign)]
    constants = {
        ast.unparse(node.target): node.value.value for node in assigned if isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=place, args=[name, *_]):
                pass
            case ast.Subscript(value=place, slice=name, ctx=ast.Load()):
                pass
            case ast.Compare(left=name, comparators=[place]):
                pass
            case _:
                continue
        if not ENVIRONMENT.fullmatch(ast.unparse(place)):
            continue
        found = name.value if isinstance(name, ast.Constant) else constants.get(ast.unparse(name))
        if isinstance(found, str):
            yield found


def read_anywhere() -> set[str]:
    shell = re.findall(r"\$\{?(PACKY_[A-Z]+)", (ROOT / "run").read_text())
    found = {name.upper() for path in sources() for name in variables_read(path)} | set(VARIABLES)
    found |= {*BEFORE_FILE.values(), *shell}
    return found - INTERNAL


def options() -> set[tuple[str, str]]:
    """Every command with each of its long options, and with none."""
    found = set()
    for name, command in main.commands.items():
        found.add((name, ""))
        given = [each for param in command.params if isinstance(param, click.Option) for each in param.opts]
        found |= {(name, option) for option in given if option.startswith("--")}
    return found


def documented_options() -> set[tuple[str, str]]:
    found = set()
    for cell, _ in REFERENCE.tables[0][1:]:
        command, *rest = re.findall(r"--[a-z-]+|(?<=`)[a-z-]+", cell)
        found |= {(command, option) for option in rest or [""]}
    return found


def routes() -> set[str]:
    """Every route outside of the management API, as `METHOD /path/{name}`."""
    app = Flask("routes", static_folder=None)
    for module in pkgutil.iter_modules(blueprints.__path__):
        blueprint = importlib.import_module(f"blueprints.{module.name}").blueprint
        assert isinstance(blueprint, Blueprint)
        app.register_blueprint(blueprint)
    return {
        f"{method} {PARAMETER.sub('{name}', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(MANAGEMENT_PATH)
    }


def test_the_search_finds_what_there_is() -> None:
    assert {
        "PACKY_CONFIG", "PACKY_PYTHON", "PACKYCODE_API_KEY", "CODEX_HOME", "SSL_CERT_FILE", "PROMETHEUS_MULTIPROC_DIR"
    } <= read_anywhere()  # fmt: skip


def test_the_environment_is_documented_and_nothing_else() -> None:
    named = {word for word in words(ENVIRONMENT_PAGE) if re.fullmatch(r"[A-Z][A-Z_]+", word)}

    assert named == read_anywhere() | LIBRARIES


@pytest.mark.parametrize("name", ["README.md", "README_CN.md", "docs/errors.md", "docs/migration.md"])
def test_each_variable_of_packy_in_another_page_is_read(name: str) -> None:
    named = set(re.findall(r"(?:PACKY|PACKYCODE|CODEX)_[A-Z_]+[A-Z]", page(name).text))

    assert named <= read_anywhere()


def test_the_readme_says_what_the_launcher_sets() -> None:
    exported = set(re.findall(r"\b(?:ANTHROPIC|CLAUDE)_[A-Z_]+(?==)", page("README.md").text))

    assert exported == claude_environment("", "", "gpt-5").keys()


@pytest.mark.parametrize("name", ["README.md", "README_CN.md"])
def test_the_readme_has_every_command_and_no_other(name: str) -> None:
    table = next(each for each in page(name).tables if each[1][0] == "`./run demo`")

    assert {row[0].strip("`").removeprefix("./run ") for row in table[1:]} == main.commands.keys()


def test_each_command_that_a_page_runs_is_one() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "docs/errors.md", "docs/migration.md", "docs/performance.md"):
        assert set(re.findall(r"\./run ([a-z][a-z-]*)", page(name).text)) <= main.commands.keys(), name


def test_every_option_of_every_command_is_documented_and_nothing_else() -> None:
    assert documented_options() == options()


def test_every_route_is_documented_and_nothing_else() -> None:
    named = {word for row in REFERENCE.tables[1][1:] for word in words(row[0])} - {f"{MANAGEMENT_PATH}/…"}

    assert named == routes()


def test_every_log_event_is_documented_and_nothing_else() -> None:
    named = {word for row in REFERENCE.tables[3][1:] for word in words(row[0])}

    assert named == set(EVENTS)


def test_every_dependency_has_its_reason_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *(each for group in project["dependency-groups"].values() for each in group),
    ]
    named = {name for table in page("docs/dependencies.md").tables for row in table[1:] for name in row[0].split(", ")}

    assert {name.lower() for name in named} == {re.split(r"[^\w.-]", each)[0].lower() for each in wanted}


def test_everything_that_is_installed_to_run_is_on_the_page() -> None:
    locked = re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    named = set(re.findall(r"[a-z0-9-]+", page("docs/dependencies.md").text.lower().replace(".", "-")))

    assert set(locked) - named == set()


def test_every_command_explains_itself() -> None:
    for name, command in main.commands.items():
        assert command.short_help, name
        assert inspect.getdoc(command.callback), name
