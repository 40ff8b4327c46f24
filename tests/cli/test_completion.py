"""`packy completion`: the scripts work in the shells that they are for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Packy

PACKY = Path(sys.executable).with_name("packy")


def complete(words: str, environment: dict[str, str], script: str) -> list[str]:
    """What bash offers for the last of some words."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    asked = f'{script}\nCOMP_WORDS=({words} ""); COMP_CWORD={len(words.split())}; _packy_completion packy\n'
    done = subprocess.run(
        [bash, "-c", f'{asked}printf "%s\\n" "${{COMPREPLY[@]}}"'],
        env={**environment, "PATH": f"{PACKY.parent}:{environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.split()


def test_bash_completes_commands_and_their_values(packy: Packy, environment: dict[str, str]) -> None:
    script = packy("completion", "bash").stdout

    assert {"serve", "doctor", "completion"} <= set(complete("packy", environment, script))
    assert complete("packy usage --by", environment, script) == ["model", "provider", "client", "day"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_accepts_its_script(packy: Packy, shell: str) -> None:
    script = packy("completion", shell)
    assert script.returncode == 0
    assert "_PACKY_COMPLETE" in script.stdout
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed; its script was not read by it")

    checked = subprocess.run(
        [program, "-n"], input=script.stdout, capture_output=True, text=True, timeout=60, check=False
    )

    assert checked.returncode == 0, checked.stderr


def test_a_shell_that_there_is_no_script_for_is_refused(packy: Packy) -> None:
    result = packy("completion", "tcsh")

    assert result.returncode == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr
