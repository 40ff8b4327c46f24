"""Where the workers of one gunicorn keep their counts: prometheus-client's multiprocess folder.

Each worker counts into files of its own, in memory that outlives it, so that nothing is lost with a killed worker; a
scrape adds up all of them. What dead workers have counted is merged into one file a kind, or a gateway that restarts
its workers often would collect files without end.

Stands apart from packy.telemetry.metrics: prometheus-client decides at its import whether it counts into files.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packy.telemetry.hooks import uncaught

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VARIABLE", "claim_folder", "retire_worker", "sealed"]

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client's environment variable that names the folder."""

_PREFIX: Final = "packy-metrics-"
_LOCK: Final = "merging.lock"
_YOUNG: Final = 60  # seconds
_COUNTS: Final = ("counter", "histogram")

_claimed: Path | None = None
_dead: set[int] = set()


def claim_folder() -> Path:
    """Make the folder, or take the one that the operator names in PROMETHEUS_MULTIPROC_DIR, and name it there.

    Call it in gunicorn's main process, before anything imports prometheus-client; calling it again changes nothing. An
    own folder is readable by its user only and goes with the process. What is left in a folder that nobody uses any
    more (told by a lock that a process and all its forks hold) goes now: another run's counts are not this one's.

    Returns:
        The folder.

    Raises:
        OSError: there is no place for it.
    """
    global _claimed  # noqa: PLW0603 - a process has one
    if _claimed is not None:
        return _claimed
    given = os.environ.get(VARIABLE)
    if given:
        folder = Path(given)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _hold(folder, clear=True)
    else:
        _remove_abandoned()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        atexit.register(_remove_own, folder, _hold(folder), os.getpid())
    _claimed = folder.absolute()
    os.environ[VARIABLE] = str(_claimed)
    return _claimed


def retire_worker(pid: int) -> None:
    """Forget what a dead worker was doing, and keep what it has counted.

    Call it in gunicorn's main process. What cannot be merged now, because somebody reads it, is merged with the next
    one; it counts in either place.

    Args:
        pid: the worker's.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        return
    _dead.add(pid)
    try:
        # Scrapes do not mind when these vanish.
        for gauges in Path(folder).glob(f"gauge_*_{pid}.db"):
            gauges.unlink()
        # Not waiting for scrapes: the main process has workers to start.
        with sealed(Path(folder), exclusively=True):
            while _dead:
                _merge(Path(folder), _dead.pop())
    except BlockingIOError:
        pass
    except Exception as error:  # noqa: BLE001 - gunicorn ends over an exception here
        uncaught("metrics", error)


@contextmanager
def sealed(folder: Path, *, exclusively: bool = False) -> Iterator[None]:
    """Keep the files from being merged while they are read, or from being read while they are merged.

    Args:
        folder: the claimed one.
        exclusively: whether to merge.

    Raises:
        BlockingIOError: somebody reads, so that nobody may merge now.
    """
    with (folder / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusively else fcntl.LOCK_SH)
        yield


def _merge(folder: Path, pid: int) -> None:
    from prometheus_client import mmap_dict  # noqa: PLC0415 - not before the folder is claimed

    counts_of: Any = mmap_dict.MmapedDict  # it has no types
    for kind in _COUNTS:
        source = folder / f"{kind}_{pid}.db"
        if not source.exists():
            continue
        # All of it before the first is written: what fails must not be counted by half.
        counts = list(counts_of.read_all_values_from_file(str(source))) if source.stat().st_size else []
        merged = counts_of(str(folder / f"{kind}_retired-{os.getpid()}.db"))
        for key, value, _, _ in counts:
            merged.write_value(key, merged.read_value(key)[0] + value, 0.0)
        merged.close()
        source.unlink()


def _hold(folder: Path, *, clear: bool = False) -> int:
    """Lock the folder for as long as this process or a fork of it lives; return the descriptor, which stays open."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    if clear and _is_free(descriptor):
        for each in folder.glob("*.db"):
            each.unlink()
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _is_free(descriptor: int) -> bool:
    """Tell whether nobody holds a folder but this process and its forks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_abandoned() -> None:
    """Remove the folders of gateways that were killed, not those that another is making right now."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                found = os.fstat(descriptor)
                old = time.time() - found.st_mtime > _YOUNG
                if old and found.st_uid == os.getuid() and _is_free(descriptor):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _remove_own(folder: Path, descriptor: int, owner: int) -> None:
    """Remove the folder when the main process ends, unless its successor has taken it over.

    Forks run this when they end, too.
    """
    if os.getpid() == owner and _is_free(descriptor):
        shutil.rmtree(folder, ignore_errors=True)
