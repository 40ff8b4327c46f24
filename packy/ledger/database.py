"""The database behind the ledger: an SQLite file, or PostgreSQL; the only place that speaks to either."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, delete, event, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from packy.ledger.failures import LedgerUnavailable
from packy.ledger.migrate import migrate
from packy.ledger.state import ledger_file, prepare_file
from packy.ledger.table import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from packy.config import Secret
    from packy.ledger.failures import Reason
    from packy.ledger.row import Row

__all__ = ["Database"]

_BUSY: Final = 5.0
_POSTGRESQL: Final = {
    "connect_timeout": 5,
    "application_name": "packy",
    # A server that is gone without a word is noticed within so many seconds (milliseconds for the last).
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "tcp_user_timeout": 20_000,
    # Prepared statements do not survive a connection pooler between packy and the server.
    "prepare_threshold": None,
}
_SLOWEST_MS: Final = 30_000
# By SQLSTATE, as far as it goes (PostgreSQL's manual, appendix A), and by SQLite's result codes.
_SQLSTATES: Final[tuple[tuple[str, Reason], ...]] = (
    ("28", "access_denied"),
    ("42501", "access_denied"),
    ("3D", "no_database"),
    ("53100", "full"),
    ("55P03", "busy"),
    ("57014", "busy"),
    ("08", "unreachable"),
    ("53", "unreachable"),
    ("57", "unreachable"),
)
_SQLITE: Final[tuple[tuple[str, Reason], ...]] = (
    ("SQLITE_CANTOPEN", "state_folder"),
    ("SQLITE_READONLY", "state_folder"),
    ("SQLITE_PERM", "state_folder"),
    ("SQLITE_IOERR", "state_folder"),
    ("SQLITE_FULL", "full"),
    ("SQLITE_BUSY", "busy"),
    ("SQLITE_LOCKED", "busy"),
    ("SQLITE_CORRUPT", "corrupt"),
    ("SQLITE_NOTADB", "corrupt"),
)


class Database:
    """One database, for one thread at a time; connections are made when they are needed.

    Args:
        url: of the configuration; None for the file in the state folder.
        writes: whether it is for writing, and so keeps its connection.

    Raises:
        LedgerUnavailable: the URL cannot be used, or there is no state folder.
    """

    def __init__(self, url: Secret | None, *, writes: bool) -> None:
        parsed = URL.create("sqlite", database=str(ledger_file())) if url is None else _parse(url)
        self.file = Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
        # PostgreSQL's takes 50 ms to import, and most gateways have none.
        dialect = import_module(f"sqlalchemy.dialects.{'sqlite' if self.file else 'postgresql'}")
        self._insert = dialect.insert(REQUESTS).on_conflict_do_nothing()
        self._engine = _engine(parsed, writes=writes)
        self._ready = False

    def __repr__(self) -> str:
        return f"Database({self.file or 'postgresql'})"

    def add(self, rows: Sequence[Row]) -> int:
        """Enter rows, in one transaction; those that are there already, by their request id, are left as they are.

        Returns:
            How many of them the database refuses for what they hold.

        Raises:
            LedgerUnavailable: nothing has been entered, or all of it without an answer; it may be entered again.
        """
        try:
            with self._begin() as connection:
                connection.execute(self._insert, rows)
        except (DataError, IntegrityError):
            if len(rows) == 1:
                return 1
            return sum(self.add([row]) for row in rows)
        return 0

    def prune(self, before: int, limit: int) -> int:
        """Remove the oldest rows.

        Args:
            before: Unix time in milliseconds; what is as young is kept.
            limit: the most to remove at once, so that others need not wait long.

        Returns:
            How many were removed.

        Raises:
            LedgerUnavailable: the database fails.
        """
        oldest = select(REQUESTS.c.request_id).where(REQUESTS.c.time < before).order_by(REQUESTS.c.time).limit(limit)
        with self._begin() as connection:
            removed: int = connection.execute(delete(REQUESTS).where(REQUESTS.c.request_id.in_(oldest))).rowcount
        return removed

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database, and for a bounded time.

        Raises:
            LedgerUnavailable: the database fails, within the context too.
        """
        with self._begin() as connection:
            if self.file is None:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_SLOWEST_MS}")
            yield connection

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            if not self._ready:
                if self.file:
                    prepare_file(self.file)
                migrate(self._engine, self.file)
                self._ready = True
            with self._engine.begin() as connection:
                yield connection
        except (DataError, IntegrityError):
            raise
        except SQLAlchemyError as error:
            # Its text may hold what the URL holds.
            raise LedgerUnavailable(_reason(error), str(self.file or "")) from None


def _parse(given: Secret) -> URL:
    try:
        url = make_url(given.reveal())
    except (ArgumentError, ValueError):
        url = None
    # SQLite's other names are not files that several workers could share.
    if url is None or (url.get_backend_name() == "sqlite" and (url.database or ":memory:").startswith((":", "file:"))):
        raise LedgerUnavailable("url")
    return url


def _engine(url: URL, *, writes: bool) -> Engine:
    kept: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_pre_ping": True}
    pool = kept if writes else {"poolclass": NullPool}
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(url, connect_args=_POSTGRESQL | dict(url.query), **pool)
        engine = create_engine(url, connect_args={"timeout": _BUSY, "check_same_thread": False}, **pool)
    except (ArgumentError, NoSuchModuleError):
        raise LedgerUnavailable("url") from None

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        # Python's module would begin transactions of its own, and none before a SELECT or a CREATE.
        connection.isolation_level = None
        # In WAL mode no row is lost with the process, and at most the last ones with the machine.
        connection.execute("PRAGMA synchronous=NORMAL").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer that began as a reader is refused, without waiting, once another has written meanwhile.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _reason(error: SQLAlchemyError) -> Reason:
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        code, table = getattr(cause, "sqlite_errorname", ""), _SQLITE
    else:
        code, table = getattr(cause, "sqlstate", None) or "", _SQLSTATES
        if not code and isinstance(error, DBAPIError):
            return _without_code(str(cause))
    return next((reason for begins, reason in table if code.startswith(begins)), "failed")


def _without_code(text: str) -> Reason:
    """Tell why there is no connection; psycopg hands the server's code on for nothing before that."""
    if re.search(r'database ".*" does not exist', text):
        return "no_database"
    return "access_denied" if re.search(r"authentication|pg_hba\.conf|role \"", text) else "unreachable"
