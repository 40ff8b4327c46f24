"""Writes the packycode block back into config.yaml: comments, order and file mode kept, never half of it.

One writer at a time, over all processes, by a lock file beside config.yaml. The new text goes into a temporary file in
the same folder, is loaded as the gateway would load it, is flushed to the disk, and replaces config.yaml by a rename:
whoever reads, and whatever crashes, finds the old file or the new one.
"""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from yaml import YAMLError

from packy.config.block import edit_block
from packy.config.load import load_snapshot
from packy.errors import PackyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packy.config.block import Block
    from packy.config.model import Snapshot

__all__ = ["ConfigNotWritable", "write_packycode"]

_LOCK_SECONDS = 20
_LOCK_POLL_SECONDS = 0.005
_NEW_FILE_MODE = 0o600


class ConfigNotWritable(PackyError):
    """config.yaml cannot be written; nothing has changed.

    Args:
        message: why, and how to repair it; holds no content of the file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def write_packycode(path: Path, change: Callable[[Block], Block]) -> Snapshot:
    """Change the packycode block of a configuration file.

    Args:
        path: config.yaml; symlinks on the way are followed. It is created where it does not exist, for its owner only.
        change: is given the block as it is written now (plain data, empty where there is none), under the lock;
            returns the block to write. Whatever it raises leaves the file as it is.

    Returns:
        The snapshot that the new file, the environment and Codex CLI's files amount to.

    Raises:
        ConfigError: they do not amount to a valid configuration.
        ConfigNotWritable: the folder is read-only, the disk full, or the file as it is no valid YAML.
    """
    real = Path(os.path.realpath(path))
    try:
        with _locked(real):
            old = real.read_bytes() if real.exists() else b""
            new = _changed(old, change)
            with _temporary(real) as (file, name):
                file.write(new)
                file.flush()
                snapshot = load_snapshot(Path(name))
                os.fsync(file.fileno())
                Path(name).replace(real)
            _sync_folder(real.parent)
    except OSError as error:
        raise ConfigNotWritable(_explain(real, error)) from None
    return snapshot


@contextmanager
def _locked(real: Path) -> Iterator[None]:
    lock = FileLock(real.with_name(f".{real.name}.lock"), timeout=_LOCK_SECONDS, poll_interval=_LOCK_POLL_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        text = f"another process has held {lock.lock_file} for {_LOCK_SECONDS} s; end it, then try again"
        raise ConfigNotWritable(text) from None
    try:
        yield
    finally:
        lock.release()


def _changed(old: bytes, change: Callable[[Block], Block]) -> bytes:
    try:
        text = old.decode("utf-8")
        newline = "\r\n" if "\r\n" in text else "\n"
        return edit_block(text.replace("\r\n", "\n"), change).replace("\n", newline).encode()
    except (YAMLError, UnicodeDecodeError):
        text = "config.yaml as it is now is not valid YAML; repair it by hand first (`packy check` shows where)"
        raise ConfigNotWritable(text) from None


@contextmanager
def _temporary(real: Path) -> Iterator[tuple[Any, str]]:
    """Open a file beside the real one, with its mode and owner; it is gone afterwards, unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if real.exists():
                found = real.stat()
                os.fchmod(file.fileno(), found.st_mode & 0o7777)
                with suppress(OSError):
                    os.fchown(file.fileno(), found.st_uid, found.st_gid)
            else:
                os.fchmod(file.fileno(), _NEW_FILE_MODE)
            yield file, name
    finally:
        with suppress(OSError):
            Path(name).unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(real: Path, error: OSError) -> str:
    reasons = {
        errno.ENOSPC: "the disk is full; make room",
        errno.EDQUOT: "the disk quota is used up; make room",
        errno.EROFS: "its file system is read-only; mount it writable, or edit the file where it comes from",
        errno.EACCES: "the gateway's user may not write to its folder; give it the permission",
        errno.EPERM: "the gateway's user may not write to its folder; give it the permission",
        errno.ENOENT: "its folder does not exist; create it",
        errno.EBUSY: "it is mounted as a single file; mount its folder instead",
        errno.EXDEV: "it is mounted as a single file; mount its folder instead",
    }
    reason = reasons.get(error.errno or 0, f"writing failed ({errno.errorcode.get(error.errno or 0, 'unknown error')})")
    return f"{real} cannot be written: {reason}. Nothing has changed."
