"""`packy import-codex`: the Codex CLI's settings as a packycode block, shown to be pasted, or written."""

from __future__ import annotations

import os
import re
import stat
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from packy.config import load_snapshot
from tests.cli.desk import KEY, Desk

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from packy.config import Packycode

CODEX = """\
    model = "gpt-5-codex"
    model_provider = "packycode"
    model_reasoning_effort = "medium"

    [model_providers.packycode]
    name = "packycode"
    base_url = "https://codex-api.packycode.com/v1"
    wire_api = "responses"
    requires_openai_auth = true
"""
LOGIN = "requires_openai_auth = true"
AUTH = {"OPENAI_API_KEY": KEY}
BLOCK = """\
packycode:
  enabled: true
  base-url: https://codex-api.packycode.com/v1
  requires-openai-auth: true
  wire-api: responses
  defaults:
    model: gpt-5-codex
    model-reasoning-effort: medium
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(tmp_path, monkeypatch)
    made.codex(CODEX, AUTH)
    return made


def effective(desk: Desk) -> Packycode:
    return load_snapshot(desk.config).packycode


def rows(result: Result) -> list[list[str]]:
    return [re.split(r" {2,}", line) for line in result.stdout.split("\n\n")[1].splitlines()]


def pasted(result: Result) -> str:
    """The YAML in what was printed."""
    return result.stdout[result.stdout.index("packycode:\n") :]


def test_each_key_of_the_codex_cli_is_shown_with_the_field_it_becomes(desk: Desk) -> None:
    result = desk.packy("import-codex")
    assert result.exit_code == 0
    assert str(desk.codex_home) in result.stdout
    section = "config.toml (model_providers.packycode."
    assert rows(result) == [
        ["CODEX CLI", "CONFIG.YAML", "VALUE"],
        ["config.toml (speaks of packycode)", "packycode.enabled", "true"],
        [f"{section}base_url)", "packycode.base-url", "https://codex-api.packycode.com/v1"],
        [f"{section}requires_openai_auth)", "packycode.requires-openai-auth", "true"],
        [f"{section}wire_api)", "packycode.wire-api", "responses"],
        ["config.toml (model)", "packycode.defaults.model", "gpt-5-codex"],
        ["config.toml (model_reasoning_effort)", "packycode.defaults.model-reasoning-effort", "medium"],
        ["auth.json (OPENAI_API_KEY)", "packycode.credentials.openai-api-key", "********"],
    ]
    assert BLOCK in result.stdout
    assert f"The key stays where it is: {desk.codex_home}/auth.json" in result.stdout
    assert not desk.config.exists()


def test_what_is_shown_can_be_pasted(desk: Desk) -> None:
    desk.write("")
    before = effective(desk)
    desk.config.write_text(pasted(desk.packy("import-codex")))
    after = effective(desk)
    assert (after.base_url, after.defaults, after.credentials) == (before.base_url, before.defaults, before.credentials)
    assert after.effective_sources["defaults.model"] == "config.yaml"
    assert after.effective_sources["credentials.openai-api-key"] == "codex-cli"


def test_the_mask_is_shown_where_the_key_would_be_and_is_refused_if_pasted(desk: Desk) -> None:
    result = desk.packy("import-codex", "--include-key")
    assert "openai-api-key: '********'" in result.stdout
    assert "put the key where ******** stands" in result.stdout
    desk.config.write_text(pasted(result))
    assert "is a mask, not a key" in desk.packy("check").stdout


def test_writing_makes_the_file_for_its_owner_only_and_leaves_the_key_where_it_is(desk: Desk) -> None:
    result = desk.packy("import-codex", "--write")
    assert result.exit_code == 0
    assert desk.config.read_text() == BLOCK
    assert stat.S_IMODE(desk.config.stat().st_mode) == 0o600
    assert "config.yaml has been written:\n  packycode.enabled: true\n" in result.stdout
    assert "packy goes on reading it there" in result.stdout
    credentials = effective(desk).credentials.openai_api_key
    assert credentials
    assert credentials.reveal() == KEY


def test_the_key_is_written_only_if_that_is_asked_for(desk: Desk) -> None:
    result = desk.packy("import-codex", "--write", "--include-key")
    assert result.exit_code == 0
    assert "packycode.credentials.openai-api-key: ********" in result.stdout
    assert f"openai-api-key: {KEY}" in desk.config.read_text()
    assert effective(desk).effective_sources["credentials.openai-api-key"] == "config.yaml"


def test_the_rest_of_the_file_stays_as_it_is(desk: Desk) -> None:
    before = (
        "# mine\nport: 9000   # a free one\npackycode:\n  # about packycode\n  enabled: true\nlogging: {level: debug}\n"
    )
    desk.write(before)
    desk.config.chmod(0o640)
    assert desk.packy("import-codex", "--write").exit_code == 0
    after = desk.config.read_text()
    for line in before.splitlines():
        assert f"{line}\n" in after
    assert stat.S_IMODE(desk.config.stat().st_mode) == 0o640
    assert effective(desk).defaults.model == "gpt-5-codex"


def test_fields_that_say_something_else_are_not_replaced(desk: Desk) -> None:
    before = f"packycode: {{enabled: false, defaults: {{model: gpt-5}}, credentials: {{openai-api-key: {KEY}-own}}}}\n"
    desk.write(before)
    result = desk.packy("import-codex", "--write", "--include-key")
    assert result.exit_code == 1
    assert "  packycode.enabled: false, not true\n" in result.stderr
    assert "  packycode.defaults.model: gpt-5, not gpt-5-codex\n" in result.stderr
    assert "  packycode.credentials.openai-api-key: another key\n" in result.stderr
    assert "import-codex --write --force" in result.stderr
    assert desk.config.read_text() == before


def test_with_force_they_are_and_it_says_so(desk: Desk) -> None:
    desk.write("packycode:\n  enabled: false\n  defaults: {model: gpt-5}\n")
    result = desk.packy("import-codex", "--write", "--force")
    assert result.exit_code == 0
    assert "  packycode.enabled: false -> true\n" in result.stdout
    assert "  packycode.defaults.model: gpt-5 -> gpt-5-codex\n" in result.stdout
    assert effective(desk).enabled


def test_a_field_of_the_wrong_kind_is_something_else(desk: Desk) -> None:
    desk.write("packycode:\n  defaults: []\n  enabled: 'true'\n  base-url: https://user:canary@a.example\n")
    result = desk.packy("import-codex", "--write")
    assert result.exit_code == 1
    assert "packycode.defaults.model: something else, not gpt-5-codex" in result.stderr
    assert "packycode.base-url: something else, not https://" in result.stderr
    assert desk.packy("import-codex", "--write", "--force").exit_code == 0
    assert effective(desk).defaults.model == "gpt-5-codex"


def test_a_second_time_there_is_nothing_to_do(desk: Desk) -> None:
    desk.packy("import-codex", "--write")
    os.utime(desk.config, (1, 1))
    result = desk.packy("import-codex", "--write")
    assert (result.exit_code, result.stdout) == (0, "config.yaml says all of this already.\n")
    assert desk.config.stat().st_mtime == 1


def test_another_file_may_be_named(desk: Desk) -> None:
    desk.packy("import-codex", "--write", "--config", "one.yaml")
    desk.packy("import-codex", "--write", PACKY_CONFIG="two.yaml")
    assert (desk.folder / "one.yaml").read_text() == (desk.folder / "two.yaml").read_text() == BLOCK


def test_variables_that_no_longer_count_are_told(desk: Desk) -> None:
    result = desk.packy("import-codex", "--write", PACKYCODE_MODEL="gpt-5.1", PACKYCODE_API_KEY=KEY)
    assert "environment variable PACKYCODE_MODEL no longer counts: config.yaml goes before it." in result.stdout
    assert "PACKYCODE_API_KEY no longer" not in result.stdout


def test_a_file_that_would_not_be_valid_is_not_written(desk: Desk) -> None:
    desk.write("port: many\n")
    result = desk.packy("import-codex", "--write")
    assert result.exit_code == 1
    assert "config.yaml stays as it is: with the block there would be\n1 problem in the configuration:" in result.stderr
    assert "config.yaml:1:7: port must be a whole number" in result.stderr
    assert desk.config.read_text() == "port: many\n"


def test_a_file_that_cannot_be_written_is_told(desk: Desk) -> None:
    (desk.folder / "file").touch()
    result = desk.packy("import-codex", "--write", "--config", "file/config.yaml")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{desk.folder}/file/config.yaml cannot be written: ")


def test_without_the_codex_clis_files_it_says_where_it_looked_and_what_to_do(desk: Desk) -> None:
    for each in desk.codex_home.iterdir():
        each.unlink()
    result = desk.packy("import-codex", "--write")
    assert result.exit_code == 1
    assert f"{desk.codex_home}/config.toml  does not exist" in result.stderr
    assert f"{desk.codex_home}/auth.json  does not exist" in result.stderr
    assert not desk.config.exists()
    example = result.stderr[result.stderr.index("  model_provider") :]
    desk.codex(dedent(example), AUTH)
    assert desk.packy("import-codex", "--write").exit_code == 0


def test_another_provider_of_the_codex_cli_is_none_of_packys_business(desk: Desk) -> None:
    desk.codex('model_provider = "openai"', AUTH)
    result = desk.packy("import-codex", "--write", "--include-key")
    assert result.exit_code == 1
    assert "do not speak of packycode" in result.stderr
    assert f"{desk.codex_home}/config.toml  is there" in result.stderr


def test_the_files_may_be_elsewhere(desk: Desk) -> None:
    desk.codex_home.rename(desk.folder / "elsewhere")
    assert desk.packy("import-codex").exit_code == 1
    assert desk.packy("import-codex", CODEX_HOME=str(desk.folder / "elsewhere")).exit_code == 0
    missing = desk.packy("import-codex", CODEX_HOME=str(desk.folder / "nowhere"))
    assert missing.exit_code == 1
    assert "CODEX_HOME: names no folder" in missing.stderr


# fmt: off
BROKEN = [
    ("not TOML", CODEX + "x = = 'canary'", AUTH, "config.toml:10:5: is not valid TOML", "repair or remove it"),
    ("chat", CODEX.replace('"responses"', '"chat"'), AUTH, "wire-api must be responses", 'wire_api = "responses"'),
    ("no URL", CODEX.replace("https://", "codex://canary:x@"), AUTH, "base-url must begin with", "write base_url ="),
    ("a number", CODEX.replace('"gpt-5-codex"', "5"), AUTH, "defaults.model must be text", "write model ="),
    ("no key", CODEX, {}, "openai-api-key is missing", "OPENAI_API_KEY"),
    ("an odd key", CODEX, {"OPENAI_API_KEY": "sk-canary 1"}, "openai-api-key has a space", "OPENAI_API_KEY"),
    ("no variable", CODEX.replace(LOGIN, 'env_key = "MY_KEY"'), AUTH, "MY_KEY", "export MY_KEY="),
]
# fmt: on


@pytest.mark.parametrize(
    ("config", "auth", "words", "fix"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_what_is_wrong_with_the_files_is_told_and_nothing_is_written(
    desk: Desk, config: str, auth: object, words: str, fix: str
) -> None:
    desk.codex(config, auth)
    for args in ([], ["--write", "--include-key"]):
        result = desk.packy("import-codex", *args)
        assert result.exit_code == 1
        assert words in result.stderr
        assert fix in result.stderr
    assert not desk.config.exists()


def test_a_key_that_comes_from_elsewhere_is_enough_to_write(desk: Desk) -> None:
    desk.codex(CODEX, {})
    assert desk.packy("import-codex", "--write").exit_code == 1
    assert desk.packy("import-codex", "--write", PACKYCODE_API_KEY=KEY).exit_code == 0


def test_an_effort_that_packy_has_no_default_for_is_left_out_with_a_warning(desk: Desk) -> None:
    desk.codex(CODEX.replace("medium", "minimal"), AUTH)
    result = desk.packy("import-codex", "--write")
    assert result.exit_code == 0
    assert "warning" in result.stderr
    assert "model-reasoning-effort" not in desk.config.read_text()


def test_the_variable_of_a_provider_is_where_its_key_stays(desk: Desk) -> None:
    desk.codex(CODEX.replace(LOGIN, 'env_key = "MY_KEY"'), AUTH)
    result = desk.packy("import-codex", "--write", MY_KEY=KEY)
    assert result.exit_code == 0
    assert "The key stays where it is: environment variable MY_KEY." in result.stdout
    assert "MY_KEY" not in desk.config.read_text()
