"""Outside edits arrive here: a watchdog thread sees them, and calls back once when they have settled.

The folders of the files are watched, not the files: editors and Kubernetes replace files by renaming others over them
(a ConfigMap swaps a symlink in the parent folder), and what has been replaced tells no one.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

from packy.telemetry import logger, uncaught

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

    from packy.config.store import SnapshotStore

__all__ = ["Watcher", "watch_sources"]

# Events that change nothing. Reading the configuration raises them, so they would make a reload call for the next.
_READING = {"opened", "closed_no_write"}
_WRITING = {"modified", "closed"}
# Without inotify the files are looked at so often; with it, in case that it misses something (an overflow, NFS).
_POLL_SECONDS = 0.4
_LOOK_SECONDS = 5.0


class Watcher:
    """Watches files, and everything on the way to them that may be swapped.

    Start it after the fork: threads do not survive one. Under gevent's patching its threads are greenlets.

    Args:
        files: paths to watch; they need not exist, nor their folders.
        changed: called in the watcher's thread, once for each burst of changes.
        settle: seconds of quiet that end a burst.
        longest: seconds after which a burst without end is reported all the same.
        method: `inotify` where there is one, or `polling` for file systems that report nothing (NFS, some containers).
    """

    def __init__(
        self,
        files: Iterable[Path],
        changed: Callable[[], object],
        *,
        settle: float = 0.15,
        longest: float = 0.6,
        method: Literal["inotify", "polling"] = "inotify",
    ) -> None:
        self._files = [Path(each).absolute() for each in files]
        self._changed = changed
        self._settle = settle
        self._longest = longest
        self._method = method
        self._touched = threading.Event()
        self._stopped = threading.Event()
        self._observer: BaseObserver | None = None
        self._folders: frozenset[Path] = frozenset()
        self._state: tuple[object, ...] = ()

    def start(self) -> None:
        """Begin to watch."""
        self._state = self._look()
        self._watch()
        threading.Thread(target=self._run, name="packy-watcher", daemon=True).start()

    def stop(self) -> None:
        """End the watch; more than once does no harm."""
        self._stopped.set()
        self._touched.set()
        if self._observer is not None:
            self._observer.stop()
            self._observer = None

    @property
    def method(self) -> str:
        """How it watches: `inotify` or `polling`."""
        return self._method

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._touched.wait(_POLL_SECONDS if self._method == "polling" else _LOOK_SECONDS)
            if self._touched.is_set() or self._look() != self._state:
                self._settle_down()
            if self._stopped.is_set():
                return
            # A folder on the way may have come, gone, or become another one.
            if self._observer and _folders(self._files) != self._folders:
                self._watch()
            state = self._look()
            if state != self._state:
                self._state = state
                try:
                    self._changed()
                except Exception as error:  # noqa: BLE001 - the watch goes on, whatever a reload meets
                    uncaught("thread", error)

    def _settle_down(self) -> None:
        """Wait until a burst of changes is over, or goes on for too long."""
        deadline = time.monotonic() + self._longest
        before: object = None
        while before != (state := self._look()) and time.monotonic() < deadline and not self._stopped.is_set():
            before = state
            self._touched.clear()
            while self._touched.wait(self._settle) and time.monotonic() < deadline:
                self._touched.clear()
        self._touched.clear()

    def _watch(self) -> None:
        """Watch the folders as they are now."""
        if self._observer is not None:
            self._observer.stop()
            self._observer = None
        self._folders = _folders(self._files)
        if self._method == "polling":
            return
        try:
            self._observer = self._observe()
        except OSError:
            # No inotify instances left, or none in this kernel.
            self._method = "polling"

    def _observe(self) -> BaseObserver:
        observer: BaseObserver = Observer()
        # Each by its own name, and by that of what it leads to; realpath does not mind links that go in circles.
        names = {os.path.basename(path(each)) for each in self._files for path in (os.fspath, os.path.realpath)}  # noqa: PTH119 - text
        handler = _Handler(self._touched, names)
        for folder in self._folders:
            observer.schedule(handler, str(folder))
        observer.start()
        return observer

    def _look(self) -> tuple[object, ...]:
        """Give what tells one state of the files from another: which file each path leads to, and its last change."""
        return tuple(_fingerprint(each) for each in self._files)


def watch_sources(store: SnapshotStore, method: Literal["inotify", "polling"] = "inotify") -> Watcher:
    """Reload a store whenever one of its snapshot's sources is edited.

    Args:
        store: what to reload.
        method: how to watch.

    Returns:
        The watcher, started.
    """
    sources = store.current().sources
    files = [each for each in (sources.config_file, sources.env_file, *sources.codex_files) if each is not None]
    watcher = Watcher(files, lambda: store.reload("edit"), method=method)
    watcher.start()
    # What was edited between the load and this moment, nobody has seen.
    store.reload("edit")
    logger.info("config_watched", method=watcher.method)
    return watcher


class _Handler(FileSystemEventHandler):
    """Tells of what may concern the files.

    What comes, goes or is renamed in their folders may: a link on the way to them. What is written concerns them only
    if it is one of them: a log file beside config.yaml is written all the time.
    """

    def __init__(self, touched: threading.Event, names: set[str]) -> None:
        self._touched = touched
        self._names = names

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _READING:
            return
        if event.event_type not in _WRITING or os.path.basename(os.fsdecode(event.src_path)) in self._names:  # noqa: PTH119 - bytes or text, and nothing else is wanted of it
            self._touched.set()


def _fingerprint(file: Path) -> object:
    try:
        found = file.stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _folders(files: Iterable[Path]) -> frozenset[Path]:
    """Give the folders in which a change can lead a path elsewhere: its own, and those of each symlink on the way.

    A folder that does not exist is represented by the nearest one above it that does.
    """
    folders: set[Path] = set()
    todo, seen = list(files), set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        parent = path.parent
        # pathlib's own raise PermissionError before Python 3.14, as for a home that belongs to somebody else.
        while not os.path.isdir(parent) and parent != parent.parent:  # noqa: PTH112
            parent = parent.parent
        folders.add(parent)
        for step in (path, *path.parents):
            if os.path.islink(step):  # noqa: PTH114
                target = step.parent / step.readlink()
                folders.add(step.parent)
                todo.append(target / path.relative_to(step))
    return frozenset(folders)
