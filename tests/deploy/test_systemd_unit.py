"""deploy/systemd/packy.service: systemd understands it, and packy runs as it says."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from packy.demo import DemoUpstream
from tests.support.gateway import ROOT, clean_environment, config_for

UNIT = ROOT / "deploy" / "systemd" / "packy.service"
PATIENCE = 60
# Without writable and executable memory (PR_SET_MDWE, Linux 6.3), as MemoryDenyWriteExecute has it; elsewhere as ever.
HARDENED = "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"


def settings() -> dict[str, list[str]]:
    """The unit's settings, each with all of its values."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def variables() -> dict[str, str]:
    """The variables that it gives to packy."""
    pairs = [value.partition("=") for value in settings()["Environment"]]
    return {name: value for name, _, value in pairs}


def analyze(*args: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """The unit, for packy where it is here."""
    file = tmp_path / UNIT.name
    program = Path(sys.executable).with_name("packy")
    file.write_text(UNIT.read_text().replace("/opt/packy/.venv/bin/packy", str(program)))
    return str(file)


def test_systemd_finds_nothing_wrong_with_it(installed: str) -> None:
    found = analyze("verify", "--man=no", installed)

    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_systemd_calls_it_well_protected(installed: str) -> None:
    found = analyze("security", "--offline=true", "--no-pager", "--threshold=20", installed)
    if "--offline" in found.stderr or "unrecognized" in found.stderr:
        pytest.skip("this systemd-analyze judges running services only")

    assert found.returncode == 0, found.stdout


def test_it_waits_longer_for_the_end_than_packy_for_its_answers() -> None:
    assert int(settings()["TimeoutStopSec"][0]) > int(variables()["PACKY_GRACEFUL_TIMEOUT"])
    assert settings()["KillMode"] == ["mixed"]


def test_systemd_is_told_once_packy_listens_and_stops_it_in_order(tmp_path: Path) -> None:
    folders = {"/etc/packy": "etc", "/var/lib/packy": "state", "/run/packy": "run"}
    environ = {**clean_environment(tmp_path), "PACKY_PORT": "0", "PACKY_WORKERS": "1"}
    for name, value in variables().items():
        place = next((value.replace(old, str(tmp_path / new)) for old, new in folders.items() if old in value), value)
        environ[name] = place
    for folder in folders.values():
        (tmp_path / folder).mkdir()
    assert settings()["ExecStart"] == ["/opt/packy/.venv/bin/packy serve"]
    command = [sys.executable, "-c", HARDENED, str(Path(sys.executable).with_name("packy")), "serve"]

    with DemoUpstream() as upstream, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        (tmp_path / "etc" / "config.yaml").write_text(config_for(upstream.url))
        # A name of its own in the abstract namespace, as paths under tmp_path may be too long for a socket.
        systemd.bind("")
        systemd.settimeout(PATIENCE)
        environ["NOTIFY_SOCKET"] = "@" + systemd.getsockname()[1:].decode()
        with (tmp_path / "output").open("wb") as output:
            process = subprocess.Popen(command, cwd=tmp_path / "etc", env=environ, stdout=output, stderr=output)
        try:
            told = systemd.recv(4096).decode()
            process.send_signal(signal.SIGTERM)
            status = process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()

    assert "READY=1" in told.splitlines()
    assert status == 0, (tmp_path / "output").read_text()
