from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main as measurements
from bench.processes import ROOT
from bench.profiling import LOADS
from bench.scenarios import SCENARIOS
from packy import cli


def test_the_command_hands_its_options_on_to_the_measurements_from_anywhere(tmp_path: Path) -> None:
    packy = Path(sys.executable).with_name("packy")
    command = [str(packy), "bench", "--quick", "--out", "results", "--only", "paced", "--only", "frobnication"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 2
    assert "'frobnication' is not one of" in answer.stderr


def test_the_command_and_the_measurements_have_the_same_options() -> None:
    assert {param.opts[0] for param in cli.bench.params} == {param.opts[0] for param in measurements.params}


@pytest.mark.parametrize("name", [*SCENARIOS, *LOADS])
def test_the_command_tells_every_name(name: str) -> None:
    assert name in (cli.bench.help or "")


def test_without_a_checkout_the_command_says_where_the_measurements_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    answer = CliRunner().invoke(cli.main, ["bench", "--quick"])
    assert answer.exit_code == 1
    assert "in a checkout" in answer.output


def test_the_documentation_names_every_measurement_by_its_options() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    assert all(option in text for option in ("--quick", "--only", "--out", "--profile"))
