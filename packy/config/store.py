"""Holds the snapshot in force, and replaces it when the configuration has changed."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from packy.config.changes import client_counts, describe_changes
from packy.config.document import Unreadable, read_bytes
from packy.config.generation import Generation
from packy.config.problems import ConfigError
from packy.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.config.model import Snapshot, Sources
    from packy.config.problems import Problem

__all__ = ["SnapshotStore"]

Cause = Literal["edit", "management"]


class SnapshotStore:
    """One reference to one immutable snapshot; reading it takes no lock.

    Args:
        snapshot: the first one.
        load: builds a snapshot from the sources as they are now; None for a store that never reloads.
        generation: counts the writes of all workers; made before the fork.

    Attributes:
        problems: why the sources as they are now are not in force; empty while they are.
        loaded_at: Unix time at which the snapshot in force was loaded.
    """

    def __init__(
        self, snapshot: Snapshot, load: Callable[[], Snapshot] | None = None, generation: Generation | None = None
    ) -> None:
        self.problems: tuple[Problem, ...] = ()
        self.loaded_at = time.time()
        self._snapshot = snapshot
        self._load = load
        self._generation = generation or Generation()
        self._seen = self._generation.value
        self._loaded = b""
        self._lock = threading.RLock()

    def current(self) -> Snapshot:
        """Return the snapshot in force. A request calls this once and keeps what it got.

        Whatever has been written through packy before, by whichever worker, is in it.
        """
        if self._generation.value != self._seen:
            self.reload("management")
        return self._snapshot

    def reload(self, cause: Cause) -> bool:
        """Load the sources again; put them in force if they are valid, keep what is in force if not.

        Args:
            cause: why, for the log.

        Returns:
            Whether what is in force is now what the sources say.
        """
        if self._load is None:
            return True
        with self._lock:
            seen = self._generation.value
            if cause == "management" and seen == self._seen:
                return not self.problems
            content = _digest(self._snapshot.sources)
            if content != self._loaded:
                try:
                    after = self._load()
                except ConfigError as error:
                    self._refuse(error.problems)
                else:
                    self._accept(after, cause)
            # What was counted before the load is certainly in it. What was there is, unless it has changed meanwhile:
            # then the digest is of something else than what is in force, and must not stand for it.
            self._loaded = content if content == _digest(self._snapshot.sources) else b""
            self._seen = seen
            return not self.problems

    def swap(self, snapshot: Snapshot) -> Snapshot:
        """Put another snapshot in force and return the one before."""
        before, self._snapshot = self._snapshot, snapshot
        self.loaded_at = time.time()
        return before

    def written(self) -> None:
        """Tell all workers, this one included, that config.yaml has been written."""
        self._generation.bump()
        self.current()

    def _accept(self, after: Snapshot, cause: Cause) -> None:
        before = self.swap(after)
        recovered, self.problems = bool(self.problems), ()
        changes = describe_changes(before, after)
        if changes or recovered:
            logger.info("config_reloaded", cause=cause, changes=changes, **client_counts(after))

    def _refuse(self, problems: tuple[Problem, ...]) -> None:
        if problems != self.problems:
            self.problems = problems
            # Without the values: one of them may be a key that stands in the wrong place.
            told = [replace(each, value="").in_one_line for each in problems]
            logger.error("config_invalid", problems=told)


def _digest(sources: Sources) -> bytes:
    """Hash what the sources hold, so that they need not be loaded again for nothing."""
    digest = hashlib.sha256()
    for file in (sources.config_file, sources.env_file, *sources.codex_files):
        try:
            content = (file and read_bytes(file)) or b""
        except Unreadable as error:
            content = error.problem.problem.encode()
        digest.update(b"%d:" % len(content) + content)
    return digest.digest()
