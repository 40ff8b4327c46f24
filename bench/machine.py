"""Facts of the machine that the figures hang on; nothing that tells whose it is."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import proc
from bench.servers import nginx_program

__all__ = ["busy_elsewhere", "facts"]

_PACKAGES = ("flask", "gevent", "greenlet", "gunicorn", "orjson", "requests", "tiktoken", "urllib3", "werkzeug")


def facts() -> dict[str, Any]:
    """Give cores, processor, kernel, memory and versions."""
    processor = re.search(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal: *([0-9]+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor[1].strip() if processor else platform.machine(),
        "memory_gb": round(int(memory[1]) / 1e6, 1) if memory else None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "nginx": _nginx_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def busy_elsewhere(seconds: float) -> float:
    """Watch the machine for a while before anything is measured.

    Returns:
        The part of its cores' time that others use, 0 to 1.
    """
    busy, whole = proc.machine_busy()
    time.sleep(seconds)
    busy_now, whole_now = proc.machine_busy()
    return (busy_now - busy) / max(whole_now - whole, 1)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _nginx_version() -> str | None:
    program = nginx_program()
    if program is None:
        return None
    answer = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - nginx
    return answer.stderr.strip().rpartition("/")[2] or None
