"""The limit of open files is raised as far as it has to be, and as it may be."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.gateway import ROOT

PROGRAM = "import sys; from packy.server import raise_open_files; print(raise_open_files(int(sys.argv[1])))"


@pytest.mark.parametrize(
    ("soft", "hard", "needed", "allowed"),
    [(256, 600, 500, 500), (256, 600, 900, 600), (400, 600, 300, 400)],
    ids=["raised", "no further than it may be", "high enough"],
)
def test_the_limit_of_open_files(soft: int, hard: int, needed: int, allowed: int) -> None:
    limited = f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$@"'
    command = ["bash", "-c", limited, "bash", sys.executable, "-c", PROGRAM, str(needed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [str(allowed)]
