"""`./run`, on interpreters that are stand-ins: what it prepares, when, and what it says if it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.gateway import ROOT

# An interpreter that makes an environment out of itself, and installs by noting that it was asked to.
PYTHON = """#!/bin/sh
case "$*" in
*"-m venv "*) for folder; do :; done; mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python" ;;
*"-m pip "*)
    echo "$*" >>"${NOTES:?}"
    if [ -n "${BROKEN:-}" ]; then echo "ERROR: $BROKEN"; exit 1; fi
    case "$*" in *" -e "*) cp "$(dirname "$0")/python" "$(dirname "$0")/packy" ;; esac ;;
*"-c "*) exit "${OLD:-0}" ;;
*) printf '[%s]' "$@"; echo " $PACKY_PROGRAM" ;;
esac
"""
NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")


class Run(Protocol):
    """Runs `./run` in the copy."""

    def __call__(self, *args: str, **environ: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that `./run` reads, in a folder whose name wants quoting."""
    folder = tmp_path / "a $checkout"
    folder.mkdir()
    for name in ("run", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """What was asked of pip."""
    return tmp_path / "notes"


@pytest.fixture
def run(checkout: Path, tmp_path: Path, notes: Path) -> Run:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in NAMES:
        (programs / name).write_text(PYTHON)
        (programs / name).chmod(0o755)
    # The system's tools, but no uv.
    path = f"{programs}:/usr/bin:/bin"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACKY")}

    def start(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [checkout / "run", *args],
            cwd=tmp_path,
            env={**kept, "PATH": path, "NOTES": str(notes), **environ},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return start


def installed(notes: Path) -> list[str]:
    """Give what was installed, by the last word of each command."""
    return [Path(line.split("-r ")[-1].split("-e ")[-1]).name for line in notes.read_text().splitlines()]


def test_the_first_run_installs_and_later_ones_do_not(run: Run, notes: Path) -> None:
    first = run("serve")
    second = run("serve")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert installed(notes) == ["requirements.lock", "a $checkout"]
    assert "--require-hashes" in notes.read_text()
    assert "packy: installing " in first.stderr
    assert second.stderr == ""


def test_arguments_are_handed_on_as_they_are(run: Run) -> None:
    result = run("claude", "-p", "two words", "", "*", "$HOME")

    assert result.stdout == "[claude][-p][two words][][*][$HOME] ./run\n"


def test_the_development_packages_are_installed_for_the_tests_alone(run: Run, notes: Path) -> None:
    run("serve")
    assert "requirements-dev.lock" not in installed(notes)

    assert run("test").returncode == 0
    assert "requirements-dev.lock" in installed(notes)


def test_a_changed_lock_file_is_installed_again(run: Run, checkout: Path, notes: Path) -> None:
    run("serve")
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")

    assert run("serve").returncode == 0
    assert installed(notes) == ["requirements.lock", "a $checkout", "requirements.lock"]


def test_a_failed_installation_is_told_and_tried_again(run: Run, checkout: Path, notes: Path) -> None:
    failed = run("serve", BROKEN="no matching distribution")

    assert failed.returncode == 1
    assert "ERROR: no matching distribution" in failed.stderr
    assert failed.stderr.endswith("packy: the installation failed; see above\n")
    assert not (checkout / ".venv.lock").exists()
    assert run("serve").returncode == 0
    assert installed(notes).count("requirements.lock") == 2


def test_an_old_python_is_refused_with_what_to_do(run: Run) -> None:
    result = run("serve", OLD="1")

    assert result.returncode == 1
    assert "needs Python 3.11 or newer" in result.stderr
    assert "PACKY_PYTHON=" in result.stderr


def test_a_lock_that_a_killed_run_left_behind_does_not_stop_the_next(run: Run, checkout: Path) -> None:
    (checkout / ".venv.lock").mkdir()
    (checkout / ".venv.lock" / "pid").write_text("999999999\n")

    assert run("serve").returncode == 0
    assert not (checkout / ".venv.lock").exists()


def test_a_checkout_that_cannot_be_written_to_is_told_at_once(run: Run, checkout: Path) -> None:
    # As in a read-only folder, which root could write to, no lock can be made.
    (checkout / ".venv.lock").write_text("")

    result = run("serve")

    assert result.returncode == 1
    assert f"packy: has to write to {checkout}, where .venv goes, and cannot" in result.stderr
    assert "another ./run" not in result.stderr
