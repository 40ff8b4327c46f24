"""Memory that all workers of one gunicorn share."""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SharedMemory"]


class SharedMemory:
    """Bytes that forked processes see alike, and a lock over them that a killed process lets go of.

    Make it before the fork. Processes that do not stem from the same one do not share it.

    Args:
        size: how many bytes; all are zero at first.

    Attributes:
        view: the bytes. Read them without the lock only where they are one aligned number, which is never seen half
            written.
    """

    __slots__ = ("_file", "_threads", "view")

    def __init__(self, size: int) -> None:
        self.view = memoryview(mmap.mmap(-1, size))
        # A record lock needs a file, and belongs to the process, not to the descriptor that the fork has copied.
        self._file = os.memfd_create("packy") if hasattr(os, "memfd_create") else _nameless_file()
        self._threads = threading.Lock()

    @contextmanager
    def locked(self) -> Iterator[memoryview]:
        """Keep all other processes and threads out; nothing within may wait for anything."""
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield self.view
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


def _nameless_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
