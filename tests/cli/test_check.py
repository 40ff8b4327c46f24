"""`packy check`: every field with its value and source, every provider, every warning; or all problems, repaired."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from packy.config import ConfigSchema
from packy.config.containers import Section
from tests.cli.desk import KEY, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result
    from marshmallow import Schema

FULL = f"""\
    client-keys: [{{label: laptop, key: {KEY}-laptop}}, {KEY}-nameless]
    packycode:
      enabled: true
      base-url: https://codex-api.packycode.com/v1
      credentials: {{openai-api-key: {KEY}}}
    codex-api-key:
      - {{name: spare, base-url: https://api.openai.com/v1, api-key: {KEY}-spare, models: [gpt-5, gpt-5-codex]}}
      - {{base-url: https://other.example/v1, api-key: {KEY}-other, enabled: false}}
    aliases: {{opus: {{model: gpt-5-codex, effort: high}}, fast: gpt-5-mini}}
    compatibility: {{parameters: [top_p, max_tokens]}}
    limits: {{max-body: 1536}}
    timeouts: {{connect: 2.5}}
    remote-management: {{secret-key: {KEY}-management}}
    trusted-proxies: [10.0.0.0/8, 192.0.2.1]
"""
CODEX = """\
    model = "gpt-5-codex"
    model_provider = "packycode"
    [model_providers.packycode]
    base_url = "https://codex-api.packycode.com/v1"
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def rows(result: Result) -> dict[str, tuple[str, str]]:
    """Value and source by field, as the first table shows them."""
    table = result.stdout.split("\n\n")[1].splitlines()
    assert table[0].split() == ["FIELD", "VALUE", "SOURCE"]
    return {field: (value, source) for field, value, source in (re.split(r" {2,}", line) for line in table[1:])}


# fmt: off
FIELDS = [
    ("a default", "port", "8317", "default"),
    ("a client key", "client-keys.laptop", "********", "config.yaml"),
    ("a client key without a label", "client-keys.key-2", "********", "config.yaml"),
    ("a switch", "packycode.enabled", "true", "config.yaml"),
    ("a URL", "packycode.base-url", "https://codex-api.packycode.com/v1", "config.yaml"),
    ("a key", "packycode.credentials.openai-api-key", "********", "config.yaml"),
    ("a default of the block", "packycode.wire-api", "responses", "default"),
    ("another provider's key", "codex-api-key.spare.api-key", "********", "config.yaml"),
    ("another provider's models", "codex-api-key.spare.models", "gpt-5, gpt-5-codex", "config.yaml"),
    ("a default of another provider", "codex-api-key.spare.enabled", "true", "default"),
    ("a provider without a name", "codex-api-key.codex-2.base-url", "https://other.example/v1", "config.yaml"),
    ("an alias with an effort", "aliases.opus", "gpt-5-codex(high)", "config.yaml"),
    ("an alias", "aliases.fast", "gpt-5-mini", "config.yaml"),
    ("an alias by default", "aliases.haiku", "gpt-5", "default"),
    ("a set", "compatibility.parameters", "max_tokens, top_p", "config.yaml"),
    ("a duration", "timeouts.connect", "2.5 s", "config.yaml"),
    ("a duration by default", "timeouts.idle", "600 s", "default"),
    ("a size", "limits.max-body", "1536B", "config.yaml"),
    ("the management key", "remote-management.secret-key", "********", "config.yaml"),
    ("networks", "trusted-proxies", "10.0.0.0/8, 192.0.2.1/32", "config.yaml"),
    ("the last one", "routing.failover", "false", "default"),
]
# fmt: on


@pytest.mark.parametrize(("field", "value", "source"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
def test_each_field_is_shown_with_its_value_and_source(desk: Desk, field: str, value: str, source: str) -> None:
    desk.write(FULL)
    result = desk.packy("check")
    assert result.exit_code == 0
    assert rows(result)[field] == (value, source)
    assert str(desk.config) in result.stdout
    assert "The configuration is valid." in result.stdout


def _leaves(schema: Schema, above: str = "") -> Iterator[str]:
    for each in schema.load_fields.values():
        name = f"{above}{each.data_key}"
        if isinstance(each, Section):
            yield from _leaves(each.schema, f"{name}.")
        else:
            yield name


def test_no_field_of_the_schema_is_left_out(desk: Desk) -> None:
    desk.write("packycode: {enabled: false}")
    shown = rows(desk.packy("check"))
    lists = {"aliases"}
    assert {*_leaves(ConfigSchema())} - lists == {name for name in shown if not name.startswith("aliases.")}


def test_what_is_not_there_is_shown_as_such(desk: Desk) -> None:
    shown = rows(desk.packy("check"))
    assert shown["packycode.base-url"] == ("-", "default")
    assert shown["packycode.credentials.openai-api-key"] == ("-", "default")
    assert shown["client-keys"] == ("none: whoever can connect is let in", "default")


def test_the_environment_is_named_by_the_variable(desk: Desk) -> None:
    shown = rows(
        desk.packy("check", PACKYCODE_API_KEY=KEY, PACKYCODE_MODEL="gpt-5.1", PACKYCODE_REASONING_EFFORT="low")
    )
    prefix = "environment variable PACKYCODE_"
    assert shown["packycode.credentials.openai-api-key"] == ("********", f"{prefix}API_KEY")
    assert shown["packycode.enabled"] == ("true", f"{prefix}API_KEY")
    assert shown["packycode.defaults.model"] == ("gpt-5.1", f"{prefix}MODEL")
    assert shown["packycode.defaults.model-reasoning-effort"] == ("low", f"{prefix}REASONING_EFFORT")
    assert shown["packycode.base-url"] == ("https://codex-api.packycode.com/v1", "default")


def test_a_variable_in_the_env_file_is_told_apart_from_one_in_the_environment(desk: Desk) -> None:
    (desk.folder / ".env").write_text(f"PACKYCODE_API_KEY={KEY}\nPACKYCODE_MODEL=gpt-5.1\n")
    shown = rows(desk.packy("check", PACKYCODE_MODEL="gpt-5.2"))
    assert shown["packycode.credentials.openai-api-key"] == ("********", "PACKYCODE_API_KEY in .env")
    assert shown["packycode.enabled"] == ("true", "PACKYCODE_API_KEY in .env")
    assert shown["packycode.defaults.model"] == ("gpt-5.2", "environment variable PACKYCODE_MODEL")


def test_the_codex_cli_is_named_where_it_supplies_a_field(desk: Desk) -> None:
    desk.codex(CODEX, {"OPENAI_API_KEY": KEY})
    desk.write("packycode: {enabled: true, defaults: {model: gpt-5.2}}")
    shown = rows(desk.packy("check", PACKYCODE_BASE_URL="https://a.example/v1"))
    assert shown["packycode.credentials.openai-api-key"] == ("********", "codex-cli")
    assert shown["packycode.base-url"] == ("https://a.example/v1", "environment variable PACKYCODE_BASE_URL")
    assert shown["packycode.defaults.model"] == ("gpt-5.2", "config.yaml")


def test_the_variables_of_serve_go_before_the_file(desk: Desk) -> None:
    desk.write("{port: 9000, workers: 1}")
    shown = rows(desk.packy("check", PACKY_PORT="9001"))
    assert shown["port"] == ("9001", "environment variable PACKY_PORT")
    assert shown["workers"] == ("1", "config.yaml")


def test_providers_in_use_at_rest_and_disabled(desk: Desk) -> None:
    desk.write(FULL)
    lines = desk.packy("check").stdout.split("\n\n")[2].splitlines()
    cells = [re.split(r" {2,}", line) for line in lines]
    assert cells == [
        ["PROVIDER", "STATE", "BASE URL", "MODELS"],
        ["packycode", "in use", "https://codex-api.packycode.com/v1", "any"],
        ["spare", "resting", "https://api.openai.com/v1", "gpt-5, gpt-5-codex"],
        ["codex-2", "disabled", "https://other.example/v1", "any"],
    ]


def test_a_disabled_packycode_leaves_the_work_to_others(desk: Desk) -> None:
    desk.write(FULL.replace("enabled: true\n", "enabled: false\n"))
    document = json.loads(desk.packy("check", "--json").stdout)
    assert [(each["name"], each["state"]) for each in document["providers"]] == [
        ("packycode", "disabled"),
        ("spare", "in use"),
        ("codex-2", "disabled"),
    ]


def test_warnings_are_shown_and_are_no_problem(desk: Desk) -> None:
    result = desk.packy("check")
    assert result.exit_code == 0
    assert "warning" in result.stdout
    assert "no provider is enabled" in result.stdout
    assert "fix: export PACKYCODE_API_KEY=THE-KEY" in result.stdout


def test_all_problems_are_told_at_once_each_with_its_repair(desk: Desk) -> None:
    desk.write(f"""\
        port: many
        prot: 1
        packycode:
          enabled: true
          wire-api: chat
          credentials: {{openai-api-key: "{KEY} "}}
        """)
    result = desk.packy("check", PACKY_WORKERS="several")
    assert result.exit_code == 1
    assert result.stdout.startswith("6 problems in the configuration:")
    assert result.stdout.count("fix: ") == 6
    for words in ("PACKY_WORKERS", ":1:7: port", ":2:1: prot", "wire-api: responses", "base-url", "openai-api-key"):
        assert words in result.stdout


def test_what_a_repair_says_makes_it_valid(desk: Desk) -> None:
    desk.write("prot: 8317")
    result = desk.packy("check")
    assert result.exit_code == 1
    found = re.search(r"fix: write `(\w+)`", result.stdout)
    assert found
    desk.write(f"{found[1]}: 8317")
    assert desk.packy("check").exit_code == 0


def test_a_variable_of_serve_that_cannot_be_used_is_a_problem(desk: Desk) -> None:
    result = desk.packy("check", PACKY_PORT="70000")
    assert result.exit_code == 1
    assert "environment variable PACKY_PORT: must be a whole number from 0 to 65535 (now: 70000)" in result.stdout


@pytest.mark.parametrize(("file", "variable"), [("host: 0.0.0.0", None), ("", "0.0.0.0")], ids=["file", "variable"])
def test_a_gateway_that_would_refuse_to_start_is_a_problem(desk: Desk, file: str, variable: str | None) -> None:
    desk.write(file)
    environ = {"PACKY_HOST": variable} if variable else {}
    result = desk.packy("check", **environ)
    assert result.exit_code == 1
    assert "client-keys are missing, while packy is to listen on 0.0.0.0" in result.stdout
    desk.write(f"{file}\nclient-keys: [{KEY}]\n")
    assert desk.packy("check", **environ).exit_code == 0


def test_another_file_may_be_named(desk: Desk) -> None:
    (desk.folder / "other.yaml").write_text("port: 1234")
    assert rows(desk.packy("check", "--config", "other.yaml"))["port"] == ("1234", "config.yaml")
    assert rows(desk.packy("check", PACKY_CONFIG="other.yaml"))["port"] == ("1234", "config.yaml")
    result = desk.packy("check", "--config", "none.yaml")
    assert result.exit_code == 1
    assert "none.yaml: does not exist\n    fix: create it" in result.stdout


def test_a_file_that_is_not_there_is_told_to_be_not_there(desk: Desk) -> None:
    assert f"{desk.config} (does not exist)" in desk.packy("check").stdout


def _json(desk: Desk, *args: str, **environ: str) -> dict[str, Any]:
    result = desk.packy("check", "--json", *args, **environ)
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    return dict(document)


def test_scripts_get_the_same_as_json(desk: Desk) -> None:
    desk.write(FULL)
    document = _json(desk)
    assert document["config_file"] == {"path": str(desk.config), "found": True}
    assert (document["problems"], document["warnings"]) == ([], [])
    fields = {each["field"]: each for each in document["fields"]}
    assert fields.keys() == rows(desk.packy("check")).keys()
    assert fields["limits.max-body"] == {"field": "limits.max-body", "value": 1536, "source": "config.yaml"}
    assert fields["timeouts.connect"]["value"] == 2.5
    assert fields["packycode.enabled"]["value"] is True
    assert fields["packycode.credentials.openai-api-key"]["value"] == "********"
    assert fields["trusted-proxies"]["value"] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert "live" not in document


def test_scripts_get_the_problems_as_json(desk: Desk) -> None:
    desk.write("port: many")
    (problem,) = _json(desk)["problems"]
    assert problem == {
        "field": "port",
        "problem": "must be a whole number from 0 to 65535",
        "fix": "write `port: 8317`",
        "value": '"many"',
        "source": "config.yaml",
        "line": 1,
        "column": 7,
    }
