"""Memory that all workers of one gunicorn share."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
import threading
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SharedMemory", "SharedTable"]

_HEAD: Final = 64  # bytes before the rows: one number, alone in its cache line
_CHECKSUM: Final = struct.Struct("=Q")


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


class SharedTable:
    """Rows of one form in shared memory, beside one number that may be read without the lock.

    Each row carries a checksum: where a process is killed while it writes one, the row is empty, not half of each.

    Args:
        number: form of the number, `d` (float) or `Q` (counter), as in `struct`.
        row: form of a row, as in `struct`, in native order without padding (`=`).
        rows: how many there are; all are empty at first, and the number is 0.

    Attributes:
        number: item 0 is the number. Write it under the lock only.
    """

    __slots__ = ("_memory", "_row", "_rows", "_size", "number")

    def __init__(self, number: str, row: str, rows: int) -> None:
        self._row = struct.Struct(row)
        self._rows = rows
        self._size = _CHECKSUM.size + self._row.size
        self._memory = SharedMemory(_HEAD + rows * self._size)
        self.number: memoryview[Any] = self._memory.view[:8].cast(number)  # type: ignore[call-overload]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other processes and threads out; nothing within may wait for anything."""
        with self._memory.locked():
            yield

    def __iter__(self) -> Iterator[tuple[Any, ...] | None]:
        """Iterate over all rows, empty ones included."""
        return map(self.__getitem__, range(self._rows))

    def __getitem__(self, index: int) -> tuple[Any, ...] | None:
        """Return a row's values; None for an empty one."""
        view, offset = self._memory.view, self._place(index)
        data = view[offset + _CHECKSUM.size : offset + self._size]
        return self._row.unpack(data) if _CHECKSUM.unpack_from(view, offset)[0] == _checksum(data) else None

    def __setitem__(self, index: int, values: tuple[Any, ...] | None) -> None:
        """Write a row; None empties it."""
        offset = self._place(index)
        data = self._row.pack(*values) if values else b""
        row = _CHECKSUM.pack(_checksum(data)) + data if data else bytes(self._size)
        self._memory.view[offset : offset + self._size] = row

    def search(self, begin: bytes, among: range) -> int | None:
        """Return the first of some rows whose values, as bytes, begin so; it may be a row that is not whole.

        Without the lock it tells what was there a moment ago.
        """
        view, length = self._memory.view, len(begin)
        for index in among:
            start = self._place(index) + _CHECKSUM.size
            if view[start : start + length] == begin:
                return index
        return None

    def _place(self, index: int) -> int:
        if not 0 <= index < self._rows:
            raise IndexError(index)
        return _HEAD + index * self._size


def _checksum(data: bytes | memoryview) -> int:
    """Hash a row; never 0, which is what an empty one has."""
    return zlib.crc32(data) | 1 << 32


def _nameless_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
