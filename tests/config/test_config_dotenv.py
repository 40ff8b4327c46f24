"""`.env` beside config.yaml: the environment's lower half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.config.environment import VARIABLES, read_environment
from tests.config.machine import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.config.machine import Machine

FILE = f"# ours\nexport PACKYCODE_API_KEY='{KEY}'\nPACKYCODE_MODEL=gpt-5-codex # why\nDATABASE_URL=$HOME\nDEBUG\n"


def _env(machine: Machine, text: str | bytes) -> Path:
    file = machine.config.with_name(".env")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o600)
    return file


def test_it_counts_as_environment(machine: Machine) -> None:
    file = _env(machine, FILE)
    snapshot = machine.load()
    packycode = snapshot.packycode
    assert packycode.enabled
    assert packycode.credentials.openai_api_key is not None
    assert (packycode.credentials.openai_api_key.reveal(), packycode.defaults.model) == (KEY, "gpt-5-codex")
    assert (packycode.effective_source, snapshot.sources.env_file) == ("env", file)
    assert snapshot.warnings == ()


def test_the_process_goes_before_it_and_config_yaml_before_both(machine: Machine) -> None:
    _env(machine, "PACKYCODE_API_KEY=sk-from-file\nPACKYCODE_MODEL=file\nPACKYCODE_REASONING_EFFORT=low\n")
    block = "packycode: {enabled: true, base-url: 'http://a', defaults: {model: config}}"
    packycode = machine.load(block, {"PACKYCODE_MODEL": "process", "PACKYCODE_API_KEY": KEY}).packycode
    assert packycode.credentials.openai_api_key is not None
    assert packycode.credentials.openai_api_key.reveal() == KEY
    assert (packycode.defaults.model, packycode.defaults.model_reasoning_effort) == ("config", "low")


def test_nothing_in_it_is_filled_in(machine: Machine) -> None:
    _env(machine, f"PACKYCODE_API_KEY={KEY}\nPACKYCODE_MODEL=${{PACKYCODE_API_KEY}}\n")
    assert machine.load().packycode.defaults.model == "${PACKYCODE_API_KEY}"


@pytest.mark.parametrize(
    ("text", "field", "words", "line"),
    [
        pytest.param(f"PACKYCODE_API_KEY={KEY}\nPACKYCODE_ENABLED=yes\n", "packycode.enabled", "must be true or false",
                     None, id="value"),
        pytest.param("PACKYCODE_API_KEY=\n", "packycode.credentials.openai-api-key", "is empty", None, id="empty"),
        pytest.param("\nPACKYCODE_API_KEY\n", "", "no NAME=value", 2, id="no value"),
        pytest.param(f"PACKYCODE_API_KEY: {KEY}\n", "", "no NAME=value", 1, id="colon"),
        pytest.param(f'PACKYCODE_API_KEY="{KEY}\n', "", "no NAME=value", 1, id="open quote"),
        pytest.param(b"PACKYCODE_API_KEY=\xff\n", "", "is not UTF-8 text", 1, id="encoding"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_told_with_its_place(
    machine: Machine, text: str | bytes, field: str, words: str, line: int | None
) -> None:
    file = _env(machine, text)
    problem = machine.problem()
    assert (problem.field, problem.line) == (field, line)
    assert words in problem.problem
    assert str(file) in problem.source
    assert KEY not in str(problem)


def test_a_broken_line_is_a_warning_where_all_is_said_elsewhere(machine: Machine) -> None:
    _env(machine, "PACKYCODE_API_KEY\n")
    snapshot = machine.load(environ={"PACKYCODE_API_KEY": KEY})
    assert ["no NAME=value" in each.problem for each in snapshot.warnings] == [True]


def test_a_folder_of_that_name_is_told_only_if_it_matters(machine: Machine) -> None:
    machine.config.with_name(".env").mkdir()
    assert machine.problem("packycode: {enabled: true, base-url: 'http://a'}").problem == "is a directory"
    (warning, *_) = machine.load("packycode: {enabled: false}").warnings
    assert warning.problem == "is a directory"


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*VARIABLES, "=", "'", '"', "\\", "\n", "#", "$", " "])).map("".join)
)
def test_no_text_breaks_it(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("packy.config.environment.read_bytes", lambda _: text.encode("utf-8", "replace"))
        layer = read_environment({}, __import__("pathlib").Path(".env"))
    assert layer.fields.keys() <= set(VARIABLES.values())
