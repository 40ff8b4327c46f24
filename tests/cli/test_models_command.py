"""`packy models`: the models in force, as a table and as JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from packy.routing import CATALOGUE
from tests.cli.desk import KEY, Desk

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

PACKYCODE = f"packycode: {{enabled: true, base-url: 'https://x.test/v1', credentials: {{openai-api-key: {KEY}}}}}\n"
OTHERS = f"""\
codex-api-key:
  - {{name: first, base-url: https://first.test/v1, api-key: {KEY}-1, models: [o3, gpt-4.1]}}
  - {{name: second, base-url: https://second.test/v1, api-key: {KEY}-2, models: [gpt-5-mini]}}
"""
ALIASES = "aliases: {haiku: {model: gpt-5-mini, effort: low}, deep: o3, claude-opus-*: o3}\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def rows(result: Result) -> list[list[str]]:
    table = result.stdout.split("\n\n")[0]
    return [re.split(r" {2,}", line) for line in table.splitlines()]


def test_a_key_in_the_environment_is_all_it_takes_to_see_packycodes_models(desk: Desk) -> None:
    result = desk.packy("models", PACKYCODE_API_KEY=KEY)

    assert result.exit_code == 0
    header, *found = rows(result)
    assert header == ["MODEL", "PROVIDER", "CONTEXT", "EFFORTS", "ALIASES"]
    assert {row[0] for row in found} == set(CATALOGUE)
    assert found[0] == ["gpt-5", "packycode", "272,000", "minimal low medium high", "opus, sonnet, haiku, claude-*"]
    assert "gpt-5(low)" in result.stdout.split("\n\n")[1]


def test_each_provider_is_shown_with_what_it_lists_and_what_leads_there(desk: Desk) -> None:
    desk.write(OTHERS + ALIASES)

    _, *found = rows(desk.packy("models"))
    assert found == [
        ["o3", "first", "200,000", "low medium high", "deep, claude-opus-*"],
        ["gpt-4.1", "first", "1,047,576"],
        ["gpt-5-mini", "second", "272,000", "minimal low medium high", "haiku(low)"],
    ]


def test_json_says_the_same_and_more(desk: Desk) -> None:
    desk.write(OTHERS + ALIASES)

    found = json.loads(desk.packy("models", "--json").stdout)
    assert [each["model"] for each in found] == ["o3", "gpt-4.1", "gpt-5-mini"]
    client_id = found[2].pop("client_id")
    assert re.fullmatch("[0-9a-f]{12}", client_id)
    assert found[2] == {
        "model": "gpt-5-mini",
        "provider": "second",
        "kind": "codex-api-key",
        "efforts": ["minimal", "low", "medium", "high"],
        "context_window": 272_000,
        "released": "2025-08-07",
        "aliases": ["haiku(low)"],
    }
    assert found[0]["released"] is None
    assert client_id == json.loads(desk.packy("models", "--json").stdout)[2]["client_id"]


@pytest.mark.parametrize("config", ["", PACKYCODE.replace("true", "false")], ids=["nothing configured", "disabled"])
@pytest.mark.parametrize(("options", "output"), [((), ""), (("--json",), "[]\n")], ids=["table", "json"])
def test_without_a_provider_it_fails_and_says_how_to_enable_one(
    desk: Desk, config: str, options: tuple[str, ...], output: str
) -> None:
    desk.write(config)
    result = desk.packy("models", *options)
    assert (result.exit_code, result.stdout) == (1, output)
    assert "PACKYCODE_API_KEY" in result.stderr
    assert "packycode.enabled: true" in result.stderr


def test_the_repair_that_it_names_works(desk: Desk) -> None:
    desk.write(PACKYCODE.replace("true", "false"))
    assert desk.packy("models").exit_code == 1
    desk.write(PACKYCODE)
    assert desk.packy("models").exit_code == 0


def test_another_file_can_be_named(desk: Desk) -> None:
    other = desk.folder / "other.yaml"
    other.write_text(OTHERS)
    assert len(rows(desk.packy("models", "--config", str(other)))) == 4
    missing = desk.packy("models", "--config", "missing.yaml")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "does not exist" in missing.stderr


def test_a_wrong_configuration_is_told_with_its_repair(desk: Desk) -> None:
    desk.write("packycode: {enabled: maybe}\n")
    result = desk.packy("models")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "packycode.enabled" in result.stderr
    assert "fix:" in result.stderr
