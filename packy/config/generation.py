"""One number shared by all workers: how often the configuration has been written through packy itself.

A worker that writes config.yaml counts it up after the rename; every worker compares it at the start of each request,
and reloads when it has moved. So, once a write has been answered, no worker serves the state before it, and a
comparison costs a memory read.
"""

from __future__ import annotations

from typing import Final

from packy.shared import SharedMemory

__all__ = ["Generation"]

_BYTES: Final = 8


class Generation:
    """A counter in memory that forked processes share.

    Make it before the fork. For processes that do not stem from the same one there is the watcher.
    """

    __slots__ = ("_count", "_memory")

    def __init__(self) -> None:
        self._memory = SharedMemory(_BYTES)
        self._count = self._memory.view.cast("Q")

    @property
    def value(self) -> int:
        """The count."""
        return self._count[0]

    def bump(self) -> int:
        """Count up, whoever else does so at the same time; return the new count."""
        with self._memory.locked():
            self._count[0] += 1
            return self._count[0]
