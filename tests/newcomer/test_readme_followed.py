"""README.md, followed command by command with an empty home: from the checkout to an answer in the real Claude Code."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.claude_code import finish, install
from tests.support.gateway import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable

README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(?:sh|bash|console)\b[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INSTALL_SECONDS = 900
ANSWER_SECONDS = 120
# How this machine reaches the network, which is no matter of the person who reads.
WAY_OUT = re.compile(
    r"PIP_.+|UV_.+|.*_proxy|SSL_CERT_.+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|LANG|LC_.+|TMPDIR", re.IGNORECASE
)


def fences(*needed: str) -> list[list[str]]:
    """The commands of each block that has all of some lines, or lines that begin so; without comments."""
    blocks = [[line.partition(" #")[0].strip() for line in block.splitlines()] for block in FENCE.findall(README)]
    found = [[line for line in block if line and not line.startswith("#")] for block in blocks]
    return [block for block in found if all(any(line.startswith(start) for line in block) for start in needed)]


def pip_settings() -> dict[str, str]:
    """Where pip has its settings in the home that the person does not have."""
    files = (Path.home() / name for name in (".config/pip/pip.conf", ".pip/pip.conf"))
    found = next((str(file) for file in files if file.is_file()), None)
    return {"PIP_CONFIG_FILE": found} if found and "PIP_CONFIG_FILE" not in os.environ else {}


@pytest.fixture
def environment(tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """An empty home, and the programs of a fresh machine: its own, Python, git, and Claude Code."""
    terminal: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    client = install(terminal.write_line)
    home, programs = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    # The interpreter behind the environment that the tests run in.
    interpreter = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    for name, program in {"python3": interpreter, "git": shutil.which("git"), "node": shutil.which("node")}.items():
        if program:
            (programs / name).symlink_to(program)
    (programs / "claude").symlink_to(client)
    kept = {name: value for name, value in clean_environment(home).items() if WAY_OUT.fullmatch(name)}
    return {**kept, **pip_settings(), "HOME": str(home), "PATH": f"{programs}:/usr/bin:/bin", "TERM": "dumb"}


@pytest.fixture
def note(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Record how long something took since the test began, in the output and in reports."""
    terminal: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = request.config.pluginmanager.get_plugin("capturemanager")
    began = time.monotonic()

    def write(what: str) -> None:
        seconds = time.monotonic() - began
        record_property(what, round(seconds, 1))
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(f"newcomer: {what} after {seconds:.0f} s")

    return write


def follow(folder: Path, environment: dict[str, str], scratch: Path, note: Callable[[str], None]) -> None:
    """Do what the README says under "See it work", then what it says about Claude Code, on the demo upstream."""
    assert ["./run demo"] in fences("./run demo")
    output = scratch / "demo.output"
    demo = start_demo("./run demo", folder, environment, output)
    try:
        said = wait_for(demo, output, r"export ANTHROPIC_BASE_URL=(\S+)|is in use")
        if said[1] is None:  # somebody else's gateway runs on this machine
            demo.wait(60)
            demo = start_demo("./run demo --port 0", folder, environment, output)
            said = wait_for(demo, output, r"export ANTHROPIC_BASE_URL=(\S+)")
        assert "[end_turn]" in output.read_text()
        note("the demo's answer")

        (lines,) = fences("export ANTHROPIC_BASE_URL=", "export ANTHROPIC_AUTH_TOKEN=", "claude")
        *exports, claude = [re.sub(r"(ANTHROPIC_BASE_URL)=\S+", rf"\1={said[1]}", line) for line in lines]
        script = "\n".join([*exports, f"{claude} -p 'Say hi.'"])
        status, answer, errors = finish(["sh", "-euc", script], scratch, environment, ANSWER_SECONDS)
        assert status == 0, f"{answer}\n{errors}"
        assert "packy's demo upstream" in answer
        note("Claude Code's answer")

        port = said[1].rpartition(":")[2]
        status, answer, errors = finish(
            ["sh", "-euc", "./run claude -p 'Say hi.'"], folder, {**environment, "PACKY_PORT": port}, ANSWER_SECONDS
        )
        assert status == 0, f"{answer}\n{errors}"
        assert "packy's demo upstream" in answer
    finally:
        demo.send_signal(signal.SIGINT)
        try:
            demo.wait(60)
        finally:
            demo.kill()


def start_demo(command: str, folder: Path, environment: dict[str, str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        # `exec`, so that a signal meets packy and not the shell around it.
        return subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=folder, env=environment, stdout=file, stderr=file)


def wait_for(process: subprocess.Popen[bytes], output: Path, pattern: str) -> re.Match[str]:
    deadline = time.monotonic() + INSTALL_SECONDS
    while not (found := re.search(rf"(?:{pattern})(?=.*\n)", output.read_text())):
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)
    return found


@pytest.mark.e2e
def test_an_installed_checkout_answers_in_claude_code_as_the_readme_says(
    environment: dict[str, str], tmp_path: Path, note: Callable[[str], None]
) -> None:
    for stamp, file in (("runtime", "requirements.lock"), ("packy", "pyproject.toml")):
        installed = ROOT / ".venv" / f".installed-{stamp}"
        if not installed.is_file() or installed.read_bytes() != (ROOT / file).read_bytes():
            pytest.skip(".venv is not as ./run would make it now")

    follow(ROOT, environment, tmp_path, note)


@pytest.mark.e2e
@pytest.mark.long
def test_a_fresh_clone_answers_in_claude_code_as_the_readme_says(
    environment: dict[str, str], tmp_path: Path, note: Callable[[str], None]
) -> None:
    clone = tmp_path / "packy"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True, timeout=120)
    bring_up_to_date(clone)
    note("the clone")

    follow(clone, environment, tmp_path, note)

    status, report, _ = finish(["sh", "-c", "./run doctor"], clone, environment, ANSWER_SECONDS)
    assert status == 1, "nothing is configured yet"
    assert "no provider is enabled" in report
    left = {path.name for path in (tmp_path / "home").iterdir()}
    assert left <= {".claude", ".claude.json", ".cache", ".local", ".npm", ".config"}, "packy keeps out of the home"


def bring_up_to_date(clone: Path) -> None:
    """Make a clone of the last commit what the working tree is, or is about to be."""

    def listed(*options: str) -> set[str]:
        command = ["git", "-C", str(ROOT), "ls-files", "-z", *options]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")) - {""}

    for name in listed("--deleted"):
        (clone / name).unlink(missing_ok=True)
    for name in listed("--modified", "--others", "--exclude-standard") - listed("--deleted"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)


def test_the_readme_has_the_commands_that_are_followed() -> None:
    assert ["./run demo"] in fences("./run demo")
    assert len(fences("export ANTHROPIC_BASE_URL=", "export ANTHROPIC_AUTH_TOKEN=", "claude")) == 1
