"""The ledger of the running gateway: requests in on one side, rows out on the other, and no stream waits for either.

Nothing here loads SQLAlchemy before there is something to write or to read.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import gevent
from gevent.event import Event
from gevent.threadpool import ThreadPool

from packy.ledger.failures import LedgerOff, LedgerUnavailable
from packy.ledger.row import row_of
from packy.telemetry import logger, uncaught

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from packy.config import LedgerSettings
    from packy.ledger.database import Database
    from packy.ledger.row import Row

__all__ = ["Ledger"]

_T = TypeVar("_T")
_P = ParamSpec("_P")

_CAPACITY: Final = 10_000
_BATCH: Final = 500
_PRUNED_AT_ONCE: Final = 1_000
_TICK: Final = 0.5
_DOUBLINGS: Final = 5
_PRUNE_EVERY: Final = 600.0
_READERS: Final = 2
_EXIT: Final = 5.0


class Ledger:
    """Enters requests, and answers questions about them.

    Called with the record of a request, it takes a row of it into a queue and is done. Every half second a greenlet
    has a thread of its own write what has come in; that is also how soon changed settings take effect. While the
    database is down, rows wait, and the newest ones are lost once there are too many.

    Args:
        settings: gives those in force.
        clock: gives Unix time.
        capacity: how many rows may wait.

    Attributes:
        lost: requests that were not entered, because too many waited or the database refused them.
    """

    def __init__(
        self,
        settings: Callable[[], LedgerSettings],
        *,
        clock: Callable[[], float] = time.time,
        capacity: int = _CAPACITY,
    ) -> None:
        self.lost = 0
        self._settings = settings
        self._clock = clock
        self._capacity = capacity
        self._queue: deque[Row] = deque()
        self._taking = False
        self._greenlet: gevent.Greenlet[[], None] | None = None
        self._ending = Event()
        self._in_force: LedgerSettings | None = None
        self._database: Database | None = None
        self._reader: tuple[LedgerSettings, Database] | None = None
        # Threads do not survive a fork: they are made by the process that needs them.
        self._writing: ThreadPool | None = None
        self._reading: ThreadPool | None = None
        self._failures = 0
        self._prune_at = 0.0

    def __call__(self, record: Mapping[str, object]) -> None:
        """Take the record of a request that has ended; never waits, never fails."""
        if not self._taking or (row := row_of(record, self._clock())) is None:
            return
        if len(self._queue) < self._capacity:
            self._queue.append(row)
        else:
            self.lost += 1

    @property
    def waiting(self) -> int:
        """How many requests have not been entered yet."""
        return len(self._queue)

    def start(self) -> None:
        """Begin to take and to write, in this process."""
        self._taking = self._settings().enabled
        self._writing = ThreadPool(1)
        self._greenlet = gevent.spawn(self._run)

    def stop(self, patience: float = _EXIT) -> None:
        """Write what waits, as far as that is done in time, and end.

        Args:
            patience: seconds.
        """
        if self._greenlet is None:
            return
        with gevent.Timeout(patience, exception=False):  # type: ignore[arg-type] # gevent's way to leave the block
            self._ending.set()
            self._greenlet.join()
            self._step()
            if self._database is not None and self._writing is not None:
                _in_thread(self._writing, self._database.close)
        self._taking = False
        self._greenlet = None
        if left := len(self._queue):
            self.lost += left
            self._queue.clear()
            logger.warning("ledger_lost", records=left)

    def read(self, question: Callable[[Connection], _T]) -> _T:
        """Ask the database something, in a thread.

        Args:
            question: gets a connection that it may read with.

        Returns:
            Its answer; what was entered within the last second may be missing from it.

        Raises:
            LedgerOff: there is no ledger.
            LedgerUnavailable: it cannot be read.
        """
        settings = self._settings()
        if not settings.enabled:
            raise LedgerOff
        # A pool without tasks counts as false.
        if self._reading is None:
            self._reading = ThreadPool(_READERS)
        return _in_thread(self._reading, self._ask, settings, question)

    def _ask(self, settings: LedgerSettings, question: Callable[[Connection], _T]) -> _T:
        from packy.ledger.database import Database  # noqa: PLC0415 - not before there is something to read

        known = self._reader
        if known is None or known[0] != settings:
            known = self._reader = (settings, Database(settings.url, writes=False))
        with known[1].read() as connection:
            return question(connection)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next second is another one
                uncaught("greenlet", error)
                self._failures += 1
            self._ending.wait(self._pause())

    def _pause(self) -> float:
        pause: float = _TICK * 2 ** min(self._failures, _DOUBLINGS)
        return pause

    def _step(self) -> None:
        """Do what there is to do; a failure of the database is told once, and again when it is over."""
        settings = self._settings()
        if self._writing is None:
            return
        try:
            _in_thread(self._writing, self._work, settings)
        except LedgerUnavailable as error:
            if not self._failures:
                logger.warning("ledger_unavailable", reason=error.reason, message=str(error))
            self._failures += 1
        else:
            if self._failures:
                logger.info("ledger_recovered", lost=self.lost)
            self._failures = 0

    def _work(self, settings: LedgerSettings) -> None:
        if settings != self._in_force:
            self._switch(settings)
        if settings.enabled:
            from packy.ledger.database import Database  # noqa: PLC0415 - a ledger that is off costs nothing

            self._database = self._database or Database(settings.url, writes=True)
            self._write(self._database)
            self._prune(self._database, settings.retention_days)

    def _switch(self, settings: LedgerSettings) -> None:
        """Leave the database of the settings before; what waits goes there, or, if that fails, to the next."""
        before, self._database = self._database, None
        if before:
            with suppress(LedgerUnavailable):
                self._write(before)
            before.close()
        self._taking = settings.enabled
        if not settings.enabled:
            self.lost += len(self._queue)
            self._queue.clear()
        self._in_force = settings
        self._prune_at = 0.0

    def _write(self, database: Database) -> None:
        while batch := list(islice(self._queue, _BATCH)):
            self.lost += database.add(batch)
            for _ in batch:
                self._queue.popleft()

    def _prune(self, database: Database, days: int) -> None:
        """Remove some of what is too old; what is left of it comes with the next step."""
        now = self._clock()
        if now >= self._prune_at:
            removed = database.prune(int((now - days * 86_400) * 1000), _PRUNED_AT_ONCE)
            if removed < _PRUNED_AT_ONCE:
                self._prune_at = now + _PRUNE_EVERY


def _in_thread(pool: ThreadPool, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a function that waits for a database in a real thread, and this greenlet until it is done."""

    def run() -> tuple[_T | None, Exception | None]:
        try:
            return function(*args, **kwargs), None
        except Exception as error:  # noqa: BLE001 - raised again below; the pool would log it as nobody's
            return None, error

    result, error = pool.apply(run)
    if error:
        raise error
    return result  # type: ignore[return-value] # there is one, as there was no error
