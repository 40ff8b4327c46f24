"""The command explains itself."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from packy import __version__
from packy.cli import main
from packy.examples import EXAMPLES

if TYPE_CHECKING:
    from tests.cli.conftest import Packy

COMMANDS = sorted(main.commands)
# `test --help` is pytest's.
EXPLAINED = [name for name in COMMANDS if name != "test"]


def shown(*args: str) -> str:
    result = CliRunner().invoke(main, args, terminal_width=100)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command_with_what_it_does(flag: str) -> None:
    text = shown(flag)

    for name in COMMANDS:
        assert f"\n  {name} " in text
        assert main.commands[name].get_short_help_str(limit=100) in text


@pytest.mark.parametrize("name", EXPLAINED)
def test_each_command_explains_each_of_its_options(name: str) -> None:
    text = shown(name, "--help")

    assert text.startswith(f"Usage: main {name} ")
    for option in main.commands[name].params:
        if isinstance(option, click.Option):
            assert option.help
            assert max(option.opts, key=len) in text


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_shows_how_it_is_used(name: str) -> None:
    for line, purpose in EXAMPLES[name]:
        words = shlex.split(line.partition(">")[0].partition("<")[0])
        assert words[0] == name
        assert purpose
        # Parsed, not run: an option or a value that there is not ends the parsing.
        if name in EXPLAINED:
            main.commands[name].make_context(name, words[1:], resilient_parsing=False)
            # As it was called: in a checkout by ./run.
            assert re.search(rf"(packy|\./run) {re.escape(line)}", shown(name, "--help"))


def test_examples_are_of_commands_that_there_are() -> None:
    assert sorted(EXAMPLES) == COMMANDS


def test_the_version_is_told() -> None:
    assert shown("--version") == f"packy, version {__version__}\n"


def test_an_unknown_command_is_an_error_that_names_it(packy: Packy) -> None:
    result = packy("frobnicate")

    assert result.returncode == 2
    assert "No such command 'frobnicate'" in result.stderr
    assert "Traceback" not in result.stderr


def test_nothing_at_all_shows_the_help(packy: Packy) -> None:
    result = packy()

    assert "Usage: packy " in result.stdout + result.stderr


def test_test_hands_its_arguments_on_to_pytest(packy: Packy) -> None:
    result = packy("test", "--collect-only", "-q", "tests/cli/test_command_help.py", "-k", "version")

    assert result.returncode == 0
    assert "tests/cli/test_command_help.py::test_the_version_is_told" in result.stdout
    assert "test_nothing_at_all" not in result.stdout
