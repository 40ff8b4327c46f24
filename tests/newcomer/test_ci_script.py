""".ci/run, with stand-ins for what it runs: which steps there are, and what it makes of tests that fail once."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# Ends with one status after the other, of those that it is given; notes what it was asked for.
RUN = """#!/bin/sh
echo "run $*" >>notes
[ "$1" = test ] || exit 0
count=$(grep -c '^run test' notes)
exit "$(echo "$STATUSES" | cut -d' ' -f"$count")"
"""
NOTED = """#!/bin/sh
echo "${0##*/} $1" >>notes
[ "${0##*/}" != "${BROKEN:-}" ]
"""
PYTHON = "#!/bin/sh\necho tests/test_one.py::test_that_failed\n"


class Ci(Protocol):
    """Runs .ci/run in the copy; `statuses` are those of `./run test`."""

    def __call__(self, *args: str, statuses: str = "0", broken: str = "") -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def ci(tmp_path: Path) -> Ci:
    def program(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    program(".ci/programs", NOTED)
    program("run", RUN)
    program(".venv/bin/python", PYTHON)
    for name in ("ruff", "mypy", "lint-imports", "pip-audit"):
        program(f".venv/bin/{name}", NOTED)

    def start(*args: str, statuses: str = "0", broken: str = "") -> subprocess.CompletedProcess[str]:
        environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "STATUSES": statuses, "BROKEN": broken}
        command = [str(tmp_path / ".ci" / "run"), *args]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    return start


def test_each_step_is_run_once_when_all_is_well(ci: Ci, notes: Path) -> None:
    done = ci("--long")

    assert done.returncode == 0, done.stderr
    steps = "programs /run test --long/ruff check/ruff format/mypy /lint-imports /pip-audit --strict/run demo --once"
    assert notes.read_text().splitlines() == steps.split("/")
    assert "FLAKY" not in done.stdout


def test_tests_that_pass_the_second_time_are_named_and_let_through(ci: Ci, notes: Path) -> None:
    done = ci(statuses="1 0")

    assert done.returncode == 0
    assert "FLAKY: these passed only the second time\ntests/test_one.py::test_that_failed\n" in done.stdout
    assert "run test --last-failed --last-failed-no-failures none" in notes.read_text()
    assert "run demo --once" in notes.read_text()


@pytest.mark.parametrize("statuses", ["1 1", "2", "3", "4", "5"])
def test_tests_that_fail_twice_or_do_not_run_end_it(ci: Ci, notes: Path, statuses: str) -> None:
    done = ci(statuses=statuses)

    assert done.returncode == int(statuses[-1])
    assert "FLAKY" not in done.stdout
    assert "ruff" not in notes.read_text()
    assert notes.read_text().count("run test") == len(statuses.split())


@pytest.mark.parametrize("broken", ["ruff", "mypy", "lint-imports"])
def test_whatever_else_is_wrong_ends_it(ci: Ci, broken: str) -> None:
    assert ci(broken=broken).returncode != 0


def test_vulnerabilities_are_told_and_hold_nothing_up(ci: Ci) -> None:
    done = ci(broken="pip-audit")

    assert done.returncode == 0
    assert "WARNING: known vulnerabilities" in done.stdout
