"""Broken files of the Codex CLI: a problem where they are needed, a warning where they are not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.config.machine import Machine

AUTH = {"OPENAI_API_KEY": "sk-codex"}


def _provider(text: str, head: str = 'model_provider = "packycode"') -> str:
    return f'{head}\n[model_providers.packycode]\nbase_url = "https://a.example"\n{text}\n'


class Broken(NamedTuple):
    """config.toml and auth.json; field, words and source of the problem; both files after the repair."""

    name: str
    config: str | bytes
    auth: object
    field: str
    words: str
    source: str
    repaired: str | None
    key: object


# fmt: off
BROKEN: list[tuple[Any, ...]] = [
    ("toml", "model = \n", AUTH, "", "is not valid TOML", "config.toml", _provider(""), AUTH),
    ("toml encoding", b"model = '\xe4'", AUTH, "", "is not UTF-8", "config.toml", _provider(""), AUTH),
    ("toml depth", f"a = {'[' * 9000}", AUTH, "", "is nested too deeply", "config.toml", _provider(""), AUTH),
    ("url absent", 'model_provider = "packycode"', AUTH, "packycode.base-url", "is missing", "config.toml",
     _provider(""), AUTH),
    ("url", '[model_providers.packycode]\nbase_url = "a.example"', AUTH, "packycode.base-url", "begin with http",
     "config.toml (model_providers.packycode.base_url)", _provider(""), AUTH),
    ("url type", "[model_providers.packycode]\nbase_url = 1", AUTH, "packycode.base-url", "must be text",
     "config.toml (model_providers.packycode.base_url)", _provider(""), AUTH),
    ("wire_api", _provider('wire_api = "chat"'), AUTH, "packycode.wire-api", "must be responses",
     "config.toml (model_providers.packycode.wire_api)", _provider('wire_api = "responses"'), AUTH),
    ("login", _provider('requires_openai_auth = "yes"'), AUTH, "packycode.requires-openai-auth",
     "must be true or false", "config.toml (model_providers.packycode.requires_openai_auth)",
     _provider("requires_openai_auth = true"), AUTH),
    ("model", _provider("", 'model = ""\nmodel_provider = "packycode"'), AUTH, "packycode.defaults.model", "is empty",
     "config.toml (model)", _provider(""), AUTH),
    ("effort", _provider("", 'model_reasoning_effort = "hihg"\nmodel_provider = "packycode"'), AUTH,
     "packycode.defaults.model-reasoning-effort", "one of low, medium, high", "config.toml (model_reasoning_effort)",
     _provider(""), AUTH),
    ("auth absent", _provider(""), None, "packycode.credentials.openai-api-key",
     "does not exist or has no OPENAI_API_KEY", "auth.json", None, AUTH),
    ("auth without key", _provider(""), {"tokens": {}}, "packycode.credentials.openai-api-key",
     "does not exist or has no OPENAI_API_KEY", "auth.json", None, AUTH),
    ("auth null", _provider(""), {"OPENAI_API_KEY": None}, "packycode.credentials.openai-api-key",
     "does not exist or has no OPENAI_API_KEY", "auth.json", None, AUTH),
    ("auth type", _provider(""), {"OPENAI_API_KEY": 1}, "packycode.credentials.openai-api-key", "must be text",
     "auth.json (OPENAI_API_KEY)", None, AUTH),
    ("auth value", _provider(""), {"OPENAI_API_KEY": "a b"}, "packycode.credentials.openai-api-key",
     "a space or a line break", "auth.json (OPENAI_API_KEY)", None, AUTH),
    ("json", _provider(""), "{", "", "is not valid JSON", "auth.json", None, AUTH),
    ("json list", _provider(""), "[]", "", "must be a mapping at its root", "auth.json", None, AUTH),
    ("json depth", _provider(""), "[" * 90000, "", "is nested too deeply", "auth.json", None, AUTH),
]
# fmt: on


@pytest.mark.parametrize("row", [Broken(*row) for row in BROKEN], ids=lambda row: row.name)
class TestBrokenFiles:
    def test_that_are_needed_are_a_problem_whose_repair_works(self, machine: Machine, row: Broken) -> None:
        machine.codex(row.config, row.auth)
        problem = machine.problem()
        assert problem.field == row.field
        assert row.words in problem.problem
        assert problem.source == f"{machine.home}/.codex/{row.source}"
        machine.codex(row.repaired, row.key)
        assert machine.load().packycode.enabled

    def test_only_warn_where_everything_is_configured_above(self, machine: Machine, row: Broken) -> None:
        machine.codex(row.config, row.auth)
        complete = {
            "PACKYCODE_API_KEY": "sk-env",
            "PACKYCODE_BASE_URL": "https://env.example",
            "PACKYCODE_MODEL": "gpt-env",
            "PACKYCODE_REASONING_EFFORT": "low",
        }
        block = "packycode: {enabled: true, wire-api: responses, requires-openai-auth: true}"
        snapshot = machine.load(block, complete)
        assert snapshot.providers[0].base_url == "https://env.example"
        # What is merely absent is not even worth a warning.
        assert [row.words in warning.problem for warning in snapshot.warnings] == [True] * (row.words != "is missing")

    def test_are_no_problem_where_packycode_is_disabled_above(self, machine: Machine, row: Broken) -> None:
        machine.codex(row.config, row.auth)
        assert not machine.load("packycode: {enabled: false}").packycode.enabled
        assert not machine.load("", {"PACKYCODE_ENABLED": "false"}).packycode.enabled


@pytest.mark.parametrize("effort", ["none", "minimal", "xhigh"])
def test_an_effort_that_only_the_codex_cli_knows_warns_and_the_default_stands_in(machine: Machine, effort: str) -> None:
    machine.codex(_provider("", f'model_reasoning_effort = "{effort}"\nmodel_provider = "packycode"'), AUTH)
    snapshot = machine.load()
    (warning,) = snapshot.warnings
    assert effort in warning.problem
    assert snapshot.packycode.defaults.model_reasoning_effort == "high"
    match = re.search(r"export (\w+)=(\w+)", warning.fix)
    assert match
    assert machine.load(environ={match[1]: match[2]}).packycode.defaults.model_reasoning_effort == match[2]


def test_toml_errors_have_their_place(machine: Machine) -> None:
    machine.codex('a = 1\nmodel = "sk-canary\n')
    problem = machine.problem()
    assert problem.line == 2
    assert problem.column is not None
    assert "canary" not in str(problem)


def test_json_errors_have_their_place(machine: Machine) -> None:
    machine.codex(_provider(""), '{\n  "OPENAI_API_KEY": sk-canary}')
    problem = machine.problem()
    assert (problem.line, problem.column) == (2, 21)
    assert "canary" not in str(problem)


def test_a_codex_home_that_is_no_folder_is_told_where_it_is_needed(machine: Machine) -> None:
    machine.environ["CODEX_HOME"] = str(machine.home / "nowhere")
    problem = machine.problem()
    assert problem.source == "environment variable CODEX_HOME"
    assert machine.load(environ={"PACKYCODE_API_KEY": "k"}).warnings[0].source == "environment variable CODEX_HOME"
    del machine.environ["CODEX_HOME"]
    machine.load()
