"""Writes the packycode block back into config.yaml: comments, order and file mode kept, never half of it.

A file that everybody may read is not left so once packy puts a key into it.

One writer at a time, over all processes, by a lock file beside config.yaml. What the new block amounts to is judged as
the gateway would judge it when it loads the file. Then the new text goes into a file of its own in the same folder, is
flushed to the disk, and replaces config.yaml by a rename: whoever reads, and whatever crashes, finds the old file or
the new one.
"""

from __future__ import annotations

import copy
import errno
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from packy.config.block import edit_block
from packy.config.document import Unreadable, parse_document, read_bytes
from packy.config.load import load_snapshot
from packy.config.problems import ConfigError
from packy.config.supplied import BLOCK
from packy.errors import PackyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packy.config.block import Block
    from packy.config.document import Document
    from packy.config.model import Snapshot

__all__ = ["ConfigNotWritable", "draft_packycode", "write_packycode"]

_LOCK_SECONDS: Final = 20
_LOCK_POLL_SECONDS: Final = 0.005
_NEW_FILE_MODE: Final = 0o600
_WRITABLE: Final = 0o222
_TRIES: Final = 5


class ConfigNotWritable(PackyError):
    """config.yaml cannot be written; nothing has changed.

    Args:
        message: why, and how to repair it; holds no content of the file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def draft_packycode(path: Path, change: Callable[[Block], Block]) -> tuple[Block, Snapshot]:
    """Work out what a change would amount to, and write nothing.

    Args:
        path: config.yaml; need not exist.
        change: as for `write_packycode`, but without the lock.

    Returns:
        The new block, and the snapshot that it would lead to.

    Raises:
        ConfigError: it would not be a valid configuration. Problems with a line were there before; the others are
            those of the new block and of what the environment and Codex CLI's files add to it.
    """
    return _draft(path, _read(path)[1], change)


def write_packycode(
    path: Path, change: Callable[[Block], Block], approve: Callable[[Snapshot], object] = bool
) -> Snapshot:
    """Change the packycode block of a configuration file.

    Args:
        path: config.yaml; symlinks on the way are followed. It is created where it does not exist, for its owner only.
        change: is given the block as it is written now (plain data, empty where there is none), under the lock;
            returns the block to write. Whatever it raises leaves the file as it is. Called again if somebody edits the
            file at the same moment.
        approve: is given the snapshot that the change leads to, under the lock, before anything is written; may raise
            as well.

    Returns:
        The snapshot that the new file, the environment and Codex CLI's files amount to.

    Raises:
        ConfigError: as for `draft_packycode`.
        ConfigNotWritable: the file or its folder is read-only, the disk full, or the text such that the block cannot
            be put into it.
    """
    real = Path(os.path.realpath(path))
    try:
        with _locked(real):
            for _ in range(_TRIES):
                before = _found(real)
                old, document = _read(path)
                block, snapshot = _draft(path, document, change)
                approve(snapshot)
                new = _edited(old, document, block)
                if new == old or _replace(real, new, _mode(before, document, block), before):
                    return snapshot
    except OSError as error:
        raise ConfigNotWritable(_explain(real, error)) from None
    raise ConfigNotWritable(f"{real} is being edited by somebody else all the time. Nothing has changed; try again")


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


def _read(path: Path) -> tuple[bytes, Document]:
    try:
        content = read_bytes(path) or b""
        return content, parse_document(content, str(path))
    except Unreadable as error:
        problem = error.problem
    raise ConfigError((problem,))


def _draft(path: Path, document: Document, change: Callable[[Block], Block]) -> tuple[Block, Snapshot]:
    written = document.root.get(BLOCK)
    block = change(copy.deepcopy(written) if isinstance(written, dict) else {})
    return block, load_snapshot(path, block=block)


def _edited(old: bytes, document: Document, block: Block) -> bytes:
    """Put the block into the text, and make sure that the text then says just this, and all else as before."""
    text = old.decode()
    newline = "\r\n" if 0 < text.count("\n") == text.count("\r\n") else "\n"
    # ruamel meets some forms with whatever Python raises there (0.19.1: AttributeError). What it makes of the others is
    # looked at before it counts, so that nothing is hidden here but why.
    with suppress(Exception):
        new = edit_block(text.replace("\r\n", "\n"), block).replace("\n", newline).encode()
        if parse_document(new, document.name).root == {**document.root, BLOCK: block}:
            return new
    fix = "write `packycode:` at its end, on a line of its own, with indented lines under it"
    raise ConfigNotWritable(f"{document.name} has a form that packy cannot edit; {fix}. Nothing has changed.")


def _found(real: Path) -> os.stat_result | None:
    """Look at a file as it is now; None where there is none."""
    try:
        found = real.stat()
    except FileNotFoundError:
        return None
    if not (found.st_mode & _WRITABLE and os.access(real, os.W_OK)):
        text = f"{real} is read-only for the gateway's user: chmod u+w {real}, or chown it. Nothing has changed."
        raise ConfigNotWritable(text)
    return found


def _mode(before: os.stat_result | None, document: Document, block: Block) -> int:
    """Give the new file's mode: the old one's, but for one that everybody may read, and that gets a key with this."""
    if before is None:
        return _NEW_FILE_MODE
    mode = stat.S_IMODE(before.st_mode)
    if mode & stat.S_IROTH and (key := _key(block)) is not None and key != _key(document.root.get(BLOCK)):
        # Whoever may write it has been chosen; a group that may merely read it comes with the usual umask.
        mode &= ~(stat.S_IRWXO if mode & stat.S_IWGRP else stat.S_IRWXO | stat.S_IRWXG)
    return mode


def _key(block: object) -> object:
    section = block.get("credentials") if isinstance(block, dict) else None
    return section.get("openai-api-key") if isinstance(section, dict) else None


def _replace(real: Path, new: bytes, mode: int, before: os.stat_result | None) -> bool:
    """Replace a file, unless somebody has edited it since."""
    # One name for all: what a crash leaves behind is overwritten by the next writer.
    name = real.with_name(f".{real.name}.new")
    try:
        name.unlink(missing_ok=True)
        with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _NEW_FILE_MODE), "wb") as file:
            if before:
                os.fchmod(file.fileno(), mode)
                with suppress(PermissionError):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        if _state(_found(real)) != _state(before):
            return False
        name.replace(real)
    finally:
        with suppress(OSError):
            name.unlink()
    # The new file is in place, whether its name has reached the disk or not.
    with suppress(OSError):
        _sync_folder(real.parent)
    return True


def _state(found: os.stat_result | None) -> object:
    return found and (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(real: Path, error: OSError) -> str:
    folder = real.parent
    reasons = {
        errno.ENOSPC: "the disk is full; make room",
        errno.EDQUOT: "the disk quota is used up; make room",
        errno.EFBIG: "the process may not write files of this size; raise its limit (ulimit -f)",
        errno.EROFS: "its file system is read-only; mount it writable, or edit the file where it comes from",
        errno.EACCES: f"the gateway's user may not write to {folder}; give it the permission",
        errno.EPERM: f"the gateway's user may not write to {folder}; give it the permission",
        errno.ENOENT: f"the folder {folder} does not exist; create it",
        errno.EBUSY: "it is mounted as a single file; mount its folder instead",
        errno.EXDEV: "it is mounted as a single file; mount its folder instead",
    }
    reason = reasons.get(error.errno or 0, f"writing failed ({errno.errorcode.get(error.errno or 0, 'unknown error')})")
    return f"{real} cannot be written: {reason}. Nothing has changed."
