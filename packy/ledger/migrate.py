"""Brings a database to the schema that this packy writes: once, whoever comes first."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout
from sqlalchemy import inspect, text

from packy.ledger.failures import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

__all__ = ["HEAD", "MIGRATIONS", "migrate"]

HEAD: Final = "0001"
"""The newest version of the schema."""
MIGRATIONS: Final = Path(__file__).with_name("migrations")
"""Alembic's script location."""

_VERSION: Final = text("SELECT version_num FROM alembic_version")
# Any number will do that no other program on the same server takes for its own; these are the letters of `packy`.
_LOCK: Final = 0x7061636B79
_PATIENCE: Final = 30.0


def migrate(engine: Engine, file: Path | None, migrations: Path = MIGRATIONS, head: str = HEAD) -> None:
    """Upgrade the schema, under a lock that workers and other gateways share; alembic is loaded only if need be.

    Args:
        engine: of the database.
        file: of an SQLite database, which must exist; None for PostgreSQL.
        migrations: alembic's script location.
        head: the newest version in it.

    Raises:
        LedgerUnavailable: the database is of a newer version, or others hold the lock for too long.
        DBAPIError: the database fails.
    """
    with _locked(engine, file) as connection:
        found = connection.scalar(_VERSION) if inspect(connection).has_table("alembic_version") else None
        if found == head:
            return
        if found is not None and found > head:
            raise LedgerUnavailable("newer_schema", str(file or ""))
        _upgrade(connection, migrations)


@contextmanager
def _locked(engine: Engine, file: Path | None) -> Iterator[Connection]:
    """Give a connection in a transaction that nobody else has one of at the same time."""
    if file is None:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield connection
        return
    try:
        with FileLock(f"{file}.lock", timeout=_PATIENCE, mode=0o600):
            with engine.connect() as connection:
                # Kept in the file. Outside of any transaction, as SQLite wants it.
                driver = connection.connection.driver_connection
                assert driver is not None  # noqa: S101 - for mypy: a connection that is open has one
                driver.execute("PRAGMA journal_mode=WAL").close()
            with engine.begin() as connection:
                yield connection
    except Timeout:
        raise LedgerUnavailable("busy", str(file)) from None
    except OSError:
        raise LedgerUnavailable("state_folder", str(file.parent)) from None


def _upgrade(connection: Connection, migrations: Path) -> None:
    # It tells its plugins when it is imported.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415 - 10 MB that most starts do without
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
