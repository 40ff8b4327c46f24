"""The Codex CLI's files: taken where they speak of packycode, left alone elsewhere, told where they are broken."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from packy.config import PUBLIC_BASE_URL, load_snapshot

if TYPE_CHECKING:
    from tests.config.machine import Machine

AUTH = {"OPENAI_API_KEY": "sk-codex"}
USUAL = """\
model = "gpt-5-codex"
model_provider = "packycode"
model_reasoning_effort = "medium"
disable_response_storage = true

[model_providers.packycode]
name = "packycode"
base_url = "https://codex-api.packycode.com/v1"
wire_api = "responses"
requires_openai_auth = true
"""


def _provider(text: str, head: str = 'model_provider = "packycode"') -> str:
    return f'{head}\n[model_providers.packycode]\nbase_url = "https://a.example"\n{text}\n'


def test_a_codex_cli_set_up_for_packycode_is_all_that_is_needed(machine: Machine) -> None:
    machine.codex(USUAL, AUTH)
    snapshot = machine.load()
    (provider,) = snapshot.providers
    assert (provider.kind, provider.base_url) == ("packycode", "https://codex-api.packycode.com/v1")
    assert provider.api_key
    assert provider.api_key.reveal() == "sk-codex"
    assert snapshot.packycode.defaults.model == "gpt-5-codex"
    assert snapshot.packycode.defaults.model_reasoning_effort == "medium"
    assert snapshot.packycode.effective_source == "codex-cli"
    assert snapshot.warnings == ()


# fmt: off
RECOGNISED = [
    ("id", '[model_providers.packycode]\nbase_url = "https://a.example"'),
    ("id in part", '[model_providers."my-PackyCode"]\nbase_url = "https://a.example"'),
    ("name", '[model_providers.p]\nname = "PackyCode (bus)"\nbase_url = "https://a.example"'),
    ("host", '[model_providers.p]\nbase_url = "https://codex-api.packycode.com/v1"'),
    ("provider in force",
     'model_provider = "p"\n[model_providers.p]\nname = "packycode"\nbase_url = "https://a.example"'),
    ("active profile",
     'profile = "x"\n[profiles.x]\nmodel_provider = "packycode"\n[model_providers.packycode]\nbase_url = "https://a.example"'),
    ("another profile",
     '[profiles.x]\nmodel_provider = "packycode"\n[model_providers.packycode]\nbase_url = "https://a.example"'),
]
# fmt: on


@pytest.mark.parametrize("config", [row[1] for row in RECOGNISED], ids=[row[0] for row in RECOGNISED])
def test_packycode_is_recognised(machine: Machine, config: str) -> None:
    machine.codex(config, AUTH)
    assert machine.load().packycode.enabled


@pytest.mark.parametrize(
    "config",
    [
        "",
        'model = "gpt-5"',
        'model_provider = "openai"',
        '[model_providers.other]\nname = "Other"\nbase_url = "https://other.example/packycode"',
        'model_provider = 1\nmodel_providers = "packycode"\nprofiles = 3\nprofile = []',
        '[model_providers]\nother = "packycode"',
        '[model_providers.other]\nname = 1\nbase_url = "https://[packycode"',
    ],
    ids=["empty", "model", "openai", "in the path only", "odd types", "odd provider", "odd fields"],
)
def test_other_set_ups_are_left_alone_with_their_keys(machine: Machine, config: str) -> None:
    machine.codex(config, AUTH)
    snapshot = machine.load()
    assert not snapshot.packycode.enabled
    assert snapshot.packycode.credentials.openai_api_key is None
    assert dict(snapshot.packycode.effective_sources) == {}


def test_a_key_in_the_environment_does_not_bring_another_providers_url_with_it(machine: Machine) -> None:
    machine.codex('model_provider = "other"\n[model_providers.other]\nbase_url = "https://other.example"', AUTH)
    assert machine.load(environ={"PACKYCODE_API_KEY": "k"}).providers[0].base_url == PUBLIC_BASE_URL


def test_the_model_of_another_provider_is_not_taken(machine: Machine) -> None:
    machine.codex(_provider("", 'model = "llama"\nmodel_provider = "ollama"'), AUTH)
    assert machine.load().packycode.defaults.model == "gpt-5"


def test_a_byte_order_mark_is_no_part_of_the_toml(machine: Machine) -> None:
    machine.codex(b"\xef\xbb\xbf" + _provider("").encode(), AUTH)
    assert machine.load().packycode.enabled


def test_an_active_profile_lies_over_the_top_level(machine: Machine) -> None:
    machine.codex(
        _provider("[profiles.x]\nmodel = 'of-x'", 'model = "of-top"\nmodel_provider = "packycode"\nprofile = "x"'), AUTH
    )
    assert machine.load().packycode.defaults.model == "of-x"


def test_the_provider_in_force_goes_before_others_of_that_name(machine: Machine) -> None:
    machine.codex(
        """\
        model_provider = "packycode-2"
        [model_providers.packycode-1]
        base_url = "https://one.example"
        [model_providers.packycode-2]
        base_url = "https://two.example"
        """,
        AUTH,
    )
    assert machine.load().packycode.base_url == "https://two.example"


def test_codex_home_goes_before_the_home_folder(machine: Machine) -> None:
    machine.codex(_provider(""), AUTH)
    other = machine.home / "elsewhere"
    (machine.home / ".codex").rename(other)
    assert not machine.load().packycode.enabled
    assert machine.load(environ={"CODEX_HOME": str(other)}).packycode.enabled


def test_an_empty_codex_home_is_as_good_as_none(machine: Machine) -> None:
    machine.codex(_provider(""), AUTH)
    assert machine.load(environ={"CODEX_HOME": ""}).packycode.enabled


def test_without_a_home_folder_there_are_no_files(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)  # a user without an entry in the password database
    assert load_snapshot(None, {"PACKY_CONFIG": str(machine.config)}).sources.codex_files == ()


class Case(NamedTuple):
    """The provider's table and the environment, beside a key in auth.json; the key that is sent, if one is wanted."""

    name: str
    table: str
    environ: dict[str, str]
    key: str | None
    wanted: bool


# fmt: off
KEYS = [
    ("auth.json", "", {}, "sk-codex", True),
    ("auth.json, login required", "requires_openai_auth = true", {}, "sk-codex", True),
    ("no login", "requires_openai_auth = false", {}, None, False),
    ("variable", 'env_key = "MY_KEY"', {"MY_KEY": "sk-var"}, "sk-var", True),
    ("variable, no login", 'env_key = "MY_KEY"\nrequires_openai_auth = false', {"MY_KEY": "sk-var"}, "sk-var", True),
    ("variable before login", 'env_key = "MY_KEY"\nrequires_openai_auth = true', {"MY_KEY": "sk-var"}, "sk-var",
     True),
    ("login where the variable is not set", 'env_key = "MY_KEY"\nrequires_openai_auth = true', {}, "sk-codex", True),
]
# fmt: on


@pytest.mark.parametrize("case", [Case(*row) for row in KEYS], ids=lambda case: case.name)
def test_where_the_key_comes_from(machine: Machine, case: Case) -> None:
    machine.codex(_provider(case.table), AUTH)
    (provider,) = machine.load(environ=case.environ).providers
    assert (provider.api_key and provider.api_key.reveal()) == case.key
    assert provider.requires_auth is case.wanted


def test_a_key_in_auth_json_is_not_sent_where_the_provider_has_a_variable_of_its_own(machine: Machine) -> None:
    machine.codex(_provider('env_key = "MY_KEY"'), AUTH)
    problem = machine.problem()
    assert "MY_KEY" in problem.problem
    match = re.match(r"export (\w+)=", problem.fix)
    assert match
    machine.load(environ={match[1]: "sk-var"})
