"""What the kernel tells about processes: CPU time, memory, children."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["children", "cpu_seconds", "has_inotify", "machine_busy", "memory"]

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def cpu_seconds(pids: list[int]) -> float:
    """Give the CPU time that processes have used so far, user and system together, all their threads.

    Args:
        pids: of running processes.

    Returns:
        Seconds, in steps of the kernel's clock tick (10 ms as a rule).
    """
    return sum(_ticks((_PROC / str(pid) / "stat").read_text()) for pid in pids) / _TICK


def _ticks(stat: str) -> int:
    """Read utime and stime, fields 14 and 15 of proc_pid_stat(5), behind a name that may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory(pid: int) -> dict[str, int]:
    """Give the memory of a process.

    Returns:
        `rss`, its resident pages, and `pss`, the same with shared pages divided among those who share them; bytes.
    """
    rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
    lines = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
    return {name: int(lines[name.capitalize()].split()[0]) * 1024 for name in ("rss", "pss")}


def children(pid: int) -> list[int]:
    """Give the process ids of a process's children."""
    found = []
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended in between
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return sorted(found)


def has_inotify(pid: int) -> bool:
    """Tell whether a process watches files: the last thing that a worker of packy does before it serves."""
    try:
        return any(link.readlink().name == "anon_inode:inotify" for link in (_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False


def machine_busy() -> tuple[int, int]:
    """Give the machine's clock ticks so far: those in which a core worked for somebody, and all of them."""
    ticks = [int(field) for field in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)
