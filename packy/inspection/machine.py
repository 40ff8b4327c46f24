"""What of the machine decides how packy runs: programs, packages, limits, folders, ports. Nothing of its user."""

from __future__ import annotations

import errno
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import requests
from packaging.requirements import Requirement

from packy import __version__
from packy.inspection.places import home_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["limits", "listener", "packages", "programs", "tilde", "variables_set", "writable"]

_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 3.0
_INOTIFY: Final = Path("/proc/sys/fs/inotify")
_VARIABLES: Final = re.compile(
    r"PACKY_.+|PACKYCODE_.+|CODEX_HOME|(HTTPS?|ALL|NO)_PROXY|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT_(FILE|DIR)|"
    r"TMPDIR|XDG_STATE_HOME|PROMETHEUS_MULTIPROC_DIR|ANTHROPIC_.+|CLAUDE_CODE_.+",
    re.IGNORECASE,
)
# Set by the `run` script for this command.
_INTERNAL: Final = {"PACKY_PROGRAM"}

Listener = Literal["free", "packy", "another program", "not an address of this machine", "not for this user"]
"""What is there where packy is to listen, or why it cannot."""


def tilde(text: Path | str) -> str:
    """Write the user's home, wherever a text names it, as `~`: its path has the user's name in it."""
    home = str(home_folder() or "")
    return f"{text}/".replace(f"{home}/", "~/")[:-1] if len(home) > 1 else str(text)


def programs() -> Iterator[tuple[str, str]]:
    """Name the programs at work, with their versions."""
    yield "packy", __version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()}), {tilde(sys.prefix)}"
    yield "system", platform.platform()
    yield "Claude Code", _version("claude")


def _version(program: str) -> str:
    """Ask a program for its version, and believe nothing but a number."""
    path = shutil.which(program)
    if path is None:
        return "not installed"
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603 - found on PATH
    except (OSError, subprocess.TimeoutExpired):
        return "installed, but does not run"
    found = re.match(r"\d+(\.\d+)+", done.stdout)
    return found[0] if found else "installed, of an unknown version"


def packages() -> dict[str, str | None]:
    """Give the packages that packy needs with their versions; None for one that is not installed."""
    needed = sorted(Requirement(each).name for each in metadata.requires("packy") or ())
    return {name: _installed(name) for name in needed}


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def limits(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name what the machine allows.

    Args:
        environ: the process's environment.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "cores", str(cores)
    soft, hard = (("any" if each == resource.RLIM_INFINITY else str(each)) for each in _open_files())
    yield "open files", f"{soft}, at most {hard}"
    if environ.get("PACKY_WATCH") == "polling":
        yield "changes are seen by", "polling (PACKY_WATCH)"
    elif _INOTIFY.is_dir():
        found = ((name, _INOTIFY / f"max_user_{name}") for name in ("watches", "instances"))
        yield (
            "changes are seen by",
            "inotify: " + ", ".join(f"{file.read_text().strip()} {name}" for name, file in found),
        )
    else:
        yield "changes are seen by", "what watchdog finds on this system"
    yield (
        "temporary files",
        f"{tilde(tempfile.gettempdir())}, {shutil.disk_usage(tempfile.gettempdir()).free >> 20} MiB free",
    )


def _open_files() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def variables_set(environ: Mapping[str, str]) -> list[str]:
    """Name the variables that bear on packy or Claude Code, without their values: some are keys, or hold passwords."""
    return sorted(name for name in environ if _VARIABLES.fullmatch(name) and name not in _INTERNAL)


def listener(host: str, port: int) -> Listener:
    """Find out who listens on an address: nobody, packy, or something else.

    Args:
        host: name or IP address, as packy would listen on it.
        port: TCP port; 0 for any that is free.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As gunicorn does: connections that have just ended are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except UnicodeError:  # a name that no DNS could have
            return "not an address of this machine"
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "packy" if _is_packy(host, port) else "another program"
            forbidden = error.errno in {errno.EACCES, errno.EPERM}
            return "not for this user" if forbidden else "not an address of this machine"
    return "free"


def _is_packy(host: str, port: int) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    url = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    with requests.Session() as session:
        session.trust_env = False
        try:
            banner = session.get(url, timeout=_ANSWER_SECONDS, allow_redirects=False).json()
        except requests.RequestException:
            return False
    return isinstance(banner, dict) and banner.get("name") == "packy"


def writable(folder: Path) -> bool:
    """Tell whether files can be made in a folder, or the folder itself can be made."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
    except OSError:  # a folder on the way may not be entered, or is none
        return False
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
