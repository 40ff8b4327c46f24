"""Where each field of the packycode block comes from: config.yaml, then the environment, then the Codex CLI's files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from packy.config import PUBLIC_BASE_URL

if TYPE_CHECKING:
    from tests.config.machine import Machine


CODEX = """\
model = "gpt-codex"
model_provider = "packycode"
model_reasoning_effort = "low"
[model_providers.packycode]
base_url = "https://codex.example/v1"
"""
AUTH = {"OPENAI_API_KEY": "sk-codex"}
ENVIRON = {
    "PACKYCODE_ENABLED": "true",
    "PACKYCODE_BASE_URL": "https://env.example/v1",
    "PACKYCODE_API_KEY": "sk-env",
    "PACKYCODE_MODEL": "gpt-env",
    "PACKYCODE_REASONING_EFFORT": "medium",
}
FILE = {
    "enabled": "packycode: {enabled: true}",
    "base-url": "packycode: {base-url: https://file.example/v1}",
    "credentials.openai-api-key": "packycode: {credentials: {openai-api-key: sk-file}}",
    "defaults.model": "packycode: {defaults: {model: gpt-file}}",
    "defaults.model-reasoning-effort": "packycode: {defaults: {model-reasoning-effort: high}}",
}


def _values(machine: Machine) -> dict[str, object]:
    block = machine.load().packycode
    key = block.credentials.openai_api_key
    return {
        "enabled": block.enabled,
        "base-url": block.base_url,
        "credentials.openai-api-key": key and key.reveal(),
        "defaults.model": block.defaults.model,
        "defaults.model-reasoning-effort": block.defaults.model_reasoning_effort,
    }


def _by_source(file: str, env: str, codex: str) -> dict[str, str]:
    return {"config.yaml": file, "env": env, "codex-cli": codex}


EXPECTED: dict[str, dict[str, Any]] = {
    "enabled": {"config.yaml": True, "env": True, "codex-cli": True},
    "base-url": _by_source("https://file.example/v1", "https://env.example/v1", "https://codex.example/v1"),
    "credentials.openai-api-key": _by_source("sk-file", "sk-env", "sk-codex"),
    "defaults.model": _by_source("gpt-file", "gpt-env", "gpt-codex"),
    "defaults.model-reasoning-effort": _by_source("high", "medium", "low"),
}


@pytest.mark.parametrize("field", FILE)
@pytest.mark.parametrize("source", ["config.yaml", "env", "codex-cli"])
def test_each_field_comes_from_the_highest_source_that_has_it(machine: Machine, field: str, source: str) -> None:
    """The other fields come from the environment, or, to test the Codex files, from there."""
    machine.codex(CODEX, AUTH)
    if source != "codex-cli":
        machine.environ.update(ENVIRON)
    if source == "config.yaml":
        machine.write(FILE[field])
    block = machine.load().packycode
    assert _values(machine)[field] == EXPECTED[field][source]
    assert block.effective_sources[field] == source
    assert block.effective_source == source
    others = {each for name, each in block.effective_sources.items() if name != field}
    assert others == {"env" if source == "config.yaml" else source}


def test_a_field_that_nobody_supplies_has_its_default_and_no_source(machine: Machine) -> None:
    block = machine.load(environ={"PACKYCODE_API_KEY": "sk-env"}).packycode
    assert dict(block.effective_sources) == {"enabled": "env", "credentials.openai-api-key": "env"}
    assert (block.defaults.model, block.base_url) == ("gpt-5", PUBLIC_BASE_URL)


def test_with_nothing_configured_there_is_no_source_and_no_provider(machine: Machine) -> None:
    snapshot = machine.load()
    assert snapshot.packycode.effective_source is None
    assert snapshot.providers == ()
    (warning,) = snapshot.warnings
    assert "no provider is enabled" in warning.problem
    assert machine.load(environ={"PACKYCODE_API_KEY": "sk-env"}).warnings == ()


class Case(NamedTuple):
    """config.yaml, environment, whether the Codex CLI is set up; whether that enables the block, and who says so."""

    name: str
    file: str
    environ: dict[str, str]
    codex: bool
    enabled: bool
    source: str | None


# fmt: off
ENABLED = [
    ("nothing", "", {}, False, False, None),
    ("a key in the environment", "", {"PACKYCODE_API_KEY": "k"}, False, True, "env"),
    ("a packycode provider in the Codex files", "", {}, True, True, "codex-cli"),
    ("the word in the environment", "", {"PACKYCODE_ENABLED": "true"}, True, True, "env"),
    ("the word in the environment, against its own key", "", {"PACKYCODE_ENABLED": "false", "PACKYCODE_API_KEY": "k"},
     False, False, "env"),
    ("the word in the environment, against the Codex files", "", {"PACKYCODE_ENABLED": "false"}, True, False, "env"),
    ("the file, against all others", "packycode: {enabled: false}", ENVIRON, True, False, "config.yaml"),
    ("the file, with what the others supply", "packycode: {enabled: true}", {}, True, True, "config.yaml"),
    ("the file, against the word in the environment", "packycode: {enabled: true}",
     {**ENVIRON, "PACKYCODE_ENABLED": "false"}, False, True, "config.yaml"),
    ("the word in the environment, where the file's block has none", "packycode: {wire-api: responses}", ENVIRON,
     False, True, "env"),
    ("not a key in the environment, where the file has a block", "packycode: {wire-api: responses}",
     {"PACKYCODE_API_KEY": "k"}, False, False, None),
    ("not the Codex files, where the file has a block", "packycode: {wire-api: responses}", {}, True, False, None),
    ("a file without a block changes nothing", "port: 1", {"PACKYCODE_API_KEY": "k"}, False, True, "env"),
]
# fmt: on


@pytest.mark.parametrize("case", [Case(*row) for row in ENABLED], ids=lambda case: case.name)
def test_what_enables_the_block(machine: Machine, case: Case) -> None:
    if case.codex:
        machine.codex(CODEX, AUTH)
    snapshot = machine.load(case.file, case.environ)
    assert snapshot.packycode.enabled is case.enabled
    assert snapshot.packycode.effective_sources.get("enabled") == case.source
    assert [provider.kind for provider in snapshot.providers] == ["packycode"] * case.enabled


def test_the_public_base_url_is_the_default_only_where_the_file_has_no_block(machine: Machine) -> None:
    assert machine.load(environ={"PACKYCODE_API_KEY": "k"}).providers[0].base_url == PUBLIC_BASE_URL
    problem = machine.problem("packycode: {enabled: true}")
    assert problem.field == "packycode.base-url"


def test_a_base_url_of_the_codex_files_goes_before_the_default(machine: Machine) -> None:
    machine.codex(CODEX)
    assert machine.load(environ={"PACKYCODE_API_KEY": "k"}).providers[0].base_url == "https://codex.example/v1"


def test_a_block_that_does_not_say_whether_it_is_enabled_warns_and_the_repair_works(machine: Machine) -> None:
    machine.environ["PACKYCODE_API_KEY"] = "k"
    warning = machine.load("port: 1\npackycode: {base-url: https://a.example}").warnings[0]
    assert (warning.field, warning.line) == ("packycode", 2)
    assert "enabled: true" in warning.fix
    assert machine.load("packycode: {base-url: https://a.example, enabled: true}").warnings == ()


def test_environment_without_effect_warns_and_the_repair_works(machine: Machine) -> None:
    warning = machine.load(environ={"PACKYCODE_MODEL": "gpt-5-codex"}).warnings[0]
    assert warning.source == "environment variable PACKYCODE_MODEL"
    assert "export PACKYCODE_API_KEY" in warning.fix
    assert machine.load(environ={"PACKYCODE_API_KEY": "k"}).warnings == ()


# Variable, its value, words of the problem.
INVALID = [
    ("PACKYCODE_ENABLED", "yes", "must be true or false"),
    ("PACKYCODE_ENABLED", "True", "must be true or false"),
    ("PACKYCODE_ENABLED", "1", "must be true or false"),
    ("PACKYCODE_ENABLED", "", "must be true or false"),
    ("PACKYCODE_BASE_URL", "codex-api.packycode.com/v1", "must begin with http:// or https://"),
    ("PACKYCODE_BASE_URL", "", "is empty"),
    ("PACKYCODE_API_KEY", "two words", "a space or a line break"),
    ("PACKYCODE_API_KEY", "sk-1\n", "a space or a line break"),
    ("PACKYCODE_API_KEY", "", "is empty"),
    ("PACKYCODE_API_KEY", "THE-KEY", "placeholder"),
    ("PACKYCODE_MODEL", "gpt 5", "without spaces"),
    ("PACKYCODE_MODEL", "", "is empty"),
    ("PACKYCODE_REASONING_EFFORT", "xhigh", "one of low, medium, high"),
    ("PACKYCODE_REASONING_EFFORT", "", "one of low, medium, high"),
]


@pytest.mark.parametrize(("variable", "value", "words"), INVALID)
def test_an_invalid_variable_is_named_and_both_repairs_work(
    machine: Machine, variable: str, value: str, words: str
) -> None:
    problem = machine.problem(environ={"PACKYCODE_API_KEY": "sk-1", variable: value})
    assert problem.source == f"environment variable {variable}"
    assert words in problem.problem
    match = re.match(r"export (\w+)=?(\S*)", problem.fix)
    assert match
    assert match[1] == variable
    assert "unset it" in problem.fix
    machine.load(environ={variable: match[2] or "sk-2"})
    del machine.environ[variable]
    machine.load()


@pytest.mark.parametrize(("variable", "value", "words"), INVALID)
def test_an_invalid_variable_that_is_not_needed_only_warns(
    machine: Machine, variable: str, value: str, words: str
) -> None:
    machine.environ[variable] = value
    (warning, *_) = machine.load("packycode: {enabled: false}").warnings
    assert warning.source == f"environment variable {variable}"
    assert words in warning.problem


def test_an_invalid_variable_below_a_value_of_the_file_only_warns(machine: Machine) -> None:
    machine.environ["PACKYCODE_BASE_URL"] = "nonsense"
    machine.environ["PACKYCODE_API_KEY"] = "sk-1"
    snapshot = machine.load("packycode: {enabled: true, base-url: https://file.example}")
    assert snapshot.providers[0].base_url == "https://file.example"
    assert [warning.source for warning in snapshot.warnings] == ["environment variable PACKYCODE_BASE_URL"]


def test_all_invalid_variables_come_at_once(machine: Machine) -> None:
    found = machine.problems(environ={variable: "\x00" for variable, _, _ in INVALID})
    assert {problem.source for problem in found} == {f"environment variable {variable}" for variable, _, _ in INVALID}


def test_what_is_missing_names_the_variable_that_wants_it(machine: Machine) -> None:
    problem = machine.problem(environ={"PACKYCODE_ENABLED": "true"})
    assert problem.field == "packycode.credentials.openai-api-key"
    assert problem.source == "environment variable PACKYCODE_ENABLED"
    assert "export PACKYCODE_API_KEY=" in problem.fix
    machine.load(environ={"PACKYCODE_API_KEY": "sk-1"})


def test_a_section_of_the_wrong_type_is_told_whatever_the_others_supply(machine: Machine) -> None:
    problem = machine.problem("packycode: {enabled: true, defaults: 5}", ENVIRON)
    assert problem.field == "packycode.defaults"


def test_the_snapshot_knows_its_files(machine: Machine) -> None:
    sources = machine.load("port: 1").sources
    assert (sources.config_file, sources.config_found) == (machine.config, True)
    folder = machine.home / ".codex"
    assert sources.codex_files == (folder / "config.toml", folder / "auth.json")
